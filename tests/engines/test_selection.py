"""Which engine runs what: the compiled one where it serves all that is needed, else TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradcam_cli.callbacks import no_note
from gradcam_cli.engines.selection import open_engine
from gradcam_cli.errors import ModelError, UsageError
from gradcam_cli.methods.choice import parse_methods
from gradcam_cli.models.about import place_of, read, write
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.model import Model, Origin
from gradcam_cli.models.selection import select_model
from gradcam_cli.passes import (
    FORWARD,
    GUIDED_GRADIENTS,
    INPUT_GRADIENTS,
    LAYER,
    LAYER_GRADIENTS,
    RELEVANCE,
    TAIL,
    Pass,
)
from gradcam_cli.runs.available import OpeningOptions, open_available
from tests.engines.conftest import INFO
from tests.engines.openvino.test_model_cache import network


class WeightsOf:
    """The weights of a network that a function makes."""

    origin: Origin = "file"
    run_in_tensorflow = True

    def __init__(self, build: Callable[[], Any]) -> None:
        self.network = build

    def digest(self) -> str:
        return "5" * 64


@pytest.fixture
def small(cache: Path) -> Model:
    """A model whose network is a small one of our own."""
    return Model.of(INFO, WeightsOf(network))


def test_a_default_run_compiles_one_network(compiled_lite0: None) -> None:
    engine, layer = open_engine(select_model("efficientnet-lite0").open())
    assert (engine.name, layer) == ("openvino", "top_activation")
    assert list(engine._single_row) == [Pass("gradients", ("top_activation",))]
    assert len(engine._several_rows) == 0


def test_whatever_the_bundled_model_is_needed_for_is_compiled(compiled_lite0: None) -> None:
    needs = (LAYER_GRADIENTS, INPUT_GRADIENTS, GUIDED_GRADIENTS, FORWARD, TAIL)
    said: list[str] = []
    engine, layer = open_engine(
        select_model("efficientnet-lite0").open(), None, needs, note=said.append
    )
    assert (engine.name, layer) == ("openvino", "top_activation")
    compiled = {str(what) for what in engine._single_row}
    assert compiled - {"capture at top_activation"} == {  # which the check of the tail needs
        "gradients at top_activation",
        "gradients at the input",
        "guided gradients at the input",
        "forward",
        "tail at top_activation",
    }
    assert all(text.startswith("Checking the pass “") for text in said)


def test_what_is_not_served_means_tensorflow_for_all_of_the_run(small: Model) -> None:
    said: list[str] = []
    needs = (LAYER_GRADIENTS, INPUT_GRADIENTS)
    engine, layer = open_engine(small, None, needs, note=said.append)
    assert (engine.name, layer) == ("tensorflow", "last")
    assert said[-1] == (
        "the compiled small is not used for gradients at the input: "
        "no rule for the operation CumSum. TensorFlow runs it."
    )
    assert open_engine(small)[0].name == "openvino"


def test_the_compiled_engine_alone_is_refused_where_it_cannot(small: Model) -> None:
    with pytest.raises(ModelError, match=r"cannot run this: .*CumSum.*Leave --engine at auto"):
        open_engine(small, needs=(INPUT_GRADIENTS,), engine_name="openvino")


def test_what_tensorflow_never_has_is_refused_for_the_reason_of_the_compiled_engine(
    small: Model,
) -> None:
    said: list[str] = []
    with pytest.raises(ModelError) as raised:
        open_engine(small, needs=(RELEVANCE,), note=said.append)
    assert str(raised.value) == (
        "the compiled small is not used for relevance at the input: no rule for the operation "
        "CumSum. Try --method score-cam, which needs no gradients."
    )
    assert not any("TensorFlow runs it" in text for text in said)


def test_methods_of_both_engines_are_not_refused_together(cache: Path) -> None:
    def plain() -> Any:
        _, keras = tensorflow()
        image = keras.Input((16, 16, 3))
        maps = keras.layers.Conv2D(4, 3, activation="relu", name="last")(image)
        pooled = keras.layers.GlobalAveragePooling2D()(maps)
        return keras.Model(image, keras.layers.Dense(7)(pooled))

    model = Model.of(INFO, WeightsOf(plain))
    open_engine(model, needs=(LAYER_GRADIENTS, RELEVANCE))
    place = place_of(model.name, model.digest())
    about = read(place)
    assert about is not None
    failed = {str(GUIDED_GRADIENTS): "its gradients differ"}  # as of a check at a kink
    write(place, replace(about, checked=about.checked | failed))
    methods = parse_methods(["lrp", "grad-cam", "guided-backprop"])
    available = open_available(model, None, methods, OpeningOptions(), no_note)
    assert available.explainer is not None
    assert available.explainer.engine.name == "tensorflow"
    assert [choice.text for choice in available.explainer.methods] == [
        "grad-cam",
        "guided-backprop",
    ]
    assert {name: str(error) for name, error in available.refused.items()} == {
        "lrp": "TensorFlow, which does not have this, runs the other methods: the compiled small "
        "is not used for guided gradients at the input: its gradients differ. Choose it alone."
    }
    alone = open_available(model, None, methods[:1], OpeningOptions(), no_note)
    assert alone.explainer is not None
    assert alone.explainer.engine.name == "openvino"


@pytest.mark.parametrize("engine_name", ["auto", "tensorflow"])
def test_a_layer_that_the_model_lacks_is_the_users_mistake(small: Model, engine_name: Any) -> None:
    with pytest.raises(UsageError, match=r"'lst'.*last"):
        open_engine(small, "lst", engine_name=engine_name)
    with pytest.raises(UsageError, match=r"'midle'.*middle"):
        open_engine(small, needs=(Pass("gradients", (LAYER, "midle")),), engine_name=engine_name)


@pytest.mark.parametrize("engine_name", ["auto", "tensorflow"])
def test_guided_gradients_without_a_relu_are_refused_at_once(cache: Path, engine_name: Any) -> None:
    def smooth() -> Any:
        _, keras = tensorflow()
        image = keras.Input((16, 16, 3))
        maps = keras.layers.Conv2D(4, 3, activation="swish", name="last")(image)
        pooled = keras.layers.GlobalAveragePooling2D()(maps)
        return keras.Model(image, keras.layers.Dense(7)(pooled))

    model = Model.of(INFO, WeightsOf(smooth))
    with pytest.raises(UsageError, match="need a model with ReLUs, and small has none"):
        open_engine(model, needs=(GUIDED_GRADIENTS,), engine_name=engine_name)
