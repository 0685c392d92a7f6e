"""The options that say which model, and how one in a file is read: one value for every command."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from gradcam_cli.callbacks import Note
from gradcam_cli.cli.completion_values import complete_files
from gradcam_cli.cli.options import model_option
from gradcam_cli.errors import UsageError

if TYPE_CHECKING:
    from gradcam_cli.models.file_options import FileOptions
    from gradcam_cli.models.selection import Selection
    from gradcam_cli.targets import Head

_F = TypeVar("_F", bound=Callable[..., Any])


def grouped_options(name: str, kind: type, *options: Callable[[Any], Any]) -> Callable[[_F], _F]:
    """Add `options` to a command; their values arrive as one `kind`, a dataclass, called `name`."""
    names = [field.name for field in fields(kind)]

    def decorate(function: _F) -> _F:
        @wraps(function)
        def wrapper(**values: Any) -> Any:
            value = kind(**{field: values.pop(field) for field in names})
            return function(**{name: value}, **values)

        for option in reversed(options):
            wrapper = option(wrapper)
        return wrapper  # type: ignore[return-value]

    return decorate


@dataclass(frozen=True)
class ModelFileOptions:
    """How a model in a file is read."""

    labels: Path | None
    preprocess: str | None
    input_size: tuple[int, int] | None
    output_name: str | None
    head: Head | None
    tokens: int | None
    custom_objects: tuple[str, ...]
    trust_model: bool

    def file_options(self) -> FileOptions | None:
        """The same as a value; None where nothing is said."""
        from gradcam_cli.models.file_options import FileOptions, GraphOptions, Trust

        options = FileOptions(
            GraphOptions(self.input_size, self.output_name, self.tokens),
            Trust(self.custom_objects, self.trust_model),
            self.labels,
            self.preprocess,
            self.head,
        )
        return None if options == FileOptions() else options

    def select_file(
        self, model: str, note: Note, layer: str | None = None, weights: Path | None = None
    ) -> Selection:
        """The model called `model`; what is said of files holds where it is one."""
        from gradcam_cli.models.selection import is_path, select_model

        options = self.file_options() if is_path(model) else None
        return select_model(model, weights=weights, layer=layer, file_options=options, note=note)


@dataclass(frozen=True)
class ModelOptions(ModelFileOptions):
    """Which model."""

    model: str
    weights: Path | None

    def select(self, note: Note, layer: str | None = None) -> Selection:
        """The selected model; one in a file is read now, of others nothing is fetched yet.

        Parameters
        ----------
        note : callable
            Called with one sentence for what takes long.
        layer : str, optional
            The layer that it must have.

        Raises
        ------
        UsageError
            For an unknown model, a layer that it is known not to have, or an option that is of no
            use for it.
        ModelError
            For a file with no model that can be explained.
        """
        from gradcam_cli.models.selection import select_model

        return select_model(
            self.model,
            weights=self.weights,
            layer=layer,
            file_options=self.file_options(),
            note=note,
        )

    def named(self, context: click.Context, name: str | None) -> ModelOptions:
        """The same for the model called `name`, a command's argument, where there is one.

        Raises
        ------
        UsageError
            Where --model names one as well.
        """
        if name is None:
            return self
        if context.get_parameter_source("model") is ParameterSource.COMMANDLINE:
            raise UsageError(
                f"there are two models, {name!r} and --model {self.model!r}", "Pass one of them."
            )
        return replace(self, model=name)

    @property
    def is_model_file(self) -> bool:
        """True where the model is a file, and by its first bytes a model's."""
        from gradcam_cli.errors import ModelError
        from gradcam_cli.models.formats.detection import detect_format
        from gradcam_cli.models.selection import is_path

        try:
            return is_path(self.model) and bool(detect_format(Path(self.model)))
        except ModelError:
            return False


class Size(click.ParamType):  # type: ignore[type-arg]
    """A side, or height and width: 224 or 96x160."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """`value` as (height, width)."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"([1-9][0-9]{0,4})(?:[x×]([1-9][0-9]{0,4}))?", str(value).strip())
        if match is None:
            self.fail(f"{value!r} is no size, as 224 or 96x160 (height x width) are.", param, ctx)
        return int(match[1]), int(match[2] or match[1])


FILE_OPTIONS = (
    "--labels --preprocess --input-size --output-name --head --tokens --custom-objects "
    "--trust-model"
)
"""Those that are for a model in a file."""

_READING = (
    click.option(
        "--labels",
        type=click.Path(path_type=Path),
        metavar="FILE",
        shell_complete=complete_files,
        help="The names of the classes: a text file with one a line, JSON or CSV.",
    ),
    click.option(
        "--preprocess",
        metavar="SPEC",
        help="How pixels become the model's input: caffe, tf, torch, none, lite, or steps as "
        "channels=bgr,scale=0..1,mean=0.5/0.5/0.5,std=0.2/0.2/0.2.  [default: what the file says, "
        "else a guess]",
    ),
    click.option(
        "--input-size",
        type=Size(),
        metavar="HEIGHTxWIDTH",
        help="The size of the model's input, where the file leaves it open.",
    ),
    click.option(
        "--output-name",
        metavar="NAME",
        help="Which output gives the scores of the classes, where there are several.",
    ),
    click.option(
        "--head",
        type=click.Choice(["softmax", "sigmoid"]),
        help="What makes probabilities of scores, where the file has nothing after them.",
    ),
    click.option(
        "--tokens",
        type=click.IntRange(0),
        metavar="N",
        help="How many tokens of a transformer come before those of the picture.",
    ),
    click.option(
        "--custom-objects",
        multiple=True,
        metavar="FILE.py:NAME",
        shell_complete=complete_files,
        help="A layer or function of your own that a Keras file needs; may be repeated. The file "
        "is run.",
    ),
    click.option(
        "--trust-model",
        is_flag=True,
        help="Run the code in a Keras file, as a Lambda layer has it.",
    ),
)

model_file_options = grouped_options("reading", ModelFileOptions, *_READING)

weights_option = click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="FILE",
    shell_complete=complete_files,
    help="Use these Keras weights (.h5) for the model of that name.",
)

model_options = grouped_options(
    "model",
    ModelOptions,
    model_option,
    weights_option,
    *_READING,
)
