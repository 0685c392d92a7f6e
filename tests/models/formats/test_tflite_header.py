"""Headers and labels of TFLite files, written byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradcam_cli.errors import ModelError
from gradcam_cli.models.formats.tflite_header import read_tflite_header, read_tflite_labels
from tests.models.formats.conftest import Refused
from tests.models.formats.tflite_writer import put, tflite


def written(content: bytes) -> Path:
    path = Path("model.tflite")
    path.write_bytes(content)
    return path


def test_what_a_file_says() -> None:
    header = read_tflite_header(written(tflite()))
    assert (header.description, header.operators) == ("writer", 2)
    assert header.custom_operators == ("Own_op",)


def test_every_cut_is_noticed(refused: Refused) -> None:
    content = tflite(buffers=[{0: b"weights"}])
    for end in range(8, len(content)):
        with refused("model.tflite is damaged"):
            read_tflite_header(written(content[:end]))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"1234567", "does not begin"),
        (tflite(graphs=[]), "no graph"),
        (tflite(graphs=[{0: [{}], 1: [0]}]), "no output"),
        (tflite(buffers=[{1: 100_000, 2: 4}]), "cut short"),
        (tflite(graphs=[{0: [{}], 1: [0], 2: [0], 3: 1 << 31}]), "cut short"),
    ],
)
def test_damaged(content: bytes, words: str, refused: Refused) -> None:
    with refused("model.tflite", words):
        read_tflite_header(written(content))


def test_tables_that_all_lead_to_the_same_ones(refused: Refused) -> None:
    """A file of kilobytes can describe more tables than fit into any memory."""
    content = bytearray(tflite(graphs=[{}] * 1001))
    many = put_shared(content)
    with refused("more than 1,000,000 parts"):
        read_tflite_header(written(many))


def put_shared(content: bytearray) -> bytes:
    """The same file with its 1001 graphs being one, of 1001 tensors that are one."""
    graph = put(content, {0: [{}] * 1001, 1: [0], 2: [0]})
    root = int.from_bytes(content[:4], "little")
    slot = root + 4 + 8 * 2
    graphs = slot + int.from_bytes(content[slot : slot + 4], "little")
    for index in range(1001):
        place = graphs + 4 + 4 * index
        content[place : place + 4] = (graph - place).to_bytes(4, "little")
    return bytes(content)


FUZZ = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SOUND = tflite(labels__txt="cat\ndog")


@FUZZ
@given(
    st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=4)
)
def test_mutated_files(changes: list[tuple[int, int]]) -> None:
    content = bytearray(SOUND)
    for place, byte in changes:
        content[place] = byte
    path = written(bytes(content))
    try:
        read_tflite_header(path)
    except ModelError as error:
        assert str(error).isprintable()
    labels = read_tflite_labels(path)
    assert labels is None or isinstance(labels, str)


def test_labels() -> None:
    assert read_tflite_labels(written(tflite(labels__txt="cat\ndog\n"))) == "cat\ndog\n"
    assert read_tflite_labels(written(tflite(classes__txt="\ufeffcat\ndog"))) == "cat\ndog"
    several = tflite(readme__txt="About this model", probability_labels__txt="cat\ndog")
    assert read_tflite_labels(written(several)) == "cat\ndog"


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"readme.md": "cat\ndog"},
        {"a.txt": "cat", "b.txt": "dog"},
        {"labels.txt": b"\xff\xfe\0"},
        {"labels.txt": " \n"},
        {"labels.txt": "a\0b"},
        {"labels.txt": "a" * 1001},
        {"labels.txt": "cat\n" * (2 << 20)},
    ],
)
def test_no_labels(files: dict[str, str | bytes]) -> None:
    assert read_tflite_labels(written(tflite(**files))) is None
