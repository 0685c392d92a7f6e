"""Keras files written without Keras: what they are made of, and what is refused."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradcam_cli.errors import ModelError
from gradcam_cli.models.formats import keras_archive, zip_members
from gradcam_cli.models.formats.keras_archive import check_keras_file
from gradcam_cli.models.formats.keras_config import check_config
from tests.models.formats.conftest import Refused
from tests.models.formats.keras_writer import (
    CODE,
    function,
    h5_file,
    keras_file,
    layer,
    members,
    old_layer,
    old_sequential,
    sequential,
    weights,
)

NOBODY: frozenset[str] = frozenset()
PATCHIFY = layer("Patchify", None)


def check(config: Any, trusted: frozenset[str] = NOBODY, *, trust_all: bool = False) -> Any:
    return check_keras_file(keras_file(config), "keras", trusted, trust_all=trust_all)


def check_old(config: Any, trusted: frozenset[str] = NOBODY, *, trust_all: bool = False) -> Any:
    return check_keras_file(h5_file(config), "h5", trusted, trust_all=trust_all)


SOUND = sequential(
    sequential(layer("Conv2D", activation="relu"), compile_config={}),
    layer("Dense", activation=function("softmax")),
    {"module": "keras.src.ops.nn", "class_name": "Relu", "config": {"name": "relu"}},
    compile_config={"loss": {"module": None, "class_name": "OwnLoss", "config": {}}},
)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_a_file_says(compression: int) -> None:
    path = keras_file(SOUND, compression=compression)
    header = check_keras_file(path, "keras", NOBODY)
    assert header.keras_version == "3.15.1"
    assert header.class_names == {
        "Conv2D": 1,
        "Dense": 1,
        "Relu": 1,
        "Sequential": 2,
        "function": 1,
    }
    assert header.custom_objects == ()


def test_what_an_old_file_says() -> None:
    initializer = {"class_name": "GlorotUniform", "config": {"seed": None}}
    dense = old_layer("Dense", kernel_initializer=initializer, activation="softmax")
    header = check_old(old_sequential(old_sequential(dense)))
    assert header.keras_version == "2.10.0"
    assert header.class_names == {"Dense": 1, "GlorotUniform": 1, "Sequential": 2}


@pytest.mark.parametrize(
    "config",
    [
        layer("Lambda", function=CODE),
        layer("Lambda"),
        layer("Lambda", function=["4wEA", None, None]),
        layer("Activation", activation=CODE),
        layer("Own", None, anything=[[{"deep": CODE}]]),
        layer("TFSMLayer", filepath="/tmp/model"),
        layer("TorchModuleWrapper", module="gAJ9"),
        layer("StringLookup", vocabulary="/etc/passwd"),
        old_layer("Lambda", function=["4wEA", None, None], function_type="lambda"),
    ],
)
def test_code_in_the_file(config: Any, refused: Refused) -> None:
    both = frozenset(("Own",))
    for checked, model in ((check, sequential), (check_old, old_sequential)):
        nested = model(model(config))
        with refused("contains a", "which r", "--trust-model if you trust where it came from"):
            checked(nested, both)
        checked(nested, both, trust_all=True)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (PATCHIFY, "the custom layer Patchify"),
        (layer("Patchify", "keras_hub.layers"), "the custom layer Patchify"),
        (layer("Patchify", "kerasevil.layers"), "the custom layer Patchify"),
        (layer("Conv2D", activation=function("pkg>own")), "the custom activation own"),
        (layer("Conv2D", activation=function("own", None)), "the custom activation own"),
        (layer("Conv2D", activation="own"), "the custom activation own"),
        (layer("GRU", recurrent_activation="own"), "the custom activation own"),
        (layer("Lambda", function=function("own")), "the custom function own"),
        (layer("Conv2D", kernel_initializer=layer("Own", None)), "the custom initializer Own"),
        (old_layer("Patchify"), "the custom layer Patchify"),
        (old_layer("pkg>Patchify"), "the custom layer Patchify"),
        (old_layer("Activation", activation="own"), "the custom activation own"),
        (old_layer("Lambda", function="own", function_type="function"), "the custom function own"),
        (old_layer("TimeDistributed", layer=old_layer("Patchify")), "the custom layer Patchify"),
    ],
)
def test_what_has_to_be_given(config: Any, words: str, refused: Refused) -> None:
    name = words.rsplit(maxsplit=1)[-1]
    checked, model = (check, sequential) if "module" in config else (check_old, old_sequential)
    with refused(f"uses {words}", f"module.py:{name}"):
        checked(model(model(config)))
    with refused(name):
        checked(model(config), trust_all=True)
    given = checked(model(config), frozenset((name,))).custom_objects
    assert [own.split(">")[-1] for own in given] == [name]


def test_several_that_have_to_be_given(refused: Refused) -> None:
    config = sequential(PATCHIFY, layer("Plain", None), layer("Conv2D", activation="own"))
    with refused("Patchify", "Plain", "own", "module.py:", "and so for each"):
        check(config)
    with refused("uses the custom layer Plain."):
        check(config, frozenset(("pkg>Patchify", "own")))


def test_what_a_custom_layer_calls_its_activation_is_its_affair() -> None:
    own = layer("Patchify", None, activation="swiglu")
    assert check(sequential(own), frozenset(("Patchify",))).custom_objects == ("pkg>Patchify",)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("keras.utils.get_file", function("get_file", "keras.utils")),
        ("keras.utils.get_file", layer("get_file", "keras.utils")),
        ("keras.models.load_model", layer("load_model", "keras.models")),
        ("keras.models.load_model", function("load_model", "keras.models")),
        ("keras.activations.get", function("get", "keras.activations")),
        ("keras.src.saving.saving_lib.Own", layer("Own", "keras.src.saving.saving_lib")),
        ("keras.config.enable", function("enable", "keras.config")),
    ],
)
def test_what_no_network_is_made_of(name: str, config: Any, refused: Refused) -> None:
    for model in (sequential(config), old_sequential(config)):
        with refused(f"names {name}, of which no network is made"):
            check(model, frozenset(("get_file",)), trust_all=True)


def test_what_keras_can_no_longer_read(refused: Refused) -> None:
    with refused("TFOpLambda, which Keras 3 no longer has", "ONNX"):
        check_old(old_sequential(old_layer("TFOpLambda")))
    operation = {"class_name": "GetItem", "config": {"name": "get_item"}, "inbound_nodes": []}
    with refused("the operation GetItem", "Save the model as .keras"):
        check_old(old_sequential(operation))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("", "no JSON"),
        ("[1]", "names no model"),
        ('{"class_name": 3}', "names no model"),
        ("[" * 100_000, "no JSON"),
        (b"\xff\xff", "no JSON"),
        ('{"class_name": "Sequential", "a": ' + "[" * 300 + "]" * 300 + "}", "deeper than 200"),
        ('{"class_name": "Model", "a": ' + "9" * 5000 + "}", "no JSON"),
    ],
)
def test_damaged_configurations(config: Any, words: str, refused: Refused) -> None:
    with refused("model.keras is damaged", words):
        check(config)


def test_large_configurations(monkeypatch: pytest.MonkeyPatch, refused: Refused) -> None:
    monkeypatch.setattr(keras_archive, "MOST_CONFIG_BYTES", 1 << 20)
    large = sequential(layer("Dense", note="a" * (1 << 20)))
    with refused("has a config.json of more than 1 MB"):
        check(large)
    with refused("has a model_config of more than 1 MB"):
        check_old(large)


def archived(path: Path, *more: tuple[str | zipfile.ZipInfo, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in more:
            archive.writestr(name, content)
    return path


def link() -> zipfile.ZipInfo:
    member = zipfile.ZipInfo("assets/link")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("../evil.txt", "../evil.txt, which leads out"),
        ("assets/../../evil.txt", "leads out"),
        ("/etc/evil.txt", "no name in a folder"),
        ("C:/evil.txt", "no name in a folder"),
        ("assets\\evil.txt", "no name in a folder"),
        (link(), "assets/link, which is a link"),
        ("\x1b[2J/../a", r"\x1b[2J/../a"),
    ],
)
def test_members(member: str | zipfile.ZipInfo, words: str, refused: Refused) -> None:
    path = archived(keras_file(), (member, b"x"))
    with refused("model.keras has the member", words):
        check_keras_file(path, "keras", NOBODY, trust_all=True)


def test_two_members_of_a_name(refused: Refused) -> None:
    path = keras_file()
    with pytest.warns(UserWarning, match="Duplicate name"):
        archived(path, ("config.json", "{}"))
    with refused("has two members called config.json"):
        check_keras_file(path, "keras", NOBODY)


def test_many_members(refused: Refused) -> None:
    path = archived(keras_file(), *[(f"{i:05}", b"") for i in range(10_001)])
    with refused("has 10,004 members"):
        check_keras_file(path, "keras", NOBODY)


def test_a_list_of_members_that_is_too_long_to_be_read(
    monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    monkeypatch.setattr(zip_members, "_DIRECTORY_BYTES", 100)
    with refused("more than 10,000 members"):
        check_keras_file(keras_file(), "keras", NOBODY)


def test_zip_bombs(refused: Refused) -> None:
    zeros = bytes(65 << 20)
    path = archived(keras_file(), ("assets/bomb", zeros))
    with refused("assets/bomb, which grows from", "to 68,157,440 bytes"):
        check_keras_file(path, "keras", NOBODY)


def test_what_would_fill_the_disk(monkeypatch: pytest.MonkeyPatch, refused: Refused) -> None:
    monkeypatch.setattr(zip_members, "MOST_BYTES", 100)
    with refused("would unpack to"):
        check_keras_file(keras_file(), "keras", NOBODY)


def test_missing_members(refused: Refused) -> None:
    for name in ("config.json", "model.weights.h5"):
        with zipfile.ZipFile("model.keras", "w") as archive:
            for member, content in members(sequential()).items():
                if member != name:
                    archive.writestr(member, content)
        with refused(f"has no {name}"):
            check_keras_file(Path("model.keras"), "keras", NOBODY)


def test_encrypted_members(refused: Refused) -> None:
    path = keras_file()
    content = bytearray(path.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(header) + flags] |= 1
    path.write_bytes(content)
    with refused("metadata.json, which is encrypted"):
        check_keras_file(path, "keras", NOBODY)


def test_the_weights_are_no_hdf5(refused: Refused) -> None:
    with zipfile.ZipFile("model.keras", "w") as archive:
        for member, content in members(sequential()).items():
            archive.writestr(member, b"\x89HDF" if member.endswith(".h5") else content)
    with refused("damaged or no HDF5"):
        check_keras_file(Path("model.keras"), "keras", NOBODY)


FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_mutated_archives(changes: list[tuple[float, int]]) -> None:
    """Outside of the HDF5 in it, which is read by a library of its own."""
    path = keras_file(SOUND)
    content = bytearray(path.read_bytes())
    start = content.find(b"\x89HDF")
    outside = [*range(start), *range(start + len(weights()), len(content))]
    for place, byte in changes:
        content[outside[int(place * (len(outside) - 1))]] = byte
    path.write_bytes(content)
    try:
        check_keras_file(path, "keras", NOBODY)
    except ModelError as error:
        assert str(error).isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["relu", "own", "Lambda", "Dense"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["class_name", "config", "module", "layers", "activation", "function"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@settings(FUZZ, max_examples=300)
@given(JSON)
def test_arbitrary_configurations(config: Any) -> None:
    for trust_all in (False, True):
        whole = {"class_name": "Model", "config": config}
        try:
            check_config(Path("m"), whole, NOBODY, trust_all=trust_all)
        except ModelError as error:
            assert str(error).isprintable()
