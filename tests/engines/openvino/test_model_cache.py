"""Compiled models in the cache, with a small network of our own: made, checked, broken, remade."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from gradcam_cli.engines.comparison import agreement
from gradcam_cli.engines.openvino import cached_model, conversion
from gradcam_cli.engines.openvino.makers import NotCompiledError
from gradcam_cli.engines.openvino.model_cache import open_compiled
from gradcam_cli.engines.openvino.runtime import openvino
from gradcam_cli.engines.tensorflow import TensorFlowEngine
from gradcam_cli.errors import ModelError, UsageError
from gradcam_cli.models import about
from gradcam_cli.models.framework import tensorflow
from gradcam_cli.models.model import Model
from gradcam_cli.passes import FORWARD, LAYER_GRADIENTS, Pass
from gradcam_cli.storage import digests
from gradcam_cli.storage.files import sha256_of, temporary_path
from gradcam_cli.targets import TOP, Target
from tests.conftest import as_nobody
from tests.disks import full_at
from tests.engines.conftest import model_of


def network(seed: int = 1) -> Any:
    """A classifier of 16 × 16 pixels; between `early` and `last` is an operation without a rule."""
    _, keras = tensorflow()
    layers = keras.layers
    image = keras.Input((16, 16, 3))
    early = layers.Conv2D(4, 3, activation="relu", padding="same", name="early")(image)
    sums = keras.ops.cumsum(early, axis=1)
    middle = layers.Conv2D(5, 3, name="middle")(layers.MaxPooling2D(name="pool")(sums))
    last = layers.ReLU(name="last")(middle)
    logits = layers.Dense(7, name="scores")(layers.GlobalAveragePooling2D()(last))
    model = keras.Model(image, logits)
    random = np.random.default_rng(seed)
    for variable in model.weights:
        variable.assign(random.normal(0, 0.1, variable.shape))
    return model


def never() -> Any:
    raise AssertionError("TensorFlow was asked for")


class Opened:
    """What came of one opening, and what was said meanwhile."""

    def __init__(
        self,
        model: Model,
        layer: str | None = None,
        net: Callable[[], Any] = network,
        needs: Sequence[Pass] = (LAYER_GRADIENTS,),
    ) -> None:
        self.said: list[str] = []
        self.engine, self.layer = open_compiled(model, layer, net, self.said.append, needs=needs)


def refused(
    model: Model,
    layer: str | None = None,
    net: Callable[[], Any] = network,
    needs: Sequence[Pass] = (LAYER_GRADIENTS,),
) -> str:
    with pytest.raises(NotCompiledError) as error:
        open_compiled(model, layer, net, lambda text: None, needs=needs)
    return str(error.value)


def checked(cache: Path) -> dict[str, str]:
    """What about.json says of each pass."""
    return json.loads((place_of(cache) / "about.json").read_text("utf-8"))["checked"]


def place_of(cache: Path) -> Path:
    (place,) = [path for path in (cache / "compiled").iterdir() if path.is_dir()]
    return place


def batch() -> np.ndarray:
    return np.random.default_rng(2).uniform(0, 255, (2, 16, 16, 3)).astype(np.float32)


def agrees(engine: Any, reference: Any, layer: str = "last") -> None:
    targets = [Target(3), Target(TOP)]
    expected, got = (
        one.gradients(batch(), targets, [layer]) for one in (TensorFlowEngine(reference), engine)
    )
    assert got.gradients[layer].shape == expected.gradients[layer].shape
    assert agreement(got, expected)[1] <= 1e-5


def test_made_once_then_served_without_tensorflow(cache: Path, model: Model) -> None:
    first = Opened(model)
    assert [text.split()[0] for text in first.said] == ["Compiling"]
    assert first.layer == "last"
    agrees(first.engine, network())
    again = Opened(model, net=never)
    assert again.said == []
    agrees(again.engine, network())
    assert {path.name for path in place_of(cache).iterdir() if path.suffix != ".blob"} == {
        "about.json",
        "model.bin",
        "model.xml",
    }


def test_a_further_layer_is_checked_when_it_is_first_asked_for(cache: Path, model: Model) -> None:
    Opened(model)
    further = Opened(model, "middle")
    assert [text.split()[:2] for text in further.said] == [["Checking", "middle"]]
    agrees(further.engine, network(), "middle")
    assert Opened(model, "middle", never).said == []
    assert checked(cache) == {"gradients at last": "", "gradients at middle": ""}


def test_a_layer_before_an_operation_without_a_rule_is_not_served(
    cache: Path, model: Model
) -> None:
    assert "no rule for the operation CumSum" in refused(model, "early")
    assert "CumSum" in refused(model, "early", never)  # and that is remembered
    assert Opened(model, "middle").layer == "middle"


def test_what_differs_from_tensorflow_is_not_served(cache: Path, model: Model) -> None:
    seeds = chain([1], repeat(2))
    reason = refused(model, net=lambda: network(next(seeds)))
    assert reason.startswith("the compiled small is not used at last: its ")
    assert "differ from TensorFlow's" in reason
    assert refused(model, net=never) == reason


def test_weights_that_are_not_finite_are_not_served(cache: Path, model: Model) -> None:
    broken = network()
    broken.get_layer("scores").kernel.assign(np.full((5, 7), np.nan))
    assert "no finite numbers" in refused(model, net=lambda: broken)


def test_an_unknown_layer_is_the_users_mistake(cache: Path, model: Model) -> None:
    with pytest.raises(UsageError, match="middle"):
        open_compiled(model, "midle", network, lambda text: None)


def test_the_content_of_the_weights_counts_not_their_place(
    cache: Path, model: Model, own_home: Path
) -> None:
    Opened(model)
    elsewhere = own_home / "other.h5"
    shutil.copy(model.weights.path, elsewhere)
    assert Opened(model_of(elsewhere), net=never).said == []
    model.weights.path.write_bytes(b"other bytes")
    changed = Opened(model, net=lambda: network(9))
    assert [text.split()[0] for text in changed.said] == ["Compiling"]
    agrees(changed.engine, network(9))


def cut(place: Path) -> None:
    with (place / "model.bin").open("r+b") as file:
        file.truncate(100)


def flip(place: Path) -> None:
    with (place / "model.bin").open("r+b") as file:
        file.seek(200)
        byte = file.read(1)
        file.seek(200)
        file.write(bytes([byte[0] ^ 1]))


def lose(place: Path) -> None:
    (place / "model.bin").unlink()


def garble(place: Path) -> None:
    (place / "model.xml").write_text("<net", "utf-8")


def garble_record(place: Path) -> None:
    (place / "about.json").write_bytes(b"\xff{")


def empty_record(place: Path) -> None:
    (place / "about.json").write_text("[]", "utf-8")


def lose_record(place: Path) -> None:
    (place / "about.json").unlink()


def newer_schema(place: Path) -> None:
    rewrite(place, schema=99)


def no_checks(place: Path) -> None:
    rewrite(place, checked=None)


def checks_of_another_kind(place: Path) -> None:
    rewrite(place, checked=["last"])


def no_layers(place: Path) -> None:
    rewrite(place, layers=[])


def no_files(place: Path) -> None:
    rewrite(place, files={})


def files_elsewhere(place: Path) -> None:
    rewrite(place, files={"../../model.bin": "0"})


def wrong_shape(place: Path) -> None:
    rewrite(place, layers=[{**layer, "shape": [[8], None, {}]} for layer in layers_in(place)])


def names_that_are_none(place: Path) -> None:
    rewrite(place, layers=[{**layer, "name": [layer["name"]]} for layer in layers_in(place)])


def no_text(place: Path) -> None:
    rewrite(place, layers=[{**layer, "name": "\ud800"} for layer in layers_in(place)])


def one_layer_twice(place: Path) -> None:
    first, *others = layers_in(place)
    rewrite(place, layers=[first, first, *others])


def a_default_that_is_no_answer(place: Path) -> None:
    rewrite(place, layers=[{**layer, "default": float("nan")} for layer in layers_in(place)])


def checks_that_are_no_text(place: Path) -> None:
    rewrite(place, checked={"gradients at last": [[[]]]})


def an_older_schema(place: Path) -> None:
    rewrite(place, schema=1, checked={"last": ""})


def checks_of_no_pass(place: Path) -> None:
    rewrite(place, checked={"nowhere": ""})


def digests_that_are_no_text(place: Path) -> None:
    rewrite(place, files={"model.xml": 10**300, "model.bin": None})


def a_folder_as_record(place: Path) -> None:
    (place / "about.json").unlink()
    (place / "about.json" / "inside").mkdir(parents=True)


def a_folder_as_weights(place: Path) -> None:
    (place / "model.bin").unlink()
    (place / "model.bin").mkdir()


def layers_in(place: Path) -> list[dict[str, Any]]:
    return json.loads((place / "about.json").read_text("utf-8"))["layers"]


def no_name(place: Path) -> None:
    rewrite(place, model=5)


def too_deep(place: Path) -> None:
    (place / "about.json").write_text("[" * 100_000, "utf-8")


def another_model(place: Path) -> None:
    rewrite(place, model="vgg16")


def other_versions(place: Path) -> None:
    rewrite(place, made_with={"openvino": "2020.1"})


def rewrite(place: Path, **fields: object) -> None:
    path = place / "about.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **fields}), "utf-8")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (cut, "is damaged (model.bin)"),
        (flip, "is damaged (model.bin)"),
        (lose, "is damaged"),
        (garble, "is damaged (model.xml)"),
        (garble_record, "has no record"),
        (empty_record, "has no record"),
        (lose_record, "has no record"),
        (newer_schema, "has no record"),
        (no_checks, "has no record"),
        (checks_of_another_kind, "has no record"),
        (no_layers, "has no record"),
        (no_files, "has no record"),
        (files_elsewhere, "has no record"),
        (no_name, "has no record"),
        (too_deep, "has no record"),
        (wrong_shape, "has no record"),
        (names_that_are_none, "has no record"),
        (no_text, "has no record"),
        (one_layer_twice, "has no record"),
        (a_default_that_is_no_answer, "has no record"),
        (checks_that_are_no_text, "has no record"),
        (checks_of_no_pass, "has no record"),
        (an_older_schema, "has no record"),
        (digests_that_are_no_text, "has no record"),
        (a_folder_as_record, "has no record"),
        (a_folder_as_weights, "is damaged"),
        (another_model, "was made by other versions"),
        (other_versions, "was made by other versions"),
    ],
)
def test_what_is_damaged_or_out_of_date_is_said_and_made_anew(
    cache: Path, model: Model, harm: Callable[[Path], None], said: str
) -> None:
    Opened(model)
    harm(place_of(cache))
    remade = Opened(model)
    assert [text.split()[0] for text in remade.said] == ["The", "Compiling"]
    assert said in remade.said[0]
    agrees(remade.engine, network())
    assert Opened(model, net=never).said == []


def test_damage_that_left_size_and_times_is_noticed_where_it_cannot_be_opened(
    cache: Path, model: Model
) -> None:
    Opened(model)
    graph = place_of(cache) / "model.xml"
    before = digests.sha256(graph)
    garble(graph.parent)
    digests.remember(graph, before)
    assert Opened(model, net=never).said == []  # what was exported opens without it
    remade = Opened(model, needs=(FORWARD, LAYER_GRADIENTS))
    assert any("is damaged (model.xml)" in note for note in remade.said)
    agrees(remade.engine, network())
    assert Opened(model, net=never).said == []


def test_a_copy_of_the_cache_serves_too(
    cache: Path, model: Model, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Opened(model)
    shutil.copytree(cache / "compiled", own_home / "restored" / "compiled")
    monkeypatch.setenv("GRADCAM_CACHE", str(own_home / "restored"))
    assert Opened(model, net=never).said == []


@pytest.fixture
def for_everybody(model: Model, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A cache that others may reach, unlike the folders of pytest; the weights as well."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        weights = Path(folder) / "weights.h5"
        shutil.copy(model.weights.path, weights)
        cache = Path(folder) / "cache"
        cache.mkdir()
        monkeypatch.setenv("GRADCAM_CACHE", str(cache))
        yield cache, model_of(weights)


def test_a_cache_that_cannot_be_written_makes_nothing(for_everybody: Any) -> None:
    cache, model = for_everybody
    with as_nobody():
        assert "cannot be kept" in refused(model, net=never)
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_serves_what_it_has(for_everybody: Any) -> None:
    _, model = for_everybody
    Opened(model)
    with as_nobody():
        assert Opened(model, net=never).said == []
        assert "cannot be kept" in refused(model, "middle", never)


def test_a_cache_that_is_a_file(model: Model, cache: Path) -> None:
    cache.write_text("a file")
    assert "cannot be kept" in refused(model, net=never)


def test_a_disk_without_room_is_told_before_any_work(model: Model, cache: Path) -> None:
    vast = replace(model, parameters=10**15)
    assert "are free" in refused(vast, net=never)


def is_whole(place: Path) -> bool:
    """True where it is what was made, and OpenVINO can read it."""
    known = about.read(place)
    openvino.Core().read_model(place / about.GRAPH)
    return known is not None and all(
        sha256_of(place / name) == digest for name, digest in known.files.items()
    )


@pytest.mark.parametrize("kilobytes", [8, 16, 20, 24, 28])
@pytest.mark.parametrize("how", ["disk", "limit"])
def test_a_disk_that_fills_up_leaves_nothing_half_done(
    model: Model, cache: Path, how: str, kilobytes: int
) -> None:
    """The disk is full at another file each time: the graph, its weights, the record, a check."""
    with full_at(cache, how, kilobytes << 10):
        try:
            agrees(Opened(model).engine, network())
        except NotCompiledError as error:
            assert str(error).startswith("compiled models cannot be kept in ")
            assert "\n" not in str(error)
        kept = list((cache / "compiled").iterdir())
        assert all(is_whole(place) for place in kept)
        assert len(kept) <= 1
        assert kept or kilobytes <= 20


@pytest.mark.parametrize("name", [about.GRAPH, about.WEIGHTS])
def test_a_short_write_that_nobody_noticed_is(
    model: Model, cache: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    convert = conversion.convert

    def convert_and_cut(network: Any, layers: list[str], graph: Path) -> None:
        convert(network, layers, graph)
        written = graph.with_name(name)
        os.truncate(written, written.stat().st_size - 10)

    with monkeypatch.context() as patch:
        patch.setattr(conversion, "convert", convert_and_cut)
        assert "what was written is not whole; the disk may be full" in refused(model)
    assert list((cache / "compiled").iterdir()) == []
    assert Opened(model).layer == "last"


def test_room_for_the_graph_alone_is_no_room(model: Model, cache: Path) -> None:
    with full_at(cache, "limit", 12 << 10):
        assert "cannot be kept" in refused(model)
        assert list((cache / "compiled").iterdir()) == []
    assert Opened(model).layer == "last"


def test_what_a_killed_process_left_is_cleared(model: Model, cache: Path) -> None:
    Opened(model)
    place = place_of(cache)
    left = temporary_path(place)
    place.rename(left)
    others = temporary_path(place.with_name("other-0123"))
    others.mkdir()
    assert [text.split()[0] for text in Opened(model).said] == ["Compiling"]
    assert set(place.parent.iterdir()) == {place, others}
    half_written = temporary_path(place / "about.json")
    half_written.write_bytes(b"{")
    Opened(model, "middle")
    assert not half_written.exists()


@pytest.mark.parametrize("before", [None, 0o755])
def test_nobody_else_may_enter_what_is_made(model: Model, cache: Path, before: int | None) -> None:
    """A folder that somebody chose to open to others stays as open as it is, and is so inside."""
    if before is not None:
        cache.mkdir()
        cache.chmod(before)
    Opened(model)
    folders = [cache, *(path for path in cache.rglob("*") if path.is_dir())]
    assert {path.name for path in folders} >= {"own cache", "compiled", "digests"}
    assert {path.stat().st_mode & 0o777 for path in folders} == {before or 0o700}


def test_weights_that_change_while_they_are_read_compile_nothing(cache: Path, model: Model) -> None:
    def replaced() -> Any:
        model.weights.path.write_bytes(b"others")
        return network(2)

    assert "changed while they were read" in refused(model, net=replaced)
    assert [path for path in (cache / "compiled").iterdir() if path.is_dir()] == []
    agrees(Opened(model, net=lambda: network(2)).engine, network(2))


def test_an_open_engine_outlives_its_files(cache: Path, model: Model) -> None:
    engine = Opened(model).engine
    shutil.rmtree(place_of(cache))
    agrees(engine, network())  # compiles for two rows


def test_no_home_to_keep_a_cache_in(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    def nowhere(name: str) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("GRADCAM_CACHE")
    monkeypatch.setattr(platformdirs, "user_cache_dir", nowhere)
    assert "no home folder" in refused(model, net=never)


def test_threads_may_share_an_engine(cache: Path, model: Model) -> None:
    engine = Opened(model).engine

    def gradients_of(row: int) -> np.ndarray:
        return engine.gradients(batch()[[row]], [Target(3)], ["last"]).gradients["last"]

    alone = [gradients_of(row) for row in (0, 1)]
    with ThreadPoolExecutor(4) as pool:
        side_by_side = list(pool.map(lambda i: gradients_of(i % 2), range(40)))
    for i, gradients in enumerate(side_by_side):
        np.testing.assert_array_equal(gradients, alone[i % 2])


def test_who_waits_is_told(model: Model, cache: Path) -> None:
    Opened(model)
    lock = FileLock(cache / "compiled" / f"{place_of(cache).name}{cached_model.LOCK}")
    said = []
    lock.acquire()

    def tell(text: str) -> None:
        said.append(text.split(maxsplit=1)[0])
        lock.release()

    open_compiled(model, "middle", network, tell)
    assert said == ["Waiting", "Checking"]


def test_weights_that_cannot_be_read_are_an_error_at_once(model: Model, cache: Path) -> None:
    model.weights.path.unlink()
    with pytest.raises(ModelError, match="No such file"):
        open_compiled(model, None, never, lambda text: None)
