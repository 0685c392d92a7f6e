"""Every method is the same by both engines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcam_cli.engines.selection import open_engine
from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.methods import METHODS, Question
from gradcam_cli.models.selection import select_model
from gradcam_cli.passes import INPUT
from gradcam_cli.targets import Target
from tests.methods.conftest import ONLY_COMPILED, few_passes
from tests.methods.test_papers import FEW, cat

LAST = "top_activation"
FASTER = dict.fromkeys(("score-cam", "ss-cam", "is-cam"), FEW)
"""Layers of fewer channels, for what takes a pass for each."""


FEWER = {"integrated-gradients": {"steps": 4}, "expected-gradients": {"samples": 4}}


SERVED_BY_BOTH = [
    name
    for name, method in METHODS.items()
    if name not in ONLY_COMPILED and method.looks_at != "attention"
]


@pytest.mark.parametrize("name", SERVED_BY_BOTH)
def test_the_compiled_engine_and_tensorflow_agree(
    name: str, lite0: Any, compiled_lite0: None
) -> None:
    layer, needs = FASTER.get(name, LAST), METHODS[name].needs
    engine, _ = open_engine(
        select_model("efficientnet-lite0").open(), layer, needs, engine_name="openvino"
    )
    image = cat(lite0, layer).image
    answers = [
        few_passes(METHODS[name]).maps(
            Question(each, [image], [Target(285)], layer, "logit", np.zeros_like(image)),
            **FEWER.get(name, {}),
        )
        for each in (engine, TensorFlowEngine(lite0))
    ]
    compiled, reference = (maps.raw[0] for maps in answers)
    # At the input a ReLU's kink, where rounding decides, shows at single pixels.
    method = METHODS[name]
    at_input = method.resolution != "the layer" or any(INPUT in need.at for need in needs)
    tolerance = 3e-2 if at_input else 1e-4
    np.testing.assert_allclose(
        compiled, reference, rtol=0, atol=tolerance * np.abs(reference).max()
    )
    assert np.corrcoef(compiled.ravel(), reference.ravel())[0, 1] > 1 - 1e-4
