"""The root of the commands: each is imported once it is named, and takes defaults from a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from gradcam_cli.errors import GradcamError, UsageError
from gradcam_cli.reports.messages import Messages

COMPLETION_VARIABLE = "_GRADCAM_COMPLETE"
"""Set by a shell that runs `gradcam` for completions only."""


class ImportedCommands(Mapping[str, click.Command]):
    """Commands by name; that of `gradcam_cli.cli.NAME.NAME` is imported when it is looked up."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._names:
            raise KeyError(name)
        command: click.Command = getattr(import_module(f"gradcam_cli.cli.{name}"), name)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class CommandsWithSettings(click.Group):
    """The root of the commands, whose defaults come from the settings file.

    With --help the file is not read: help shows the program's own defaults, and works
    whatever is in the file. No option of the group itself is a setting.
    """

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """A context with the default map, which the contexts of the commands take theirs from.

        Its `obj` is the settings file, or None.
        """
        words = list(args)  # Click empties the other
        context = super().make_context(info_name, args, parent, **extra)
        if words and not _asks_for_help(words, context):
            try:
                self._read_settings(context)
            except GradcamError:
                if not context.resilient_parsing:  # while a shell completes, nothing is said
                    raise
        return context

    def _read_settings(self, context: click.Context) -> None:
        from gradcam_cli.cli.settings_file import settings_file

        file = settings_file(Messages(quiet=context.resilient_parsing))
        if file is not None:
            from gradcam_cli.cli.default_values import default_map

            context.default_map = default_map(self, file)
            context.obj = file

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a value that it refuses is said to be the file's where it is."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            if ctx.obj is None:
                raise
            from gradcam_cli.cli.default_values import key_of_value_in

            if key := key_of_value_in(error.what, ctx.obj.values):
                remedy = f"{error.remedy} It is {key} in {ctx.obj.path}.".strip()
                raise UsageError(error.what, remedy) from error
            raise


def _asks_for_help(words: list[str], context: click.Context) -> bool:
    options_end = words.index("--") if "--" in words else len(words)
    return any(name in words[:options_end] for name in context.help_option_names)
