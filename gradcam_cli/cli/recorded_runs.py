"""A recorded run of a command that tells everything at its end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from gradcam_cli.errors import ExitCode

if TYPE_CHECKING:
    from gradcam_cli.images.listing import Item
    from gradcam_cli.reports.messages import Messages
    from gradcam_cli.results.manifest import Manifest
    from gradcam_cli.runs.recording import RunOptions
    from gradcam_cli.runs.stages import Stages


def run_recorded(
    items: list[Item],
    stages: Stages,
    options: RunOptions,
    messages: Messages,
    conclude: Callable[[Manifest, list[str]], bool],
) -> int:
    """Run `stages` on what is not done yet, and conclude, unless it was interrupted.

    Parameters
    ----------
    items, stages, options
        As of `runs.recording.recording`.
    messages : Messages
    conclude : callable
        Given the manifest and the keys of `items`; whether all holds that has to.

    Returns
    -------
    int
        The exit code.
    """
    from gradcam_cli.reports.progress import progress
    from gradcam_cli.runs.recording import recording

    with recording(items, stages, options, messages) as recorded_run:
        tally = recorded_run.tally
        with (
            progress(tally.total, tally.done_before, messages) as show_progress,
            closing(recorded_run.outcomes()) as outcomes,
        ):
            for _ in outcomes:
                show_progress(tally.done, tally.failed)
        if tally.interrupted:
            messages(f"{tally.done:,} of {tally.total:,} are done. Run it again to go on.")
            return tally.exit_code
        holds = conclude(recorded_run.manifest, [item.recorded_key for item in items])
    return tally.exit_code if holds else ExitCode.CHECK_FAILED
