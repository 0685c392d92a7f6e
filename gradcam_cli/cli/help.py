"""Help whose options stand in sections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

OTHER = "Other options"
"""Where options stand that no section names."""

_COLUMN = 30
"""The widest that options are beside their help; Click's own figure. All sections share it."""


class SectionedCommand(click.Command):
    """A command whose help lists its options in sections.

    Parameters
    ----------
    sections : mapping of str to str
        The options of each section by its title: ``{"Model": "--model --weights"}``.
    """

    def __init__(self, *arguments: Any, sections: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sections = {title: options.split() for title, options in sections.items()}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each section with its options, in the order that it names them."""
        rows = self._rows(ctx)
        column = min(_COLUMN, formatter.width // 2 - 2)
        width = _width(rows.values(), column)
        sections = {
            title: [rows.pop(option) for option in options if option in rows]
            for title, options in self.sections.items()
        }
        for title, section in (*sections.items(), (OTHER, list(rows.values()))):
            if section:
                with formatter.section(title):
                    spacing = 2 + width - _width(section, column)
                    formatter.write_dl(section, col_max=column, col_spacing=spacing)

    def _rows(self, context: click.Context) -> dict[str, tuple[str, str]]:
        """For each option, by its long name, how it is written and its help."""
        options = [
            option for option in self.get_params(context) if isinstance(option, click.Option)
        ]
        rows = {max(option.opts, key=len): option.get_help_record(context) for option in options}
        return {name: row for name, row in rows.items() if row is not None}


def _width(rows: Iterable[tuple[str, str]], most: int) -> int:
    return min(most, max(len(option) for option, _ in rows))
