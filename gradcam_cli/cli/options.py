"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gradcam_cli.cli.completion_values import complete_models_and_files
from gradcam_cli.engines import ENGINES
from gradcam_cli.errors import UsageError
from gradcam_cli.passes import PRECISIONS

if TYPE_CHECKING:
    from gradcam_cli.methods.choice import MethodChoice

_F = TypeVar("_F", bound=Callable[..., Any])


def model_option(function: _F) -> _F:
    """Add `--model`."""
    return click.option(
        "-m",
        "--model",
        default="auto",
        show_default=True,
        envvar="GRADCAM_MODEL",
        metavar="NAME|FILE",
        shell_complete=complete_models_and_files,
        help="A name of `gradcam models`, or a file: ONNX, Keras, TFLite, SavedModel, OpenVINO. "
        "auto is VGG16, or the bundled model where VGG16's weights cannot be had.  "
        "[env: GRADCAM_MODEL]",
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


def precision_option(function: _F) -> _F:
    """Add `--precision`."""
    return click.option(
        "--precision",
        type=click.Choice(PRECISIONS, case_sensitive=False),
        default="f32",
        show_default=True,
        help="What the model computes in: bf16 is some times as fast where the processor has it, "
        "and moves heatmaps by some percent.",
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


class OneText(type(click.STRING)):  # type: ignore[misc]
    """Text of an option that may be repeated; a variable of the environment holds one."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """`rv`, which may be a path with blanks in it."""
        return [rv]


class NumberRange(click.FloatRange):
    """A number in a range; Click's own takes NaN too."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """`value` as a number, refused where it is none."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx)
        return number


class Share(NumberRange):
    """A number in 0..1."""

    def __init__(self) -> None:
        super().__init__(0, 1)


def check_signs(methods: Sequence[MethodChoice], option: str) -> None:
    """Refuse --signed where none of `methods`, chosen by `option`, has signs, with a UsageError."""
    if not any(choice.method.signed for choice in methods):
        raise UsageError(
            f"--signed is of no use: {methods[0].method.name} gives nothing below 0",
            f"Drop --signed, or pass another {option}; `gradcam methods METHOD` tells the sign.",
        )


def names_of(text: str) -> list[str]:
    """The names in `text`, with commas between them; those between options of a method stay.

    Raises
    ------
    UsageError
        Where there is none.

    Examples
    --------
    >>> names_of("grad-cam, a:steps=9,seed=1, b")
    ['grad-cam', 'a:steps=9,seed=1', 'b']
    """
    names: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if names and ":" in names[-1] and "=" in part and ":" not in part:
            names[-1] += f",{part}"
        else:
            names.append(part)
    if not names:
        raise UsageError(
            f"expected names with commas between them, got {text!r}", "Pass at least one."
        )
    return names
