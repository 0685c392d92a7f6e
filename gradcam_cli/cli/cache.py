"""`gradcam cache`: what is kept on this machine, and clearing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from gradcam_cli.cli.completion_values import complete_models
from gradcam_cli.cli.options import debug_option, json_option
from gradcam_cli.errors import UsageError
from gradcam_cli.reports.messages import Messages


@click.group(
    invoke_without_command=True,
    subcommand_metavar="[COMMAND] [ARGS]...",
    epilog="""\b
    Examples:
      gradcam cache
      gradcam cache clear vgg16
    """,
)
@json_option
@debug_option
@click.pass_context
def cache(context: click.Context, as_json: bool) -> None:
    """List the weights and the compiled models that are kept, and their sizes."""
    if context.invoked_subcommand is not None:
        return
    from gradcam_cli.cache import entries
    from gradcam_cli.storage.folders import cache_folder

    with _cache_errors():
        kept_entries = entries()
    if as_json:
        from gradcam_cli.results.json_line import dumps

        listed = [
            {"kind": entry.kind, "name": entry.name, "path": str(entry.path), "bytes": entry.size}
            for entry in kept_entries
        ]
        click.echo(dumps({"folder": str(cache_folder()), "entries": listed}))
    else:
        from gradcam_cli.reports.lines import print_path
        from gradcam_cli.reports.terminal import print_cache

        print_cache(kept_entries)
        print_path(cache_folder())


@cache.command(
    epilog="""\b
    Examples:
      gradcam cache clear
      gradcam cache clear vgg16 --weights
    """
)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_models)
@click.option("--weights", is_flag=True, help="Also remove weights, which were fetched.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@debug_option
def clear(names: tuple[str, ...], weights: bool, quiet: bool) -> None:
    """Remove compiled models and leftovers: of each NAME, or all.

    They are made anew when they are needed. Weights stay unless --weights is given.
    """
    from gradcam_cli.cache import clear as clear_entry
    from gradcam_cli.cache import entries
    from gradcam_cli.models.catalog import find_model
    from gradcam_cli.storage.digests import forget_all
    from gradcam_cli.storage.resumable import megabytes

    messages = Messages(quiet=quiet)
    model_names = {find_model(name).info.name for name in names}
    freed, failures = 0, []
    with _cache_errors():
        kept_entries = entries()
    for entry in kept_entries:
        is_selected = not model_names or entry.name in model_names
        if is_selected and (weights or entry.kind != "weights"):
            try:
                freed += clear_entry(entry, messages)
            except OSError as error:
                failures.append(f"{entry.path} cannot be removed: {error.strerror or error}")
    if not model_names:
        forget_all()
    messages(f"{megabytes(freed)} freed.")
    if failures:
        raise UsageError("; ".join(failures), "Change who may write there.")


@contextmanager
def _cache_errors() -> Iterator[None]:
    """Name the folder where it cannot be read."""
    from gradcam_cli.storage.folders import cache_folder

    try:
        yield
    except OSError as error:
        raise UsageError(
            f"the cache cannot be read: {error.filename or cache_folder()}: {error.strerror}",
            "Set GRADCAM_CACHE to a folder of your own.",
        ) from error
