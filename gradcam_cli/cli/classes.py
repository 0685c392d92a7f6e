"""`gradcam classes`: find a class."""

from __future__ import annotations

import click

from gradcam_cli.cli.completion_values import complete_class_names
from gradcam_cli.cli.options import debug_option, json_option
from gradcam_cli.errors import UsageError


@click.command(
    epilog="""\b
    Examples:
      gradcam classes cat
      gradcam classes n04356056
    """
)
@click.argument("word", required=False, shell_complete=complete_class_names)
@json_option
@debug_option
def classes(word: str | None, as_json: bool) -> None:
    """List the classes, or those with WORD in their name."""
    from gradcam_cli.models.labels import class_labels, search_classes

    found = list(class_labels()) if word is None else search_classes(word)
    if word is not None and not found:
        raise UsageError(*_nothing(word))
    if as_json:
        import msgspec

        from gradcam_cli.results.json_line import dumps

        click.echo(dumps({"classes": msgspec.to_builtins(found)}))
    else:
        from gradcam_cli.reports.terminal import print_classes

        print_classes(found)


def _nothing(word: str) -> tuple[str, str]:
    from gradcam_cli.models.labels import class_labels
    from gradcam_cli.suggestions import closest, did_you_mean

    near = closest(word, (label.name for label in class_labels()))
    return f"no class has {word!r} in its name", did_you_mean(near)
