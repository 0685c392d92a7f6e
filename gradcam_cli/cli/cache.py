"""`gradcam cache`: what is kept on this machine, and clearing it."""

from __future__ import annotations

import os

import click

from gradcam_cli.cli.options import Notes, debug_option, json_option


@click.group(invoke_without_command=True)
@json_option
@debug_option
@click.pass_context
def cache(context: click.Context, as_json: bool) -> None:
    """List the weights and the compiled models that are kept, and their sizes.

    \b
    Examples:
      gradcam cache
      gradcam cache clear vgg16
    """
    if context.invoked_subcommand is not None:
        return
    from gradcam_cli.cache import entries
    from gradcam_cli.models.weights import cache_folder

    found = entries()
    if as_json:
        from gradcam_cli.reports.as_json import dumps

        listed = [
            {"kind": each.kind, "name": each.name, "path": str(each.path), "bytes": each.size}
            for each in found
        ]
        click.echo(dumps({"folder": str(cache_folder()), "entries": listed}))
    else:
        from gradcam_cli.reports.terminal import print_cache

        print_cache(found)
        click.echo(os.fsencode(cache_folder()))


@cache.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--weights", is_flag=True, help="Also remove weights, which were fetched.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@debug_option
def clear(names: tuple[str, ...], weights: bool, quiet: bool) -> None:
    """Remove compiled models and leftovers: of each NAME, or all.

    They are made anew when they are needed. Weights stay unless --weights is given.

    \b
    Examples:
      gradcam cache clear
      gradcam cache clear vgg16 --weights
    """
    from gradcam_cli.cache import clear as clear_entry
    from gradcam_cli.cache import entries
    from gradcam_cli.models.catalog import find_model
    from gradcam_cli.models.transfer import megabytes

    notes = Notes(quiet=quiet)
    wanted = {find_model(name).name for name in names}
    freed = 0
    for entry in entries():
        chosen = not wanted or entry.name in wanted
        if chosen and (weights or entry.kind != "weights"):
            freed += clear_entry(entry, notes)
    notes(f"{megabytes(freed)} freed.")
