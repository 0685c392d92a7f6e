"""Small seeded networks, no two sides of whose inputs or maps are equal, and questions to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from gradcam_cli.engines.openvino.conversion import convert
from gradcam_cli.engines.openvino.engine import OpenVINOEngine
from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.methods import Method, Question
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.targets import Target

HEIGHT, WIDTH, CLASSES = 10, 14, 5
LAYER = "maps"  # (5, 7, maps)

Ask = Callable[..., Question]

ONLY_COMPILED = ("full-grad", "lrp", "attn-lrp")
"""What the engine TensorFlow does not have, beside the methods of attention."""

FEW_PASSES: dict[str, dict[str, float]] = {
    "smooth-grad-cam++": {"samples": 4},
    "ss-cam": {"samples": 3},
    "is-cam": {"steps": 3},
    "opti-cam": {"steps": 5},
    "occlusion": {"stride": 0.2},
    "rise": {"masks": 50},
    "integrated-gradients": {"steps": 8},
    "expected-gradients": {"samples": 8},
}
"""What makes the methods of most passes quick."""


def few_passes(method: Method) -> Method:
    """`method` with fewer passes by default, which is what its tests of every method take."""
    few = FEW_PASSES.get(method.name, {})
    options = [replace(each, default=few.get(each.name, each.default)) for each in method.options]
    return replace(method, maps=partial(method.maps, **few), options=tuple(options))


def network(maps: int = 6, channels: int = 3) -> Any:
    """A classifier with a layer of `maps` maps, some places away from its scores."""
    _, keras = tensorflow()
    layers = keras.layers
    inputs = keras.Input((HEIGHT, WIDTH, channels))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(inputs)
    x = layers.Conv2D(maps, 3, 2, padding="same", activation="relu", name=LAYER)(x)
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="after")(x)
    model = keras.Model(inputs, layers.Dense(CLASSES, name="scores")(layers.Flatten()(x)))
    random = np.random.default_rng(maps + 10 * channels)
    model.set_weights([0.3 * random.standard_normal(w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="session")
def engine() -> TensorFlowEngine:
    return TensorFlowEngine(network())


@pytest.fixture(scope="session")
def compiled(engine: TensorFlowEngine, tmp_path_factory: pytest.TempPathFactory) -> OpenVINOEngine:
    """The same network compiled, for what TensorFlow does not have."""
    graph = tmp_path_factory.mktemp("compiled") / "model.xml"
    convert(engine._network, ["first", LAYER], graph)
    return OpenVINOEngine(graph)


@pytest.fixture(scope="session")
def inputs() -> list[np.ndarray]:
    random = np.random.default_rng(7)
    return list(random.standard_normal((3, HEIGHT, WIDTH, 3)).astype(np.float32))


@pytest.fixture(scope="session")
def ask(engine: TensorFlowEngine, inputs: list[np.ndarray]) -> Ask:
    """A question: by default, the evidence for class 1 in the first input."""

    def question(
        targets: Sequence[Target] = (Target(1),), which: Sequence[int] = (0,), **others: Any
    ) -> Question:
        asked = {
            "engine": engine,
            "inputs": [inputs[number] for number in which],
            "targets": list(targets),
            "layer": LAYER,
            "score": "logit",
            "baseline": np.full((HEIGHT, WIDTH, 3), -0.5, np.float32),
        }
        return Question(**{**asked, **others})

    return question
