"""`gradcam explain`: pictures in; overlays, and a table or a summary, out."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from gradcam_cli.cli.drawing_options import drawing_options
from gradcam_cli.cli.explain_options import ExplainOptions, explain_options
from gradcam_cli.cli.help import SectionedCommand
from gradcam_cli.cli.model_options import FILE_OPTIONS, ModelOptions, model_options
from gradcam_cli.cli.options import check_signs, debug_option
from gradcam_cli.cli.output_options import (
    OutputOptions,
    RecordOptions,
    output_options,
    record_options,
)
from gradcam_cli.cli.sources import (
    SourceOptions,
    listed_items,
    source_options,
    sources_argument,
)
from gradcam_cli.errors import ExitCode, UsageError
from gradcam_cli.process import keep_until_exit
from gradcam_cli.reports.messages import Messages

if TYPE_CHECKING:
    from gradcam_cli.images.drawing import Drawing
    from gradcam_cli.images.listing import Item
    from gradcam_cli.reports.outcomes import PrintOptions
    from gradcam_cli.runs.recording import RunOptions
    from gradcam_cli.runs.stages import Stages


@click.command(
    cls=SectionedCommand,
    sections={
        "What to explain": "--class --vs --counterfactual --method --option --layer --fuse "
        "--smooth --augment --baseline --score --trust",
        "Model": "--model --weights --engine --precision",
        "A model in a file": FILE_OPTIONS,
        "Picture": "--resize --max-pixels",
        "How the heat is drawn": "--style --alpha --colormap --signed --upsample --scale "
        "--clip-percentile "
        "--boxes --box-threshold --box-regions",
        "Outputs": "--output --save-heatmap --top --json --show --open --quiet",
        "Many pictures": "--recursive --include --exclude --from-file --null --stream --force "
        "--verify --fail-fast --max-errors --csv --report",
        "Behaviour": "--offline --debug --help",
    },
    epilog="""\b
    Examples:
      gradcam explain photo.jpg
      gradcam explain photo.jpg --class top --class sunglasses -o out/
      gradcam explain photo.jpg --class lynx --vs tabby --method hirescam
      curl -s https://example.org/cat.jpg | gradcam explain - --class 285
      gradcam explain photo.jpg --class top --style figure --upsample cubic
      gradcam explain photo.jpg --json | jq -r .predictions[0].name
      gradcam explain photo.jpg --model mine.onnx --labels labels.txt
      gradcam explain photos/ --recursive --class top -o out/ --report out/report.html
    """,
)
@sources_argument
@model_options
@explain_options
@drawing_options  # before those of the output, of which they are a part
@output_options
@source_options
@record_options
@debug_option
@click.pass_context
def explain(
    context: click.Context,
    sources: tuple[str, ...],
    listing: SourceOptions,
    question: ExplainOptions,
    model: ModelOptions,
    output: OutputOptions,
    record: RecordOptions,
) -> int:
    """Write SOURCE with a heatmap of what speaks for a class, and print the top classes.

    SOURCE is a path, an http(s) URL, or - for standard input; or any number of paths, URLs, folders
    and quoted patterns. A run over many is recorded in the output folder and, started again, goes
    on where it was.
    """
    from gradcam_cli.images.source_kinds import leads_nowhere
    from gradcam_cli.runs.opening import ModelOpener

    output.check()
    _check_drawing(output.drawing, question)
    if record.stream:
        _check_stream(sources, listing, output, record)
    single = not record.stream and listing.is_single(sources) and not record.are_requested
    messages = Messages(quiet=output.quiet)
    class_source = context.get_parameter_source("classes")
    selection = model.select(messages, question.layer)
    for guess in selection.guesses:
        messages(guess)
    settings = question.settings(selection, default_class=class_source is ParameterSource.DEFAULT)
    opener = ModelOpener(selection, settings, messages, messages.download_bar)
    keep_until_exit(opener)
    is_awaited = record.stream or (single and not leads_nowhere(sources[0]))
    if is_awaited:
        opener.open_ahead()  # before anything else is imported that takes long
    from gradcam_cli.reports.outcomes import load_for_one
    from gradcam_cli.runs.stages import Stages

    outputs = output.for_single(settings) if single else output.for_many()
    printing = output.printing(record, null=listing.null)
    one_by_one = single or record.stream
    stages = Stages(opener, settings, outputs, rows=1 if one_by_one else None, synced=one_by_one)
    if record.stream:
        return _explain_stream(stages, printing, messages)
    items = listed_items(sources, listing, messages, single=single)
    if single:
        if is_awaited:
            load_for_one(printing)
        return _explain_one(items, stages, printing, messages)
    return _explain_many(items, stages, record.options(), printing, messages)


def _check_drawing(drawing: Drawing, question: ExplainOptions) -> None:
    """Refuse a way to draw that has nothing to show of these maps, with a UsageError."""
    drawing.check_signed()
    if drawing.scale == "shared" and len(question.layers) > 1:
        raise UsageError(
            "--scale shared compares maps before they are scaled, and those of several layers are "
            "scaled before they are fused",
            "Drop --scale shared, or all --layer but one.",
        )
    if drawing.signed:
        from gradcam_cli.methods.choice import parse_methods

        check_signs(parse_methods(question.methods), "--method")


def _explain_one(
    items: list[Item], stages: Stages, printing: PrintOptions, messages: Messages
) -> int:
    from gradcam_cli.reports.outcomes import print_one
    from gradcam_cli.runs.run import run

    with messages.passes_bar() as progress:
        outcomes = list(run(items, replace(stages, progress=progress)))
    for outcome in outcomes:
        print_one(outcome, printing, messages)
    return ExitCode.DONE


def _check_stream(
    sources: tuple[str, ...],
    listing: SourceOptions,
    output: OutputOptions,
    record: RecordOptions,
) -> None:
    """Refuse what needs to know all sources beforehand, with a UsageError."""
    of_folders = listing.recursive or listing.include or listing.exclude
    if sources or listing.from_file is not None or of_folders or record.are_requested:
        raise UsageError(
            "--stream takes paths from standard input, and keeps no record of them",
            "Drop the SOURCEs and the options for folders and recorded runs, or --stream.",
        )
    if output.open_it:
        raise UsageError("--open is for one outcome, and --stream has many", "Drop one of them.")


def _explain_stream(stages: Stages, printing: PrintOptions, messages: Messages) -> int:
    from gradcam_cli.images.listing import single_item
    from gradcam_cli.images.streamed import streamed_sources
    from gradcam_cli.reports.outcomes import print_streamed
    from gradcam_cli.runs.run import run

    code = ExitCode.DONE
    for source in streamed_sources(null=printing.null):
        for outcome in run([single_item(source)], stages):
            print_streamed(outcome, printing, messages)
            if outcome.error is not None:
                code = ExitCode.INPUT
    return code


def _explain_many(
    items: list[Item],
    stages: Stages,
    options: RunOptions,
    printing: PrintOptions,
    messages: Messages,
) -> int:
    from gradcam_cli.reports.outcomes import RunPrinter
    from gradcam_cli.reports.progress import progress
    from gradcam_cli.runs.recording import recording

    printer = RunPrinter(printing, messages)
    printer.check(items, stages.outputs.overlays.folder)
    with recording(items, stages, options, messages) as recorded_run:
        tally = recorded_run.tally
        with (
            progress(tally.total, tally.done_before, messages) as show_progress,
            closing(recorded_run.outcomes()) as outcomes,
        ):
            for outcome in outcomes:
                printer.add(outcome)
                show_progress(tally.done, tally.failed)
        printer.conclude(items, recorded_run, stages)
    return tally.exit_code
