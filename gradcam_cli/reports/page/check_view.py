"""What the page of a check shows beside its pictures: numbers, classes, confusions."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from gradcam_cli.reports.check.sentences import failure_sentences, interval, shown
from gradcam_cli.reports.page.thumbnails import Thumbnail, overlay_thumbnail
from gradcam_cli.results.check_summary import BY_NAME, CLASS_MEASURES, MEASURES
from gradcam_cli.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gradcam_cli.results.check_summary import CheckResult
    from gradcam_cli.results.shortcuts import Alarm, CheckFindings

_MOST_IN_MATRIX = 20
_MOST_CONFUSIONS = 50
_MOST_CLASSES = 200
_HEAT_SIDE = 96
_MOST_PICTURES = 6

Row = tuple[str, ...]


@dataclass(frozen=True)
class Confusion:
    """How often one class was predicted where another was expected; the button to see which."""

    expected: str
    predicted: str
    count: int

    @property
    def is_right(self) -> bool:
        """True on the diagonal."""
        return self.expected == self.predicted


@dataclass(frozen=True)
class AlarmView:
    """What may be a shortcut: the evidence, and some pictures that show it."""

    text: str
    pictures: list[tuple[str, Thumbnail]]


@dataclass(frozen=True)
class CheckView:
    """The tables of a page.

    Attributes
    ----------
    means : list of (title, mean, interval, pictures)
    failed : list of str
        A sentence for each thing that does not hold.
    alarms : list of AlarmView
        What may be shortcuts.
    wrong : list of (place, predicted class, count, sources)
        Wrong predictions by where the model looked.
    class_heat : list of (class, data: URI)
        The mean heatmap of each class.
    class_titles, classes : tuple of str, list of tuples of str
        The columns, and a row for each class, the worst first.
    matrix_labels : list of str
        The predicted classes of the columns of `matrix`; empty where there are too many.
    matrix : list of (expected, list of Confusion or None)
    confusions : list of Confusion
        The most frequent wrong ones.
    keys : list of str
        Those of the records, in the order of the cards.
    """

    means: list[Row]
    failed: list[str]
    alarms: list[AlarmView]
    wrong: list[Row]
    class_heat: list[tuple[str, str]]
    class_titles: Row
    classes: list[Row]
    matrix_labels: list[str]
    matrix: list[tuple[str, list[Confusion | None]]]
    confusions: list[Confusion]
    keys: list[str]


def check_view(findings: CheckFindings, folder: Path) -> CheckView:
    """What the page shows of a check, whose overlays are in `folder`."""
    result, judgement, shortcuts = findings.result, findings.judgement, findings.shortcuts
    overlays = {each.source: each.overlay for each in result.checked}
    confusions = [
        Confusion(printable(expected), printable(predicted), count)
        for (expected, predicted), count in result.confusion().items()
    ]
    labels, matrix = _matrix(confusions)
    wrong = [each for each in confusions if not each.is_right]
    return CheckView(
        means=[_mean_row(result, measure.name) for measure in MEASURES],
        failed=[printable(sentence) for sentence in failure_sentences(judgement)],
        alarms=[_alarm(alarm, overlays, folder.resolve()) for alarm in shortcuts.alarms],
        wrong=[
            (
                group.place,
                printable(group.predicted),
                f"{group.count:,}",
                ", ".join(map(printable, group.sources)),
            )
            for group in shortcuts.wrong[:_MOST_CONFUSIONS]
        ],
        class_heat=[
            (printable(f"{result.classes[index]} ({index})"), heat_picture(heat))
            for index, heat in shortcuts.class_heat.items()
        ][:_MOST_CLASSES],
        class_titles=tuple(BY_NAME[name].title for name in CLASS_MEASURES),
        classes=[_class_row(result, *each) for each in result.worst_classes()[:_MOST_CLASSES]],
        matrix_labels=labels,
        matrix=matrix,
        confusions=sorted(wrong, key=lambda each: -each.count)[:_MOST_CONFUSIONS],
        keys=result.keys(),
    )


def _alarm(alarm: Alarm, overlays: dict[str, str], root: Path) -> AlarmView:
    pictures = [
        (printable(source), overlay_thumbnail(root, overlays[source]))
        for source in alarm.sources[:_MOST_PICTURES]
    ]
    return AlarmView(printable(alarm.text), pictures)


def _mean_row(result: CheckResult, name: str) -> Row:
    measure, mean = BY_NAME[name], result.mean(name)
    return measure.title, shown(measure, mean.value), interval(measure, mean), f"{mean.count:,}"


def _class_row(result: CheckResult, index: int, name: str) -> Row:
    values = [shown(BY_NAME[each], result.mean(each, index).value) for each in CLASS_MEASURES]
    return printable(f"{name} ({index})"), f"{len(result.by_class[index]):,}", *values


def _matrix(
    confusions: list[Confusion],
) -> tuple[list[str], list[tuple[str, list[Confusion | None]]]]:
    """The labels of the columns, and the rows; none where there are too many."""
    cells = {(each.expected, each.predicted): each for each in confusions}
    rows = list(dict.fromkeys(each.expected for each in confusions))
    columns = list(dict.fromkeys([*rows, *(each.predicted for each in confusions)]))
    if len(columns) > _MOST_IN_MATRIX:
        return [], []
    return columns, [(row, [cells.get((row, column)) for column in columns]) for row in rows]


def heat_picture(shares: NDArray[np.float32]) -> str:
    """A mean heatmap as a small picture, a data: URI; black is no heat, white the most."""
    from PIL import Image

    scaled = shares / max(float(shares.max()), 1e-12) * 255
    image = Image.fromarray(scaled.round().astype("uint8"))
    with BytesIO() as file:
        image.resize((_HEAT_SIDE, _HEAT_SIDE), Image.Resampling.BICUBIC).save(file, format="PNG")
        return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
