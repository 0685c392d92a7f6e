"""What help shows, and when it shows by itself."""

from __future__ import annotations

import re
from collections.abc import Callable

import click
import pytest

from gradcam_cli.cli import gradcam as group
from gradcam_cli.cli.help import OTHER, SectionedCommand

Run = Callable[..., tuple[int, str, str]]


def test_a_bare_command_shows_its_help(gradcam: Run) -> None:
    _, shown, _ = gradcam("--help")
    assert gradcam() == (2, shown, "")
    assert shown.startswith("Usage: gradcam [OPTIONS] COMMAND [ARGS]...\n")


def test_a_misspelt_command_gets_the_closest(gradcam: Run) -> None:
    code, out, err = gradcam("explan", "photo.jpg")
    assert (code, out) == (2, "")
    assert "explan" in err
    assert err.endswith("See `gradcam --help`.\n")


def test_explains_options_stand_in_sections(gradcam: Run) -> None:
    code, out, _ = gradcam("explain", "--help")
    titles = re.findall(r"^(\S.*):$", out, re.MULTILINE)
    assert code == 0
    assert titles == [
        "What to explain", "Model", "A model in a file", "Picture",
        "How the heat is drawn", "Outputs", "Many pictures", "Behaviour",
    ]  # fmt: skip


def test_each_option_of_explain_stands_once_and_in_a_section(gradcam: Run) -> None:
    command = group.commands["explain"]
    assert isinstance(command, SectionedCommand)
    named = [option for options in command.sections.values() for option in options]
    options = [each for each in command.params if isinstance(each, click.Option)]
    longest = {max(each.opts, key=len) for each in options} | {"--help"}
    assert sorted(named) == sorted(longest)
    out = gradcam("explain", "--help")[1]
    for option in longest:
        assert len(re.findall(rf"^  (-\w, )?{option}(?=\s)", out, re.MULTILINE)) == 1
    assert max(map(len, out.splitlines()[:-1])) <= 80


def test_an_option_of_no_section_is_not_lost() -> None:
    options = [click.Option([f"--{name}"], help=f"Is {name}.") for name in ("a", "bc", "d")]
    sections = {"One": "--bc", "None": "--gone", "Two": "--a"}
    command = SectionedCommand("x", params=options, sections=sections)
    shown = command.get_help(click.Context(command))
    assert re.findall(r"^(\w.*):\n", shown, re.MULTILINE) == ["One", "Two", OTHER]
    assert shown.index("--bc") < shown.index("--a ") < shown.index("--d ") < shown.index("--help")


@pytest.mark.parametrize("width", [40, 60, 100, 200])
def test_help_fits_its_width(width: int) -> None:
    command = group.commands["explain"]
    context = click.Context(command, terminal_width=width)
    body = command.get_help(context).partition("Examples:")[0]
    assert max(map(len, body.splitlines())) <= width
