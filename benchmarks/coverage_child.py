"""Every method of one model, in a process of its own; writes what came of them, as JSON.

python -m benchmarks.coverage_child MODEL WEIGHTS OUTPUT
"""

from __future__ import annotations

import json
import resource
import sys
import time
import traceback
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.commands import ROOT
from benchmarks.weights import draw, write_vgg16
from gradcam_cli.errors import GradcamError
from gradcam_cli.explainer import Explainer
from gradcam_cli.methods import METHODS, MethodChoice, normalize
from gradcam_cli.methods.choice import parse_methods
from gradcam_cli.models.catalog import find_model
from gradcam_cli.models.model import InputShape
from gradcam_cli.models.selection import Selection, is_path, select_model
from gradcam_cli.models.sources.keras_applications import KerasApplication
from gradcam_cli.models.sources.own_weights import OwnWeights
from gradcam_cli.runs.available import OpeningOptions, answer_of, open_available
from gradcam_cli.targets import TOP, Target

SAMPLE = ROOT / "sample_images" / "egyptian_cat.jpg"
FEW = {
    "smooth-grad-cam++": "samples=2",
    "ss-cam": "samples=1",
    "is-cam": "steps=1",
    "opti-cam": "steps=3",
    "occlusion": "stride=0.2",
    "rise": "masks=50",
    "integrated-gradients": "steps=5",
    "expected-gradients": "samples=5",
}
"""With few passes, of the methods that take as many as they are told."""
CHOICES = parse_methods([f"{name}:{FEW[name]}" if name in FEW else name for name in METHODS])
SIDES = {224: 96, 299: 149}
"""Of the pictures that are given to models for larger ones; their last layers are 3 × 3 or more."""
_LONG = 10.0
"""Seconds; a method that takes longer is not asked twice."""
_PER_MEGABYTE = 2**20 if sys.platform == "darwin" else 2**10


def small(source: KerasApplication) -> KerasApplication:
    """`source` for smaller pictures, which take a fraction of the time."""
    side = SIDES[source.info.input.height]
    return replace(source, info=replace(source.info, input=InputShape(side, side)))


def selection_of(name: str, weights: Path) -> Selection:
    """The model, where it needs some with drawn weights, which are written to `weights`."""
    if is_path(name):
        return select_model(str(ROOT / name))
    source = find_model(name)
    if not isinstance(source, KerasApplication):
        return select_model(name)
    if name == "vgg16":  # whose dense layers are for one size only
        write_vgg16(weights)
        return select_model(name, weights=weights)
    source = small(source)
    network = source.build()
    draw(network, name)
    network.save_weights(weights)
    return Selection((OwnWeights(source, weights),))


def flaw_of(raw: NDArray[np.float32], explainer: Explainer, method: MethodChoice) -> str:
    """What is wrong with a raw map; empty where nothing is."""
    sizes = {
        "the layer": explainer.engine.layers[explainer.layer][:2],
        "the input": tuple(explainer.model.input[:2]),
    }
    size = sizes.get(method.method.resolution, raw.shape)
    if raw.dtype != np.float32 or raw.shape != size or raw.ndim != 2:
        return f"expected {size} float32, got {raw.shape} {raw.dtype}"
    if not np.isfinite(raw).all():
        return "values that are not finite"
    heatmap, _ = normalize(raw)
    if heatmap.min() < 0 or heatmap.max() > 1 or not np.isfinite(heatmap).all():
        return "a heatmap that is not in 0..1"
    if raw.max() == raw.min() != 0:
        return f"the same value everywhere, {raw.max()}"
    return ""


def outcome(
    explainer: Explainer, method: MethodChoice, model_input: NDArray[np.float32]
) -> dict[str, Any]:
    """What came of a method: how long it took, and what is wrong with its map or warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = answer_of(explainer, method, model_input, Target(TOP))
    flaw = flaw_of(answer.raw, explainer, method)
    again = answer.seconds < _LONG
    if again and not flaw:
        second = answer_of(explainer, method, model_input, Target(TOP))
        flaw = "" if np.array_equal(answer.raw, second.raw) else "not the same twice"
    told = sorted({str(warning.message) for warning in caught})
    return {
        "flaw": flaw or "; ".join(told),
        "seconds": round(answer.seconds, 3),
        "twice": again,
        "evidence": normalize(answer.raw)[1],
        "shape": list(answer.raw.shape),
    }


def outcome_or_reason(
    explainer: Explainer,
    method: MethodChoice,
    model_input: NDArray[np.float32],
    refused: dict[str, GradcamError],
) -> dict[str, Any]:
    """The same, or why there is none."""
    try:
        if method.text in refused:
            raise refused[method.text]
        return outcome(explainer, method, model_input)
    except GradcamError as error:
        return {"reason": str(error)}
    except Exception as error:  # which no user may see
        traceback.print_exc()
        return {"flaw": f"{type(error).__name__}: {error}"}


def covered(name: str, weights: Path) -> dict[str, Any]:
    """What came of all methods."""
    notes: list[str] = []
    start = time.perf_counter()
    model = selection_of(name, weights).open(offline=True)
    available = open_available(model, None, CHOICES, OpeningOptions(offline=True), notes.append)
    opened = time.perf_counter() - start
    explainer = available.explainer
    assert explainer is not None  # there are methods that need scores only
    model_input = explainer.input_of(explainer.read(str(SAMPLE)).pixels)
    methods = {}
    for choice in CHOICES:
        found = outcome_or_reason(explainer, choice, model_input, available.refused)
        print(name, choice.text, found, file=sys.stderr, flush=True)
        methods[choice.text] = found
    return {
        "input": list(explainer.model.input),
        "layer": explainer.layer,
        "shape": list(explainer.engine.layers[explainer.layer]),
        "engine": explainer.engine.name,
        "notes": notes,
        "opened": round(opened, 1),
        "seconds": round(time.perf_counter() - start, 1),
        "peak": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _PER_MEGABYTE),
        "methods": methods,
    }


if __name__ == "__main__":
    found = covered(sys.argv[1], Path(sys.argv[2]))
    Path(sys.argv[3]).write_text(json.dumps(found, indent=1), "utf-8")
