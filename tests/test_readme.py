"""The README's examples, run."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import SAMPLES

README = (SAMPLES.parent / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
EXAMPLES = re.findall(r"```console\n\$ gradcam ([^\n]*)\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize(("command", "shown"), EXAMPLES, ids=[each[0] for each in EXAMPLES])
@pytest.mark.usefixtures("sources")
def test_an_example_shows_what_a_run_prints(
    gradcam: Callable[..., tuple[int, str, str]], command: str, shown: str
) -> None:
    _, out, err = gradcam(*shlex.split(command.partition("|")[0]))
    expected = stripped(shown)
    for printed in map(stripped, (err + out, out + err)):
        found = re.search(_pattern(expected), printed)
        if found is not None and np.allclose(
            decimals(found[0]), decimals(expected), rtol=0, atol=ROUNDING
        ):
            return
    assert expected in err + out


ROUNDING = 0.05
"""How far figures may be from those shown: a processor's rounding changes a pixel, which seeds the
random maps."""
_DECIMAL = r"-?\d+\.\d+"


def decimals(text: str) -> list[float]:
    return [float(number) for number in re.findall(_DECIMAL, text)]


def _pattern(text: str) -> str:
    """What is found where `text` is, with any figures."""
    return _DECIMAL.join(map(re.escape, re.split(_DECIMAL, text)))


@pytest.fixture
def sources(own_home: Path) -> None:
    """The pictures that the examples name, in the working folder."""
    folder = own_home / "photos"
    (folder / "more").mkdir(parents=True)
    for sample in SAMPLES.glob("*.jpg"):
        shutil.copy(sample, own_home)
        shutil.copy(sample, folder)
    shutil.copytree(SAMPLES, own_home / "sample_images")
    shutil.copy(SAMPLES / "tripod.jpg", folder / "more")
    (folder / "broken.jpg").write_text("no picture", "utf-8")


def stripped(text: str) -> str:
    """`text` without blanks at the ends of lines, and without how fast it was."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"[\d.]+( a second| ms a picture| s\b)", r"N\1", lines)


@pytest.mark.usefixtures("compiled_lite0")
def test_the_python_does_what_it_says(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(SAMPLES / "egyptian_cat.jpg", own_home / "photo.jpg")
    names: dict[str, Any] = {}
    for block in PYTHON:
        exec(block, names)
    with Image.open("photo.jpg") as photo:
        plain = np.asarray(photo.convert("RGB")).astype(int)
    for method in ("grad-cam", "hirescam"):
        blended = np.asarray(Image.open(f"blended.{method}.jpg")).astype(int)
        assert blended.shape == plain.shape
        assert np.abs(blended - plain).mean() > 10
    rank = names["explanation"].targets[2].prediction.rank
    lines = ["Egyptian_cat 1", f"sunglasses {rank}", "tabby 3"]
    assert capsys.readouterr().out.splitlines() == [
        f"{line} (7, 7)" for line in lines for _ in range(2)
    ]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 6
    assert len(PYTHON) >= 2


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_links_lead_somewhere(link: str) -> None:
    assert (SAMPLES.parent / link).exists()
