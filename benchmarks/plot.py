"""Results as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.records import PHOTOS, Results

PLAIN, TENSORFLOW, COMPILED, SHORT = "#8a8f98", "#e8923a", "#2f7d5b", "#3f6fae"


def draw(results: Results, path: Path) -> None:
    """Write bars of all cold processes to `path`, a .png file."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["font.size"] = 10
    from matplotlib import pyplot as plt

    heights = (len(results.cold), len(results.folder) + 1, len(results.short))
    figure, (above, middle, below) = plt.subplots(
        3, 1, figsize=(8, 8), height_ratios=heights, layout="constrained"
    )
    _bars(above, results, list(results.cold), 1, "{:.2f} s")
    above.set_title("A photo explained, cold process: seconds", loc="left", fontsize=11)
    _bars(middle, results, list(results.folder), 1, "{:.1f} s")
    middle.set_title(f"{PHOTOS} photos with VGG16: seconds", loc="left", fontsize=11)
    _bars(below, results, list(results.short), 1000, "{:.0f} ms")
    below.set_title("Short commands, cold process: milliseconds", loc="left", fontsize=11)
    figure.savefig(path, dpi=100, facecolor="white")
    plt.close(figure)


def _bars(axes: Any, results: Results, keys: list[str], scale: float, form: str) -> None:
    """Medians as bars, ranges as whiskers, the first key on top."""
    spreads = [results.seconds(key) for key in keys]
    medians = [scale * each.median for each in spreads]
    low = [scale * (each.median - each.low) for each in spreads]
    high = [scale * (each.high - each.median) for each in spreads]
    labels = [results.commands[key].label for key in keys]
    axes.barh(labels, medians, color=[_color(key) for key in keys], height=0.7)
    axes.errorbar(medians, labels, xerr=[low, high], fmt="none", ecolor="#333333", capsize=2, lw=1)
    for number, (median, above) in enumerate(zip(medians, high, strict=True)):
        beside = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(form.format(median), (median + above, number), **beside)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    axes.spines[["top", "right"]].set_visible(False)


def _color(key: str) -> str:
    if key.endswith("-tensorflow"):
        return TENSORFLOW
    if key.endswith("-openvino") or key == "gradcam-folder":
        return COMPILED
    return SHORT if key in ("help", "version", "completion", "usage") else PLAIN
