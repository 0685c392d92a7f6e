"""Passes that open without being compiled: as right as compiled ones, and never in the way."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gradcam_cli.engines.comparison import relative_difference
from gradcam_cli.engines.openvino import crashes, exports
from gradcam_cli.engines.openvino.compiled import CompiledPass
from gradcam_cli.engines.openvino.crashes import abandoned_marks
from gradcam_cli.engines.openvino.runtime import core
from gradcam_cli.models import about
from gradcam_cli.models.model import Model
from gradcam_cli.passes import FORWARD, LAYER, LAYER_GRADIENTS, TAIL, Pass
from gradcam_cli.storage.files import sha256_of
from gradcam_cli.targets import Target
from tests.engines.openvino.test_model_cache import (
    Opened,
    agrees,
    batch,
    network,
    never,
    place_of,
)

AT_LAST = Pass("gradients", ("last",))


def blobs(cache: Path) -> list[Path]:
    return sorted(place_of(cache).glob("*.blob"))


@pytest.fixture
def never_compiled(exported: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be compiled for one row; several rows still are."""
    of = CompiledPass.of

    def compiled(core, graph, streams, *others):
        assert streams > 1
        return of(core, graph, streams, *others)

    monkeypatch.setattr(CompiledPass, "of", compiled)


@pytest.fixture
def exported(cache: Path, model: Model) -> Model:
    """A model whose gradients at the last layer were exported."""
    Opened(model)
    assert len(blobs(cache)) == 1
    return model


@pytest.mark.usefixtures("never_compiled")
def test_what_was_exported_is_opened_without_compiling(exported: Model) -> None:
    again = Opened(exported, net=never)
    assert again.said == []
    agrees(again.engine, network())


def test_only_gradients_are_exported(cache: Path, model: Model) -> None:
    Opened(model, needs=(FORWARD, TAIL))
    assert blobs(cache) == []
    Opened(model, needs=(FORWARD, LAYER_GRADIENTS))
    Opened(model, "middle")
    assert len(blobs(cache)) == 2


@pytest.mark.parametrize("limit", ["MOST_PACKED_BYTES", "MOST_EXPORTED_BYTES"])
def test_nothing_of_a_large_model_is_exported(
    cache: Path, model: Model, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(exports, limit, 100)
    agrees(Opened(model).engine, network())
    assert blobs(cache) == []


def test_another_processor_compiles_for_itself(
    exported: Model, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "processor", lambda: "another")
    compiled: list[int] = []
    of = CompiledPass.of
    monkeypatch.setattr(CompiledPass, "of", lambda *given: (compiled.append(1), of(*given))[1])
    agrees(Opened(exported, net=never).engine, network())
    assert compiled
    assert len(blobs(cache)) == 1


def test_a_damaged_one_is_said_and_made_anew(exported: Model, cache: Path) -> None:
    (blob,) = blobs(cache)
    blob.write_bytes(blob.read_bytes()[:-100])
    again = Opened(exported)
    assert (
        again.said[0]
        == f"The compiled small in the cache is damaged ({blob.name}); making it anew."
    )
    agrees(again.engine, network())
    assert Opened(exported, net=never).said == []


def test_one_that_openvino_does_not_take_is_compiled(exported: Model, cache: Path) -> None:
    (blob,) = blobs(cache)
    blob.write_bytes(b"of another build")
    record = about.read(place_of(cache))
    assert record is not None
    record.files[blob.name] = sha256_of(blob)
    about.write(place_of(cache), record)
    again = Opened(exported, net=never)
    assert again.said == []
    agrees(again.engine, network())


def test_relevance_is_exported_with_its_parameters(
    cache: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = (Pass("gradients", (LAYER,), "relevance"),)

    def relevance(opened: Opened) -> list[NDArray[np.float32]]:
        ask = partial(opened.engine.gradients, batch()[:1], [Target(1)], ["last"])
        given = ({}, {"epsilon": 0.1})
        return [ask(rules="relevance", parameters=each).gradients["last"] for each in given]

    compiled = relevance(Opened(model, needs=needs))
    assert relative_difference(*compiled) > 0.01
    monkeypatch.setattr(CompiledPass, "of", lambda *_: pytest.fail("it is exported"))
    imported = relevance(Opened(model, net=never, needs=needs))
    np.testing.assert_array_equal(imported, compiled)


def test_a_file_with_other_inputs_is_refused(exported: Model, cache: Path) -> None:
    (blob,) = blobs(cache)
    weights = place_of(cache) / about.WEIGHTS
    CompiledPass.imported(core(), blob, weights, "standard")
    with pytest.raises(ValueError, match=r"expected the inputs .*gamma"):
        CompiledPass.imported(core(), blob, weights, "relevance")


def test_after_a_crash_nothing_exported_is_used(exported: Model, cache: Path) -> None:
    place = place_of(cache)
    dead = os.fork()
    if dead == 0:
        os._exit(0)
    os.waitpid(dead, 0)
    mark = place / f"{crashes._mark_of(AT_LAST)}{dead}"
    mark.touch()
    assert abandoned_marks(place / about.GRAPH, AT_LAST) == [mark]
    agrees(Opened(exported, net=never).engine, network())
    record = about.read(place)
    assert record is not None
    assert set(record.files) == {about.GRAPH, about.WEIGHTS}
    assert not mark.exists()
