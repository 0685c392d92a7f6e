"""`gradcam config`, which shows the options' values that hold, and where each is from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from gradcam_cli.cli.options import debug_option, json_option
from gradcam_cli.errors import UsageError

_SOURCES = {
    ParameterSource.COMMANDLINE: "flag",
    ParameterSource.ENVIRONMENT: "environment",
    ParameterSource.DEFAULT_MAP: "file",
    ParameterSource.DEFAULT: "default",
}


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog="""\b
    Examples:
      gradcam config
      gradcam config explain
      gradcam config explain photo.jpg --alpha 0.3
    """,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND [ARGS]...]")
@json_option
@debug_option
@click.pass_context
def config(context: click.Context, words: tuple[str, ...], as_json: bool) -> None:
    """Show the options of COMMAND, or of all commands: which values hold, and where from.

    A value comes from a flag among ARGS, else from an environment variable, else from the settings
    file, else it is the default. The file is gradcam.toml, or pyproject.toml with [tool.gradcam],
    in the working folder or one above it; GRADCAM_CONFIG names another, or none where it is empty.
    """
    root = context.find_root()
    file = None if root.obj is None else root.obj.path
    rows = [row for command in _contexts(root, list(words)) for row in _rows(command, file)]
    if as_json:
        from gradcam_cli.results.json_line import dumps

        path = None if file is None else os.path.abspath(file)  # noqa: PTH100 - without ..
        click.echo(dumps({"file": path, "options": rows}))
    else:
        from gradcam_cli.reports.terminal import print_settings

        print_settings(rows)


def _contexts(parent: click.Context, words: list[str]) -> Iterator[click.Context]:
    """A context for the command that `words` name and for each below it, as Click resolves them."""
    from gradcam_cli.cli.default_values import subcommands

    commands = subcommands(parent.command)
    name = words[0] if words else ""
    if name in commands:
        arguments = words[1:]
        is_complete = bool(arguments) and arguments[0] not in subcommands(commands[name])
        context = commands[name].make_context(
            name, arguments if is_complete else [], parent=parent, resilient_parsing=not is_complete
        )
        if arguments and not is_complete:
            yield from _contexts(context, arguments)
            return
        yield context
        if not is_complete:
            yield from _contexts(context, [])
        return
    if words:
        raise _unknown_command(name, list(commands))
    for command in commands:
        yield from _contexts(parent, [command])


def _unknown_command(name: str, commands: list[str]) -> UsageError:
    from gradcam_cli.suggestions import closest, did_you_mean

    suggestion = did_you_mean(closest(name, commands)) or f"There are {', '.join(commands)}."
    return UsageError(f"there is no command {name!r}", suggestion)


def _rows(context: click.Context, file: Path | None) -> Iterator[dict[str, Any]]:
    """What JSON has for each option of the context's command."""
    from gradcam_cli.cli.default_values import options_by_key

    for key, option in options_by_key(context.command).items():
        source = context.get_parameter_source(str(option.name)) or ParameterSource.DEFAULT
        value = context.params.get(str(option.name))
        if source is ParameterSource.ENVIRONMENT and value is None:
            # While arguments are missing, Click lets pass what it would refuse.
            value = option.type_cast_value(context, option.value_from_envvar(context))
        origins = {
            ParameterSource.ENVIRONMENT: option.envvar,
            ParameterSource.DEFAULT_MAP: str(file),
        }
        yield {
            "command": context.command_path.removeprefix("gradcam "),
            "option": key,
            "value": _to_json(value),
            "source": _SOURCES[source],
            "name": origins.get(source),
        }


def _to_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    return str(value) if isinstance(value, Path) else value
