"""The command line: parse, call, print. Nothing here computes."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import click

from gradcam_cli import __version__
from gradcam_cli.cli.commands import COMPLETION_VARIABLE, CommandsWithSettings, ImportedCommands
from gradcam_cli.errors import ExitCode, GradcamError
from gradcam_cli.process import Terminated, sigterm_raises
from gradcam_cli.reports.lines import print_note, print_traceback

_ENDINGS: tuple[tuple[type[BaseException], ExitCode, str], ...] = (
    (KeyboardInterrupt, ExitCode.INTERRUPTED, "interrupted."),
    (click.Abort, ExitCode.INTERRUPTED, "interrupted."),
    (Terminated, ExitCode.TERMINATED, "terminated."),
    (MemoryError, ExitCode.INPUT, "there is not enough memory for this."),
)

_RARELY = 50_000
"""How many new objects there are before garbage is collected: imports make tens of thousands."""


_COMMANDS = (
    "explain",
    "compare",
    "check",
    "diff",
    "evaluate",
    "sanity",
    "report",
    "doctor",
    "export",
    "classes",
    "layers",
    "methods",
    "models",
    "cache",
    "config",
    "completion",
)
"""The names of the commands, and of their modules."""


@click.group(
    cls=CommandsWithSettings,
    commands=ImportedCommands(_COMMANDS),
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
    Examples:
      gradcam explain photo.jpg
      gradcam explain photo.jpg --class "Egyptian cat" --model resnet50
      gradcam classes cat
    """,
)
@click.version_option(__version__, prog_name="gradcam")
@click.pass_context
def gradcam(context: click.Context) -> None:
    """Show what an image classifier looks at.

    Exit codes: 0 done, 1 a check did not hold, 2 usage, 3 an input could not be read,
    4 model or weights unavailable, 70 a bug in gradcam, 130 interrupted, 143 terminated.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        context.exit(ExitCode.USAGE)


def main() -> NoReturn:
    """Run the command line and leave the process with one of `ExitCode`.

    At once: to take down OpenVINO or TensorFlow in order takes longer than many a command.
    """
    gc.set_threshold(_RARELY)
    code = run()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line, answering with its exit code; an error is one line on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for name in ("stdout", "stderr"):  # Python has None for one that was closed, as by `>&-`
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    if COMPLETION_VARIABLE in os.environ:
        from gradcam_cli.cli.completion import complete_joined_values

        complete_joined_values()
    try:
        with sigterm_raises():
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
    except (Exception, KeyboardInterrupt, Terminated) as error:
        if "--debug" in arguments:
            print_traceback(error)
        code, text = _exit_of(error, arguments)
        print_note(text)
        return code
    return ExitCode.DONE


def _exit_of(error: BaseException, arguments: list[str]) -> tuple[ExitCode, str]:
    """The exit code for `error` and the line that says it, where it came of `arguments`."""
    match error:
        case GradcamError():
            return error.exit_code, str(error)
        case click.ClickException():
            context = getattr(error, "ctx", None)
            path = context.command_path if context else _command_path(arguments)
            return ExitCode.USAGE, f"{_click_message(error)} See `{path} --help`."
        case OSError():
            return ExitCode.USAGE, f"{error.strerror or error}."
    for kind, code, text in _ENDINGS:
        if isinstance(error, kind):
            return code, text
    text = f"this is a bug in gradcam: {type(error).__name__}: {error}"
    return ExitCode.BUG, f"{text}. Run it again with --debug and report what it shows."


def _click_message(error: click.ClickException) -> str:
    """What Click says in `error`, on one line; a misspelt name with what is close to it."""
    from gradcam_cli.suggestions import did_you_mean

    near = did_you_mean(getattr(error, "possibilities", None) or ())
    if isinstance(error, click.NoSuchOption):
        return f"there is no option {error.option_name}. {near}".strip()
    if name := getattr(error, "command_name", None):  # Click 8.4 and later
        return f"there is no command {name!r}. {near}".strip()
    return " ".join(error.format_message().split()).rstrip(".") + "."


def _command_path(arguments: list[str]) -> str:
    """The command that `arguments` name, for those errors of Click's that do not know it."""
    command: click.Command = gradcam
    path = ["gradcam"]
    for word in arguments:
        if not isinstance(command, click.Group) or word not in command.commands:
            break
        command = command.commands[word]
        path.append(word)
    return " ".join(path)
