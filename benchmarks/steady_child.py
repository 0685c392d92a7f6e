"""One contender of the steady state, in a process of its own that waits for its turns.

    python -m benchmarks.steady_child forward|openvino|tensorflow

Each line on stdin is a batch size, each answer on stdout the seconds that one image took.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.explainer import Explainer
from gradcam_cli.methods import grad_cam, normalize
from gradcam_cli.models.preprocessing import PREPROCESSING
from gradcam_cli.models.selection import select_model
from gradcam_cli.targets import Target

MODEL = "vgg16"
SUNGLASSES = 837
_LEAST_SECONDS = 0.5

Batch = NDArray[np.float32]
Prepare = Callable[[Batch], tuple[Callable[[], Any], int]]
"""From a batch to what is timed, and how many images that is."""


def forward() -> Prepare:
    """The forward pass alone, from pixels to logits, as a TensorFlow function."""
    from gradcam_cli.models.framework import tensorflow

    tf, _ = tensorflow()
    tf.get_logger().setLevel("ERROR")  # it warns that each batch size is traced, as it should be
    network = select_model(MODEL).open(offline=True).network()
    run = tf.function(lambda image: network(image, training=False))

    def prepare(batch: Batch) -> tuple[Callable[[], Any], int]:
        image = tf.constant(batch)
        return lambda: run(image).numpy(), len(batch)

    return prepare


def explanation(engine_name: Any) -> Prepare:
    """All of an explanation but reading and writing pictures: features, method, heatmap.

    As many batches side by side as the engine gains by.
    """
    explainer = Explainer.load(MODEL, engine=engine_name, offline=True)
    engine, layer = explainer.engine, explainer.layer
    pool = ThreadPoolExecutor(engine.parallel)

    def explain(batch: Batch, targets: list[Target]) -> None:
        results = engine.gradients(batch, targets, [layer])
        pairs = zip(results.activations[layer], results.gradients[layer], strict=True)
        for activations, gradients in pairs:
            normalize(grad_cam(activations, gradients))

    def prepare(batch: Batch) -> tuple[Callable[[], Any], int]:
        targets = [Target(SUNGLASSES)] * len(batch)
        several = range(engine.parallel if len(batch) > 1 else 1)
        return (
            lambda: list(pool.map(lambda _: explain(batch, targets), several)),
            len(batch) * len(several),
        )

    return prepare


def seconds_per_image(prepare: Prepare, size: int) -> float:
    """The mean over what fits into half a second, at least once, after once that does not count."""
    pixels = np.random.default_rng(size).integers(0, 256, (size, 224, 224, 3), np.uint8)
    call, images = prepare(PREPROCESSING["caffe"](pixels))
    call()
    start, calls, elapsed = time.perf_counter(), 0, 0.0
    while elapsed < _LEAST_SECONDS:
        call()
        calls += 1
        elapsed = time.perf_counter() - start
    return elapsed / (calls * images)


def main() -> None:
    """Serve turns until stdin ends."""
    name = sys.argv[1]
    prepare = forward() if name == "forward" else explanation(name)
    for line in sys.stdin:
        print(seconds_per_image(prepare, int(line)), flush=True)


if __name__ == "__main__":
    main()
