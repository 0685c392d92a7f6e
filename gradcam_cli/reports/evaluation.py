"""What an evaluation tells: a table, JSON, CSV, a picture of charts, and a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradcam_cli import __version__
from gradcam_cli.images.writing import check_writable, output_file
from gradcam_cli.metrics.table import BY_NAME
from gradcam_cli.reports.charts import Chart, bars_chart, curves_chart, svg, write_png
from gradcam_cli.reports.html import check_report
from gradcam_cli.reports.lines import print_errors
from gradcam_cli.reports.page.assets import page_assets, page_template
from gradcam_cli.reports.summary import write_rows
from gradcam_cli.results.evaluation_summary import CONTROL, EvaluationResult, MethodScore
from gradcam_cli.results.json_line import dumps, mean_object
from gradcam_cli.text import printable

if TYPE_CHECKING:
    from gradcam_cli.reports.messages import Messages
    from gradcam_cli.results.manifest import Manifest

_DIRECTIONS = {True: "more is better", False: "less is better", None: "neither is better"}


@dataclass(frozen=True)
class EvaluationFiles:
    """What is printed, and which files are written.

    Attributes
    ----------
    as_json, quiet : bool
        Print JSON in place of the table; neither.
    csv, plot, report : Path or None
    """

    as_json: bool = False
    quiet: bool = False
    csv: Path | None = None
    plot: Path | None = None
    report: Path | None = None

    def check(self, sources: Sequence[Path]) -> None:
        """Refuse what cannot be written, before a long run."""
        for path in (self.csv, self.plot):
            if path is not None:
                check_writable(path, sources=sources)
        if self.report is not None:
            check_report(self.report, sources=sources)


def report_evaluation(
    manifest: Manifest, keys: Sequence[str], files: EvaluationFiles, messages: Messages
) -> bool:
    """Print and write all of an evaluation.

    Parameters
    ----------
    manifest : Manifest
        What was measured.
    keys : sequence of str
        Of which pictures.
    files : EvaluationFiles
    messages : Messages

    Returns
    -------
    bool
        True: nothing has to hold.
    """
    with manifest.reader() as reader:
        result = EvaluationResult.of(reader.ordered(keys))
    if files.csv is not None:
        write_rows(files.csv, *_rows(result))
    if files.plot is not None:
        write_png(files.plot, charts_of(result))
    if files.report is not None:
        _write_page(files.report, result)
    if files.as_json:
        click.echo(dumps(evaluation_object(result)))
    elif result.evaluations and not files.quiet:
        _print_table(result)
    print_errors([error for _, error in result.failures])
    counts = [f"{result.images:,} {'picture' if result.images == 1 else 'pictures'} evaluated"]
    if result.failures:
        counts.append(f"{len(result.failures):,} failed")
    messages(f"{', '.join(counts)}.")
    return True


# Table --------------------------------------------------------------------------------------------


def _print_table(result: EvaluationResult) -> None:
    from gradcam_cli.reports.terminal import console, new_table

    methods = result.methods
    table = new_table(("metric", "left"), ("", "left"), *((method, "right") for method in methods))
    for name in result.metrics:
        metric, scores = BY_NAME[name], result.scores(name)
        cells = [shown(scores[method]) for method in methods]
        table.add_row(metric.title, _DIRECTIONS[metric.more_is_better], *cells)
    console().print(table)
    console().print(LEGEND, highlight=False)


LEGEND = "(1) is the best, and what is not clearly worse; ~ is not clearly better than random."


def shown(score: MethodScore) -> str:
    """A mean, its rank, and ``~`` where it is not clearly better than `random`."""
    if score.mean.value is None:
        return ""
    rank = "" if score.rank is None else f" ({score.rank})"
    return f"{score.mean.value:.3f}{rank}{'~' if score.beats_control is False else ''}"


# JSON and CSV -------------------------------------------------------------------------------------


def evaluation_object(result: EvaluationResult) -> dict[str, Any]:
    """All of it, as --json has it."""
    example = result.example
    run = ("model", "layer", "engine", "versions")
    return {
        **({} if example is None else {name: getattr(example, name) for name in run}),
        "summary": {"images": result.images, "failed": len(result.failures)},
        "metrics": [_metric_object(result, name) for name in result.metrics],
        "curves": {
            name: {
                method: [mean_object(each) for each in result.curve(method, name)]
                for method in result.methods
            }
            for name in ("deletion", "insertion")
            if name in result.metrics
        },
        "images": _image_objects(result),
        "failures": [{"source": name, "error": error} for name, error in result.failures],
    }


def _metric_object(result: EvaluationResult, name: str) -> dict[str, Any]:
    metric = BY_NAME[name]
    return {
        "metric": name,
        "more_is_better": metric.more_is_better,
        "paper": metric.paper,
        "methods": {
            method: {
                **mean_object(score.mean),
                "rank": score.rank,
                "against_random": score.against_control and mean_object(score.against_control),
                "beats_random": score.beats_control,
            }
            for method, score in result.scores(name).items()
        },
    }


def _image_objects(result: EvaluationResult) -> list[dict[str, Any]]:
    return [
        {
            "source": source,
            "class": label,
            "method": method,
            **{name: round(value, 6) for name, value in evaluation.values.items()},
        }
        for method in result.methods
        for source, label, evaluation in result.evaluations[method]
    ]


def _rows(result: EvaluationResult) -> tuple[list[str], list[dict[str, Any]]]:
    rows = _image_objects(result)
    failures = [{"source": name, "error": error} for name, error in result.failures]
    return ["source", "class", "method", *result.metrics, "error"], [*rows, *failures]


# Charts and page ----------------------------------------------------------------------------------


def charts_of(result: EvaluationResult) -> list[Chart]:
    """Curves of deletion and insertion, and bars of every metric."""
    methods = result.methods
    curves = [
        curves_chart(
            f"{name.capitalize()}: the class's probability",
            {printable(method): result.curve(method, name) for method in methods},
            falling=name == "deletion",
        )
        for name in ("deletion", "insertion")
        if name in result.metrics
    ]
    bars = [
        bars_chart(
            f"{BY_NAME[name].title}: {_DIRECTIONS[BY_NAME[name].more_is_better]}",
            {method: score.mean for method, score in result.scores(name).items()},
        )
        for name in result.metrics
    ]
    return [*curves, *bars]


def _write_page(path: Path, result: EvaluationResult) -> None:
    example = result.example
    run = "" if example is None else f"{example.model} at {example.layer}"
    rows = []
    for name in result.metrics:
        scores = result.scores(name)
        metric = BY_NAME[name]
        cells = [shown(scores[method]) for method in result.methods]
        rows.append((metric.title, _DIRECTIONS[metric.more_is_better], metric.paper, cells))
    page = page_template("evaluation").stream(
        **page_assets(),
        generator=f"gradcam {__version__}",
        run=printable(run),
        images=result.images,
        failures=[tuple(map(printable, each)) for each in result.failures],
        methods=[printable(method) for method in result.methods],
        rows=rows,
        legend=LEGEND,
        control=CONTROL,
        charts=[svg(chart) for chart in charts_of(result)],
    )
    with output_file(path) as file:
        page.dump(file, encoding="utf-8")
