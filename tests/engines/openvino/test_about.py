"""about.json is read as it was written, or not at all."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcam_cli.methods import METHODS
from gradcam_cli.models.about import ABOUT, About, read, write
from gradcam_cli.models.layers import LayerInfo
from tests.arbitrary import json_values, replaced
from tests.conftest import as_nobody
from tests.disks import file_size_limit

LAYERS = [
    LayerInfo("early", "Conv2D", (16, 16, 4), False),
    LayerInfo("last", "ReLU", (6, 6, 5), True),
]
SOUND = About(
    model="small",
    weights="0" * 64,
    made_with={"gradcam": "0.1.0", "openvino": "2026.4"},
    files={"model.xml": "1" * 64, "model.bin": "2" * 64},
    layers=LAYERS,
    checked={
        "gradients at early": "no rule for the operation CumSum",
        "guided gradients at the input": "",
        "relevance at the input": "",
        "forward": "",
    },
)


def read_back(content: bytes) -> About | None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ABOUT).write_bytes(content)
        return read(Path(folder))


def sound_json() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), SOUND)
        return json.loads((Path(folder) / ABOUT).read_bytes())


def test_it_is_read_as_it_was_written(own_home: Path) -> None:
    write(own_home, SOUND)
    assert read(own_home) == SOUND
    assert [path.name for path in own_home.iterdir()] == [ABOUT]


def test_the_passes_of_every_method_can_be_recorded(own_home: Path) -> None:
    needs = [need for method in METHODS.values() for need in method.needs]
    about = replace(SOUND, checked={str(need): "" for need in needs})
    write(own_home, about)
    assert read(own_home) == about


@given(content=st.binary() | json_values().map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_nothing(content: bytes) -> None:
    assert read_back(content) is None


@pytest.mark.parametrize("content", ["[" * 100_000, '{"schema":' * 50_000, "9" * 10_000, "NaN", ""])
def test_what_is_too_deep_or_too_long_is_nothing(content: str) -> None:
    assert read_back(content.encode()) is None


@given(found=replaced(sound_json()))
def test_one_wrong_value_makes_it_nothing_or_another_sound_one(found: Any) -> None:
    """What is read serves: it has a default layer, names of text, shapes of three numbers."""
    about = read_back(json.dumps(found).encode())
    if about is None:
        return
    assert sum(layer.default is True for layer in about.layers) == 1
    for layer in about.layers:
        assert [type(side) for side in layer.shape] == [int] * 3
    for texts in (about.made_with, about.files, about.checked):
        assert all(isinstance(text, str) for text in [*texts, *texts.values()])
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), about)
        assert read(Path(folder)) == about


def test_a_folder_and_a_file_that_may_not_be_read_are_nothing() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        assert read(Path(folder)) is None
        write(Path(folder), SOUND)
        (Path(folder) / ABOUT).chmod(0)
        with as_nobody():
            assert read(Path(folder)) is None
        (Path(folder) / ABOUT).unlink()
        (Path(folder) / ABOUT).mkdir()
        assert read(Path(folder)) is None


def test_a_full_disk_keeps_what_was_there(own_home: Path) -> None:
    write(own_home, SOUND)
    more = [*LAYERS, LayerInfo("x" * 1000, "ReLU", (6, 6, 5), False)]
    with file_size_limit(1000), pytest.raises(OSError, match="File too large"):
        write(own_home, About("small", "0", {}, SOUND.files, more))
    assert read(own_home) == SOUND
    assert [path.name for path in own_home.iterdir()] == [ABOUT]
