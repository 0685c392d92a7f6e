"""`gradcam classes`: find a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gradcam_cli.cli.completion_values import complete_class_names
from gradcam_cli.cli.model_options import ModelOptions, model_options
from gradcam_cli.cli.options import debug_option, json_option
from gradcam_cli.errors import UsageError
from gradcam_cli.reports.messages import Messages

if TYPE_CHECKING:
    from gradcam_cli.models.labels import Labels


@click.command(
    epilog="""\b
    Examples:
      gradcam classes cat
      gradcam classes n04356056
      gradcam classes --model mine.onnx --labels labels.txt
    """
)
@click.argument("word", required=False, shell_complete=complete_class_names)
@model_options
@json_option
@debug_option
def classes(word: str | None, model: ModelOptions, as_json: bool) -> None:
    """List the classes of a model, or those with WORD in their name."""
    labels = model.select(Messages()).labels
    matches = list(labels) if word is None else labels.search(word)
    if word is not None and not matches:
        raise UsageError(*_no_match(word, labels))
    if as_json:
        import msgspec

        from gradcam_cli.results.json_line import dumps

        click.echo(dumps({"classes": msgspec.to_builtins(matches)}))
    else:
        from gradcam_cli.reports.terminal import print_classes

        print_classes(matches)


def _no_match(word: str, labels: Labels) -> tuple[str, str]:
    from gradcam_cli.suggestions import closest, did_you_mean

    suggestions = closest(word, (label.name for label in labels))
    return f"no class has {word!r} in its name", did_you_mean(suggestions)
