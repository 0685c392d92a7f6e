"""`gradcam methods`: how a class can be explained."""

from __future__ import annotations

import click

from gradcam_cli.cli.completion_values import complete_methods
from gradcam_cli.cli.options import debug_option, json_option


@click.command(
    epilog="""\b
    Examples:
      gradcam methods
      gradcam methods integrated-gradients
      gradcam methods --json | jq -r '.methods[].name'
    """
)
@click.argument("name", required=False, shell_complete=complete_methods)
@json_option
@debug_option
def methods(name: str | None, as_json: bool) -> None:
    """List the methods, or tell all of the one called NAME: what it needs, costs and takes."""
    from gradcam_cli.methods.choice import find_method
    from gradcam_cli.methods.table import METHODS
    from gradcam_cli.reports.methods import method_object, print_method, print_methods

    listed = list(METHODS.values()) if name is None else [find_method(name)]
    if as_json:
        from gradcam_cli.results.json_line import dumps

        click.echo(dumps({"methods": [method_object(method) for method in listed]}))
    elif name is None:
        print_methods(listed)
    else:
        print_method(listed[0])
