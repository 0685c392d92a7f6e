"""Options that several commands share, and what goes to stderr."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gradcam_cli.cli.completion_values import complete_models_and_auto
from gradcam_cli.engines import ENGINES
from gradcam_cli.reports.lines import print_note

if TYPE_CHECKING:
    from rich.progress import Progress

_F = TypeVar("_F", bound=Callable[..., Any])


def model_option(function: _F) -> _F:
    """Add `--model`."""
    return click.option(
        "-m",
        "--model",
        default="auto",
        show_default=True,
        envvar="GRADCAM_MODEL",
        metavar="NAME",
        shell_complete=complete_models_and_auto,
        help="A name of `gradcam models`; auto is VGG16, or the bundled model where VGG16's "
        "weights cannot be had.  [env: GRADCAM_MODEL]",
    )(function)


def engine_option(function: _F) -> _F:
    """Add `--engine`."""
    return click.option(
        "--engine",
        type=click.Choice(ENGINES, case_sensitive=False),
        default="auto",
        show_default=True,
        envvar="GRADCAM_ENGINE",
        help="What runs the model; auto is OpenVINO wherever it can, else TensorFlow.  "
        "[env: GRADCAM_ENGINE]",
    )(function)


def offline_option(function: _F) -> _F:
    """Add `--offline`."""
    return click.option(
        "--offline",
        is_flag=True,
        envvar="GRADCAM_OFFLINE",
        help="Never use the network.  [env: GRADCAM_OFFLINE]",
    )(function)


def debug_option(function: _F) -> _F:
    """Add `--debug`, which `cli.run` looks for itself."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."
    )(function)


def json_option(function: _F) -> _F:
    """Add `--json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout."
    )(function)


class Share(click.FloatRange):
    """A number in 0..1; Click's own range takes NaN too."""

    def __init__(self) -> None:
        super().__init__(0, 1)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """`value` as a number, refused where it is none."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not in the range 0<=x<=1.", param, ctx)
        return number


class Notes:
    """Keeps what is said on stderr, for the JSON; says nothing where `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.said: list[str] = []

    def __call__(self, text: str) -> None:
        """Say `text`, one sentence, and keep it."""
        self.said.append(text)
        self.say(text)

    def say(self, text: str) -> None:
        """Say `text`, which is of the moment only."""
        if not self.quiet:
            print_note(text)

    @contextmanager
    def progress(self) -> Iterator[Callable[[int, int | None], None]]:
        """A callable for (bytes done, bytes in all or None) that draws a bar on a terminal."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda done, total: None
            return
        bars: list[Progress] = []  # drawn once something comes: most often nothing is fetched

        def show(done: int, total: int | None) -> None:
            if not bars:
                bars.append(_started_bar())
            bars[0].update(bars[0].task_ids[0], completed=done, total=total)

        try:
            yield show
        finally:
            for bar in bars:
                bar.stop()


def _started_bar() -> Progress:
    from rich.progress import DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

    from gradcam_cli.reports.progress import BarText, new_bar

    size = BarText(DownloadColumn(), 14, may_go=False)
    bar = new_bar((size, BarText(TransferSpeedColumn(), 10), BarText(TimeRemainingColumn(), 7)))
    bar.add_task("")
    bar.start()
    return bar
