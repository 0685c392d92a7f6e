"""The command line: parse, call, print. Nothing here computes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from gradcam_cli import __version__
from gradcam_cli.cli.cache import cache
from gradcam_cli.cli.classes import classes
from gradcam_cli.cli.explain import explain
from gradcam_cli.cli.layers import layers
from gradcam_cli.cli.models import models
from gradcam_cli.cli.report import report
from gradcam_cli.errors import ExitCode, GradcamError
from gradcam_cli.reports.lines import print_note, print_traceback


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="gradcam")
def gradcam() -> None:
    """Show what an image classifier looks at.

    \b
    Examples:
      gradcam explain photo.jpg
      gradcam explain photo.jpg --class "Egyptian cat" --model resnet50
      gradcam classes cat

    Exit codes: 0 done, 1 a check did not hold, 2 usage, 3 an input could not be read,
    4 model or weights unavailable, 70 a bug in gradcam, 130 interrupted.
    """


for _command in (explain, report, classes, layers, models, cache):
    gradcam.add_command(_command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with one of `ExitCode`."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line, answering with its exit code; an error is one line on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for name in ("stdout", "stderr"):  # Python has None for one that was closed, as by `>&-`
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    try:
        code = gradcam.main(arguments, prog_name="gradcam", standalone_mode=False)
        sys.stdout.flush()
        return code or ExitCode.DONE
    except click.exceptions.Exit as error:
        return error.exit_code
    except (BrokenPipeError, SystemExit):
        # Whoever read us has gone, as in `gradcam classes | head`, which Click and rich take for
        # a reason to leave with 1, a code that means something else here.
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # or the last flush would complain
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in arguments:
            print_traceback(error)
        code, text = _told(error)
        print_note(text)
        return code
    return ExitCode.DONE


def _told(error: BaseException) -> tuple[ExitCode, str]:
    """The exit code for `error` and the line that tells it."""
    match error:
        case GradcamError():
            return error.exit_code, str(error)
        case click.ClickException():
            context = getattr(error, "ctx", None)
            see = f"See `{context.command_path if context else 'gradcam'} --help`."
            return ExitCode.USAGE, f"{error.format_message().rstrip('.')}. {see}"
        case KeyboardInterrupt() | click.Abort():
            return ExitCode.INTERRUPTED, "interrupted."
        case MemoryError():
            return ExitCode.INPUT, "there is not enough memory for this."
        case OSError():
            return ExitCode.USAGE, f"{error.strerror or error}."
    text = f"this is a bug in gradcam: {type(error).__name__}: {error}"
    return ExitCode.BUG, f"{text}. Run it again with --debug and report what it shows."
