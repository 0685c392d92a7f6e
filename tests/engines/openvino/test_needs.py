"""What an engine is opened for: each pass is checked once, kept, served or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcam_cli.engines.comparison import agreement, relative_difference
from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.errors import UsageError
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.model import Model
from gradcam_cli.passes import (
    ACTIVATIONS,
    FORWARD,
    GUIDED_GRADIENTS,
    INPUT_GRADIENTS,
    LAYER,
    LAYER_GRADIENTS,
    TAIL,
    TAIL_CURVATURE,
    TAIL_GRADIENTS,
    Pass,
)
from gradcam_cli.targets import Target
from tests.engines.openvino.test_model_cache import (
    Opened,
    agrees,
    batch,
    checked,
    network,
    never,
    refused,
)

ALL_SERVED = (
    *(FORWARD, ACTIVATIONS, LAYER_GRADIENTS, TAIL, TAIL_GRADIENTS, TAIL_CURVATURE),
    Pass("gradients", (LAYER, "middle")),
)


def test_each_pass_is_checked_when_it_is_first_needed(cache: Path, model: Model) -> None:
    Opened(model)
    both = Opened(model, needs=ALL_SERVED)
    assert both.said == [
        f"Checking the pass “{what}” of the compiled small against TensorFlow, once for this pass."
        for what in (
            *("forward", "capture at last", "tail at last"),
            *("tail gradients at last", "tail curvature at last"),
            "gradients at last, middle",
        )
    ]
    assert checked(cache) == dict.fromkeys([str(what.at_layer("last")) for what in ALL_SERVED], "")
    again = Opened(model, net=never, needs=ALL_SERVED)
    assert again.said == []
    reference = TensorFlowEngine(network())
    captured, expected = (each.capture(batch(), ["last"]) for each in (again.engine, reference))
    assert agreement(captured, expected)[1] <= 1e-5
    halves = captured.activations["last"] / 2
    assert (
        relative_difference(
            again.engine.tail(halves, "last", batch()), reference.tail(halves, "last", batch())
        )
        <= 1e-5
    )
    ends = [
        each.tail_curvature(halves, "last", batch(), [Target(1)] * 2).gradients["last"]
        for each in (again.engine, reference)
    ]
    assert relative_difference(*ends) <= 1e-5
    assert relative_difference(again.engine.forward(batch()), expected.scores) <= 1e-5


def test_a_pass_through_an_operation_without_a_rule_is_not_served(
    cache: Path, model: Model
) -> None:
    needs = (LAYER_GRADIENTS, INPUT_GRADIENTS)
    expected = (
        "the compiled small is not used for gradients at the input: "
        "no rule for the operation CumSum"
    )
    assert refused(model, needs=needs) == expected
    assert refused(model, net=never, needs=needs) == expected  # and that is remembered
    assert Opened(model, net=never).said == []
    early = Opened(model, "early", needs=(FORWARD, ACTIVATIONS, TAIL))
    assert early.layer == "early"


def test_gradients_that_were_no_need_are_refused(cache: Path, model: Model) -> None:
    engine = Opened(model, needs=(FORWARD,)).engine
    engine.capture(batch(), ["middle"])
    with pytest.raises(UsageError, match="expected gradients that small was opened and checked"):
        engine.gradients(batch(), [Target(1)] * 2, ["last"])
    with pytest.raises(UsageError, match="opened and checked for, got tail curvature at last"):
        engine.tail_curvature(np.ones((2, 4, 4, 3), np.float32), "last", batch(), [Target(1)] * 2)


def test_no_needs_are_those_of_the_layer(cache: Path, model: Model) -> None:
    agrees(Opened(model, needs=()).engine, network())


def test_guided_gradients_without_a_relu_are_the_users_mistake(cache: Path, model: Model) -> None:
    def smooth() -> Any:
        _, keras = tensorflow()
        image = keras.Input((16, 16, 3))
        maps = keras.layers.Conv2D(4, 3, activation="swish", name="last")(image)
        return keras.Model(
            image, keras.layers.Dense(7)(keras.layers.GlobalAveragePooling2D()(maps))
        )

    for net in (smooth, never):
        with pytest.raises(UsageError, match="need a model with ReLUs, and small has none"):
            Opened(model, net=net, needs=(GUIDED_GRADIENTS,))


def test_an_unknown_layer_in_a_pass_is_the_users_mistake(cache: Path, model: Model) -> None:
    with pytest.raises(UsageError, match="middle"):
        Opened(model, needs=(Pass("gradients", ("last", "midle")),))
