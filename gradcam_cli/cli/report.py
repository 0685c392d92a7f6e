"""`gradcam report`: a page that shows what a run over many sources has done."""

from __future__ import annotations

from pathlib import Path

import click

from gradcam_cli.cli.completion_values import complete_folders
from gradcam_cli.cli.options import debug_option
from gradcam_cli.reports.lines import print_path
from gradcam_cli.reports.messages import Messages


@click.command(
    epilog="""\b
    Examples:
      gradcam report out/
      gradcam report out/ -o birds.html
    """
)
@click.argument(
    "folder", metavar="DIR", type=click.Path(path_type=Path), shell_complete=complete_folders
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="The page to write.  [default: DIR/report.html]",
)
@click.option("-q", "--quiet", is_flag=True, help="Print the pages' paths and errors only.")
@debug_option
def report(folder: Path, output: Path | None, quiet: bool) -> None:
    """Make a page that shows what `gradcam explain` has written to the folder DIR.

    The page holds its pictures and needs no network. Beyond 10,000 overlays there are several,
    FILE.html, FILE-2.html and so on.
    """
    from gradcam_cli.reports.html import write_report
    from gradcam_cli.results.manifest import Manifest

    messages = Messages(quiet=quiet)
    manifest = Manifest.of_run(folder)
    if manifest.damage:
        messages(manifest.damage)
    for path in write_report(manifest, output or folder / "report.html", messages):
        print_path(path)
