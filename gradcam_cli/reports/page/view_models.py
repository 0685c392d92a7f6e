"""What the page shows of a manifest, which may come from elsewhere, and so may the names in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import compress, takewhile, zip_longest

from gradcam_cli.metrics.table import METRICS
from gradcam_cli.reports.check.sentences import measures_sentence
from gradcam_cli.reports.page.figures import FIGURES, Figure, Value, figures_of
from gradcam_cli.results import explanation
from gradcam_cli.results.check_summary import CheckedClass, CheckResult
from gradcam_cli.results.evaluations import Evaluation
from gradcam_cli.results.manifest import Record
from gradcam_cli.results.trust import Trust
from gradcam_cli.storage.http import is_url, redacted
from gradcam_cli.text import percent, printable

_BINS = 10
_MOST_RUNS = 5
_MOST_LETTERS = 1_000
_MOST_PREDICTIONS = 5


@dataclass(frozen=True)
class Prediction:
    """A class as the page names it, its probability and its rank."""

    label: str
    probability: float
    rank: int

    @property
    def percent(self) -> str:
        """The probability for people."""
        return percent(self.probability)

    @property
    def twentieths(self) -> int:
        """The length of the bar; the style has a rule for each."""
        return round(self.probability * 20)


@dataclass(frozen=True)
class Measured:
    """What a check has measured of an expected class.

    Attributes
    ----------
    taken_for : str
        The class that it was taken for; itself where it is right.
    text : str
        The figures, for people.
    """

    taken_for: str
    text: str


@dataclass(frozen=True)
class Explained:
    """An explained class.

    Attributes
    ----------
    prediction : Prediction
        The class, and what the model gives it.
    label : str
        What was explained of it: the class, or what speaks for it rather than another, or against.
    method, layer : str
    overlay : str
        The overlay's path as recorded, not to be trusted; empty where none is.
    figures : dict of str to float or str
        What is known of `FIGURES`, by name.
    measured : Measured or None
        Of a check, what was measured.
    evaluated : str
        Of an evaluation, what was measured, for people.
    trust : str
        The verdict and why, where the map was tested.
    """

    prediction: Prediction
    label: str
    method: str
    layer: str
    overlay: str
    figures: dict[str, Value]
    measured: Measured | None = None
    evaluated: str = ""
    trust: str = ""

    @property
    def title(self) -> str:
        """What was explained, and the method where it is no default."""
        return self.label if self.method == "grad-cam" else f"{self.label}, {self.method}"

    @property
    def has_evidence(self) -> bool:
        """False where the overlay is the plain picture."""
        return self.figures["evidence"] != "none"

    @property
    def border_percent(self) -> str:
        """The share of the evidence near the border for people; empty where it is not known."""
        border = self.figures.get("border")
        return percent(border) if isinstance(border, float) else ""


@dataclass(frozen=True)
class Source:
    """A source that was explained.

    Attributes
    ----------
    name : str
        As it may be shown.
    path, size : str, int or None
        Its absolute path and its bytes when it was read; empty and None for a URL.
    run : str
        The model, layer, method and score in a line.
    predictions : tuple of Prediction
        The most probable first; at least one.
    explained : tuple of Explained
    """

    name: str
    path: str
    size: int | None
    run: str
    predictions: tuple[Prediction, ...]
    explained: tuple[Explained, ...]

    @property
    def choices(self) -> list[str]:
        """What each of `explained` is called beside the others: what differs among them."""
        rows = [(each.label, each.method, each.layer) for each in self.explained]
        differs = [len(set(column)) > 1 for column in zip(*rows, strict=True)]
        return [", ".join(compress(row, differs)) or row[0] for row in rows]


@dataclass(frozen=True)
class Failure:
    """A source that could not be explained, and why."""

    name: str
    reason: str


@dataclass
class Survey:
    """What the pages have in all, taken before the first is written.

    Attributes
    ----------
    overlays : list of int
        How many each source has.
    failures : int
    bins : list of int
        How many overlays are of a class of so many tenths of probability.
    runs : list of str
        The first few models, layers, methods and scores.
    is_check : bool
    """

    overlays: list[int] = field(default_factory=list)
    failures: int = 0
    bins: list[int] = field(default_factory=lambda: [0] * _BINS)
    runs: list[str] = field(default_factory=list)
    is_check: bool = False
    _folder: str = ""
    _known: set[str] = field(default_factory=set)

    @property
    def sources(self) -> int:
        """How many were explained."""
        return len(self.overlays)

    @property
    def folder(self) -> str:
        """That which all sources are in, with its slash; empty for a single source."""
        return self._folder if self.sources > 1 else ""

    @property
    def figures(self) -> list[Figure]:
        """Those that are known of any explained class."""
        return [figure for figure in FIGURES if figure.name in self._known]

    def add(self, view: Source | Failure) -> None:
        """Count `view`."""
        if isinstance(view, Failure):
            self.failures += 1
            return
        self._folder = _common_folder(self._folder if self.overlays else view.name, view.name)
        self.overlays.append(len(view.explained))
        if view.run not in self.runs and len(self.runs) < _MOST_RUNS:
            self.runs.append(view.run)
        for explained in view.explained:
            self.is_check |= explained.measured is not None
            self.bins[min(int(explained.prediction.probability * _BINS), _BINS - 1)] += 1
            self._known.update(explained.figures)


def _common_folder(one: str, other: str) -> str:
    """The folder that both names begin with; the root is none, nor is the scheme of a URL."""
    both = zip(one.split("/")[:-1], other.split("/")[:-1], strict=False)
    folder = "".join(f"{part}/" for part, _ in takewhile(lambda parts: parts[0] == parts[1], both))
    return "" if folder == "/" or folder.endswith("//") else folder


def view_of(record: Record) -> Source | Failure:
    """What the page shows of `record`."""
    name = _text(redacted(record.source) if is_url(record.source) else record.source)
    if record.result is None:
        return Failure(name, _text(record.error))
    result = record.result
    return Source(
        name,
        record.path,
        record.stamp[0] if record.stamp else None,
        _text(_description(result)),
        tuple(map(_prediction, result.predictions[:_MOST_PREDICTIONS])),
        tuple(_explained(record)),
    )


def _description(result: explanation.Explanation) -> str:
    """The model, layer, method and score; modifiers, and the precision, where there are any."""
    text = f"{result.model} at {result.layer}, {result.method} of the {result.score}"
    precision = "" if result.precision == "f32" else f"in {result.precision}"
    return ", ".join(filter(None, (text, result.modifiers, precision)))


def _explained(record: Record) -> Iterator[Explained]:
    """Each target of `record`, which was explained."""
    assert record.result is not None
    measured = CheckResult.of([record]).checked if record.measures else ()
    targets = record.result.targets
    for target, overlay, checked, evaluation in zip_longest(
        targets, record.overlays, measured, record.evaluations
    ):
        yield Explained(
            _prediction(target.prediction),
            _text(_label(target)),
            _text(target.method),
            _text(target.layer or record.result.layer),
            overlay,
            figures_of(target, checked.measures if checked else None, evaluation),
            _measured(checked) if checked else None,
            _evaluated(evaluation),
            _text(target.trust.text) if isinstance(target.trust, Trust) else "",
        )


def _measured(checked: CheckedClass) -> Measured:
    sentence = measures_sentence(checked, ("lift", "object_drop", "pointing"))
    return Measured(_text(checked.confused_label), _text(sentence))


def _evaluated(evaluation: Evaluation | None) -> str:
    values = evaluation.values if evaluation else {}
    told = [(each.title, values[each.name]) for each in METRICS if each.name in values]
    return ", ".join(f"{title} {value:.3g}" for title, value in told)


def _label(target: explanation.TargetExplanation) -> str:
    """The target in words: the class, and the other one."""
    label = f"{target.prediction.name} ({target.prediction.index})"
    if target.counterfactual:
        label = f"against {label}"
    if target.versus is not None:
        label += f" rather than {target.versus.name} ({target.versus.index})"
    return label


def _prediction(result: explanation.Prediction) -> Prediction:
    return Prediction(_text(f"{result.name} ({result.index})"), result.probability, result.rank)


def _text(value: object) -> str:
    text = printable(str(value))
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"
