"""docs/methods.md and the records agree, and each record leads to a function."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.markdown import table
from gradcam_cli.methods import METHODS
from gradcam_cli.passes import INPUT, LAYER
from gradcam_cli.reports.methods import COLUMNS, cells

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"


def test_the_table_is_made_of_the_records() -> None:
    rows = [
        [f"`{name}`", *rest, "for and against" if method.signed else "none below 0"]
        for name, method in METHODS.items()
        for rest in [cells(method)[1:]]
    ]
    expected = table([*COLUMNS, "sign"], rows, left=len(COLUMNS) + 1)
    shown, *_ = re.findall(r"(?:^\|.*\n)+", PAGE.read_text("utf-8"), re.MULTILINE)
    assert shown.strip() == expected


@pytest.mark.parametrize("name", METHODS)
def test_each_method_is_spoken_of(name: str) -> None:
    assert METHODS[name].title in PAGE.read_text("utf-8").partition("## Which one")[2]


def test_the_records_need_no_numpy() -> None:
    code = (
        "import sys; from gradcam_cli.methods import METHODS, parse_method;"
        "[parse_method(name) for name in METHODS]; print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_what_looks_at_no_layer_gives_maps_of_the_input() -> None:
    of_layer = {name for name, method in METHODS.items() if method.resolution == "the layer"}
    of_attention = {name for name, method in METHODS.items() if method.looks_at == "attention"}
    assert of_attention == {
        *("attention-rollout", "generic-attention", "transformer-attribution", "le-grad")
    }
    assert set(METHODS) - of_layer - of_attention == {
        *("saliency", "input-x-gradient", "integrated-gradients", "expected-gradients"),
        *("guided-backprop", "guided-grad-cam", "lrp", "refine-cam", "occlusion", "rise"),
        *("full-grad", "attn-lrp"),
    }
    for name in of_layer:
        assert all(LAYER in need.at or need.at in ((), (INPUT,)) for need in METHODS[name].needs)
