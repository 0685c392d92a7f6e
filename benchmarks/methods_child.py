"""Methods on the compiled engine, in one process that waits for its turns.

    python -m benchmarks.methods_child MODEL INPUTS.npy METHOD...

Each line on stdin is a method, or "forward", and how many of the inputs to explain, each answer on
stdout the seconds that one took, by the clock and of the cores.
"""

from __future__ import annotations

import sys
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from gradcam_cli.answers import question_of
from gradcam_cli.explainer import Explainer
from gradcam_cli.methods import normalize
from gradcam_cli.methods.choice import parse_method
from gradcam_cli.targets import Target

CLASS = 837


def heatmap(explainer: Explainer, method: str, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """That of `image` for the class, in the size of the input, as pytorch-grad-cam has it."""
    question = question_of(explainer, [image], [[Target(CLASS)]], 1)
    small, _ = normalize(parse_method(method).maps(question).raw[0])
    return np.asarray(cv2.resize(small, image.shape[1::-1]))


def run(explainer: Explainer, method: str, image: NDArray[np.float32]) -> None:
    """Explain `image`, or run the network forward and no more."""
    if method == "forward":
        explainer.engine.forward(image[np.newaxis])
    else:
        heatmap(explainer, method, image)


def main(model: str, inputs: str, *methods: str) -> None:
    """Serve turns until stdin ends."""
    explainer = Explainer.load(model, methods=methods, engine="openvino", offline=True)
    every = np.load(inputs)
    for line in sys.stdin:
        method, count = line.split()
        images = every[: int(count)]
        clock, cores = time.perf_counter(), time.process_time()
        for image in images:
            run(explainer, method, image)
        clock, cores = time.perf_counter() - clock, time.process_time() - cores
        print(clock / len(images), cores / len(images), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
