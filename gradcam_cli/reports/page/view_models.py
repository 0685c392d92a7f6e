"""What the page shows of a manifest, which may come from elsewhere, and so may the names in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from gradcam_cli.reports.check.sentences import measures_sentence
from gradcam_cli.results import explanation
from gradcam_cli.results.check_summary import CheckResult
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
    lift, object_drop : float or None
    text : str
        These and others, for people.
    """

    taken_for: str
    lift: float | None
    object_drop: float | None
    text: str


@dataclass(frozen=True)
class Explained:
    """An explained class.

    Attributes
    ----------
    prediction : Prediction
        The class, and what the model gives it.
    has_evidence : bool
        False where the overlay is the plain picture.
    border : float or None
        The share of the evidence near the border, 0..1, where it is known.
    overlay : str
        The overlay's path as recorded, not to be trusted; empty where none is.
    measured : Measured or None
        Of a check, what was measured.
    trust : str
        The verdict and why, where the map was tested.
    """

    prediction: Prediction
    has_evidence: bool
    border: float | None
    overlay: str
    measured: Measured | None = None
    trust: str = ""

    @property
    def border_percent(self) -> str:
        """The share near the border for people."""
        return percent(self.border or 0.0)


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


@dataclass(frozen=True)
class Failure:
    """A source that could not be explained, and why."""

    name: str
    reason: str


@dataclass
class Survey:
    """Counts of what the pages show, taken before the first is written."""

    sources: int = 0
    cards: int = 0
    failures: int = 0
    bins: list[int] = field(default_factory=lambda: [0] * _BINS)
    runs: list[str] = field(default_factory=list)
    is_check: bool = False

    def add(self, view: Source | Failure) -> None:
        """Count `view`."""
        if isinstance(view, Failure):
            self.failures += 1
            return
        self.sources += 1
        self.cards += len(view.explained)
        if view.run not in self.runs and len(self.runs) < _MOST_RUNS:
            self.runs.append(view.run)
        for explained in view.explained:
            self.is_check |= explained.measured is not None
            self.bins[min(int(explained.prediction.probability * _BINS), _BINS - 1)] += 1


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
        tuple(map(_explained, result.targets, record.overlays, _measured(record))),
    )


def _description(result: explanation.Explanation) -> str:
    """The model, layer, method and score, and the precision where it is not float32."""
    text = f"{result.model} at {result.layer}, {result.method} of the {result.score}"
    return text if result.precision == "f32" else f"{text}, in {result.precision}"


def _explained(
    target: explanation.TargetExplanation, overlay: str, measured: Measured | None
) -> Explained:
    prediction = replace(_prediction(target.prediction), label=_text(_label(target)))
    trust = _text(target.trust.text) if isinstance(target.trust, Trust) else ""
    return Explained(prediction, target.evidence != "none", target.border, overlay, measured, trust)


def _measured(record: Record) -> list[Measured | None]:
    """What was measured of each target of `record`, which was explained."""
    assert record.result is not None
    if not record.measures:
        return [None] * len(record.result.targets)
    checked = CheckResult.of([record]).checked
    return [
        Measured(
            _text(each.confused_label),
            each.measures.lift,
            each.measures.object_drop,
            _text(measures_sentence(each, ("lift", "object_drop", "pointing"))),
        )
        for each in checked
    ]


def _label(target: explanation.TargetExplanation) -> str:
    """The target in words: the class, the other one, and the method where it is no default."""
    label = f"{target.prediction.name} ({target.prediction.index})"
    if target.counterfactual:
        label = f"against {label}"
    if target.versus is not None:
        label += f" rather than {target.versus.name} ({target.versus.index})"
    return label if target.method == "grad-cam" else f"{label}, {target.method}"


def _prediction(result: explanation.Prediction) -> Prediction:
    return Prediction(_text(f"{result.name} ({result.index})"), result.probability, result.rank)


def _text(value: object) -> str:
    text = printable(str(value))
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"
