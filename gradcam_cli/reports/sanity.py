"""What `gradcam sanity` tells: a table, a verdict on each method, JSON, and a chart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradcam_cli.reports.charts import Chart, curves_chart, write_png
from gradcam_cli.reports.lines import print_errors, print_note
from gradcam_cli.results.json_line import dumps, mean_object

if TYPE_CHECKING:
    from gradcam_cli.metrics.intervals import Mean
    from gradcam_cli.results.sanity import MethodSanity, SanityResult


def report_sanity(result: SanityResult, *, as_json: bool, quiet: bool, plot: Path | None) -> None:
    """Print and draw what was found."""
    if plot is not None:
        write_png(plot, [chart_of(result)])
    if as_json:
        click.echo(dumps(sanity_object(result)))
    elif not quiet:
        _print_tables(result)
    print_errors([str(error) for _, error in result.failures])
    for method in result.methods:
        if not method.depends_on_weights:
            print_note(verdict(method))


def verdict(method: MethodSanity) -> str:
    """What is to be thought of a method."""
    last = method.levels[-1]
    if not method.depends_on_weights:
        return (
            f"{method.method} does not depend on the weights: with all {last.kernels} kernels "
            f"shuffled its maps still have a rank correlation of {last.rank.value:.2f}"
        )
    text = f"{method.method} depends on the weights"
    if method.unchanged_until:
        text += f", but not on the last {method.unchanged_until} kernels"
    if not method.depends_on_class:
        text += ", and not on the class"
    return text


def _print_tables(result: SanityResult) -> None:
    from gradcam_cli.reports.terminal import console, new_table

    methods = result.methods
    table = new_table(
        ("shuffled", "right"), ("down to", "left"),
        *((method.method, "right") for method in methods),
    )  # fmt: skip
    for row, level in enumerate(methods[0].levels):
        cells = [
            _cell(method.levels[row].rank, method.levels[row].similarity) for method in methods
        ]
        table.add_row(f"{level.kernels} of {result.kernels}", level.last, *cells)
    table.add_row("", "another class", *(_figure(method.other_class) for method in methods))
    console().print(table)
    console().print("Rank correlation with the maps of the model as it is / structural similarity.")
    for method in methods:
        console().print(f"{verdict(method)}.", highlight=False)


def _cell(rank: Mean, similarity: Mean) -> str:
    return f"{_figure(rank)} / {_figure(similarity)}"


def _figure(mean: Mean) -> str:
    return "" if mean.value is None else f"{mean.value:.2f}"


def chart_of(result: SanityResult) -> Chart:
    """The absolute rank correlation of each method, level by level."""
    from gradcam_cli.metrics.intervals import Mean

    series = {}
    for method in result.methods:
        whole = Mean(1.0, 1.0, 1.0, result.images)
        series[method.method] = [whole, *(_absolute(level.rank) for level in method.levels)]
    return curves_chart(
        "Rank correlation as kernels are shuffled, from the scores down",
        series,
        falling=True,
        ends=("none", "all kernels"),
    )


def _absolute(mean: Mean) -> Mean:
    from gradcam_cli.metrics.intervals import Mean

    if mean.value is None or mean.low is None or mean.high is None:
        return Mean(0.0, 0.0, 0.0, mean.count)
    low, high = sorted((abs(mean.low), abs(mean.high)))
    if mean.low < 0 < mean.high:
        low = 0.0
    return Mean(abs(mean.value), low, high, mean.count)


def sanity_object(result: SanityResult) -> dict[str, Any]:
    """All of it, as --json has it."""
    return {
        "model": result.model,
        "layer": result.layer,
        "kernels": result.kernels,
        "summary": {"images": result.images, "failed": len(result.failures)},
        "methods": [
            {
                "method": method.method,
                "depends_on_weights": method.depends_on_weights,
                "depends_on_class": method.depends_on_class,
                "verdict": verdict(method),
                "other_class": mean_object(method.other_class),
                "levels": [
                    {
                        "kernels": level.kernels,
                        "last": level.last,
                        "rank_correlation": mean_object(level.rank),
                        "structural_similarity": mean_object(level.similarity),
                    }
                    for level in method.levels
                ],
            }
            for method in result.methods
        ],
        "failures": [{"source": name, "error": str(error)} for name, error in result.failures],
    }
