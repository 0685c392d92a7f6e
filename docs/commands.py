"""Makes docs/commands.md: every command and option, as Click has them (`make docs`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from gradcam_cli.cli import gradcam
from gradcam_cli.cli.help import OTHER, SectionedCommand

PAGE = Path(__file__).with_name("commands.md")

_HEAD = """\
# Commands and options

Made by `make docs` from the command line itself; do not edit. What each command is for is in the
[README](../README.md). An option is taken from the command line, else from its environment
variable, else from the [settings file](../README.md#settings), else it is the default.
"""
_COLUMNS = "| Option | What it does | Default | Environment |\n|---|---|---|---|"
_BRACKETS = re.compile(r"\s*\[(env|default): ([^][]*)\]")
"""What a help text says at its end, and the page in columns."""


def page() -> str:
    """The whole page, Markdown."""
    root = click.Context(gradcam, info_name="gradcam", **gradcam.context_settings)
    sections = [_section(context) for context in _contexts(root)]
    return "\n".join([_HEAD, *sections])


def _contexts(context: click.Context) -> Iterator[click.Context]:
    """A context for a command and for each below it."""
    yield context
    if isinstance(context.command, click.Group):
        for name, command in context.command.commands.items():
            yield from _contexts(click.Context(command, parent=context, info_name=name))


def _section(context: click.Context) -> str:
    """A command: its usage, help, options and examples."""
    usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
    text = _escaped(cleandoc(context.command.help or ""))
    parts = [f"## `{context.command_path}`", f"    {usage}", text]
    for title, options in _groups(context):
        rows = "\n".join(_row(option) for option in options)
        parts.append("\n".join(filter(None, [title and f"**{title}**\n", _COLUMNS, rows])))
    if examples := _examples(context.command.epilog):
        parts.append(f"```sh\n{examples}\n```")
    return "\n\n".join(parts) + "\n"


def _groups(context: click.Context) -> Iterator[tuple[str, list[click.Option]]]:
    """The options, by the title of their section where the command's help has sections."""
    command = context.command
    options = {
        max(each.opts, key=len): each
        for each in command.get_params(context)
        if isinstance(each, click.Option)
    }
    sections = command.sections if isinstance(command, SectionedCommand) else {}
    for title, names in sections.items():
        yield title, [options.pop(name) for name in names if name in options]
    if options:
        yield OTHER if sections else "", list(options.values())


def _row(option: click.Option) -> str:
    help_text = option.help or ""
    said = dict(_BRACKETS.findall(help_text))
    default = f"`{option.default}`" if option.show_default else _escaped(said.get("default", ""))
    names = ", ".join(f"`{name}{_value(option)}`" for name in sorted(option.opts, key=len))
    more = "; may be repeated" if option.multiple and "repeated" not in help_text else ""
    text = _escaped(_BRACKETS.sub("", help_text)) + more
    environment = f"`{option.envvar}`" if option.envvar else ""
    cells = [names.replace("|", r"\|"), text, default, environment]
    return f"| {' | '.join(cells)} |"


def _value(option: click.Option) -> str:
    """What follows the option's name: its metavar, or else its choices or the kind of value."""
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice) and not option.metavar:
        return f" {'|'.join(map(str, option.type.choices))}"
    return f" {option.metavar or option.type.name.upper().removesuffix(' RANGE')}"


def _examples(epilog: str | None) -> str:
    """The commands of an epilog of ``Examples:``."""
    lines = cleandoc(epilog or "").splitlines()
    return "\n".join(line.strip() for line in lines if line.startswith(" "))


def _escaped(text: str) -> str:
    """`text` as Markdown shows it as it is, outside of code."""
    return re.sub(r"[<>|*]", lambda found: f"\\{found[0]}", text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
