"""The README's examples, run."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SAMPLES

README = (SAMPLES.parent / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```console\n\$ gradcam ([^\n]*)\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize(("command", "shown"), EXAMPLES, ids=[each[0] for each in EXAMPLES])
def test_an_example_shows_what_a_run_prints(
    gradcam: Callable[..., tuple[int, str, str]], own_home: Path, command: str, shown: str
) -> None:
    for sample in SAMPLES.glob("*.jpg"):
        shutil.copy(sample, own_home)
    _, out, err = gradcam(*shlex.split(command.partition("|")[0]))
    printed = [line.rstrip() for line in (err + out).splitlines()]
    lines = [line.rstrip() for line in shown.splitlines()]
    start = printed.index(lines[0])
    assert printed[start : start + len(lines)] == lines


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_links_lead_somewhere(link: str) -> None:
    assert (SAMPLES.parent / link).exists()
