"""What a manifest tells, checked: it may come from elsewhere, and so may the names in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradcam_cli.downloads import is_url, redacted
from gradcam_cli.errors import UsageError
from gradcam_cli.manifest import FILE, Record, records
from gradcam_cli.text import printable

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
        return _percent(self.probability)

    @property
    def twentieths(self) -> int:
        """The length of the bar; the style has a rule for each."""
        return round(self.probability * 20)


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
        The share of the evidence near the border, 0..1; older manifests have none.
    overlay : str
        The overlay's path as recorded, not to be trusted; empty where none is.
    """

    prediction: Prediction
    has_evidence: bool
    border: float | None
    overlay: str

    @property
    def border_percent(self) -> str:
        """The share near the border for people."""
        return _percent(self.border or 0.0)


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
    """What there is to show, counted before anything is."""

    sources: int = 0
    cards: int = 0
    failures: int = 0
    bins: list[int] = field(default_factory=lambda: [0] * _BINS)
    runs: list[str] = field(default_factory=list)

    def add(self, found: Source | Failure) -> None:
        """Count `found`."""
        if isinstance(found, Failure):
            self.failures += 1
            return
        self.sources += 1
        self.cards += len(found.explained)
        if found.run not in self.runs and len(self.runs) < _MOST_RUNS:
            self.runs.append(found.run)
        for each in found.explained:
            self.bins[min(int(each.prediction.probability * _BINS), _BINS - 1)] += 1


def recorded(folder: Path) -> Iterator[Record]:
    """The records in `folder`.

    Raises
    ------
    UsageError
        Where there is no manifest, or it cannot be read.
    """
    remedy = "Name the output folder of a `gradcam explain` over many sources."
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", remedy)
    if not (folder / FILE).is_file():
        raise UsageError(f"there is no {FILE} in {folder}", remedy)
    try:
        yield from records(folder)
    except (OSError, TypeError, RecursionError) as error:
        why = getattr(error, "strerror", None) or "it is not as gradcam writes it"
        raise UsageError(f"cannot read {folder / FILE}: {why}", remedy) from error


def told(record: Record) -> Source | Failure:
    """What `record` tells; a failure too where it makes no sense."""
    source = str(record.source)
    name = _text(redacted(source) if is_url(source) else source)
    if record.error:
        return Failure(name, _text(record.error))
    try:
        return _source(name, record)
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError):
        return Failure(name, "its line in the manifest is not as gradcam writes it.")


def _source(name: str, record: Record) -> Source:
    result: Any = record.result
    overlays = [*record.overlays, *("" for _ in result["explanations"])]
    predictions = result["predictions"]
    return Source(
        name,
        record.path if isinstance(record.path, str) else "",
        record.stamp[0] if record.stamp else None,
        _text("{model} at {layer}, {method} of the {score}".format_map(result)),
        (_prediction(predictions[0]), *map(_prediction, predictions[1:_MOST_PREDICTIONS])),
        tuple(map(_explained, result["explanations"], overlays)),
    )


def _explained(fields: dict[str, Any], overlay: object) -> Explained:
    border = fields.get("border")
    return Explained(
        _prediction(fields["class"]),
        fields["evidence"] != "none",
        None if border is None else _share(border),
        overlay if isinstance(overlay, str) else "",
    )


def _prediction(fields: dict[str, Any]) -> Prediction:
    label = _text(f"{fields['name']} ({int(fields['index'])})")
    return Prediction(label, _share(fields["probability"]), int(fields["rank"]))


def _share(value: Any) -> float:
    """`value` as a number in 0..1; ValueError where it is none."""
    share = float(value)
    if not 0 <= share <= 1:  # NaN is not
        raise ValueError(value)
    return share


def _text(value: object) -> str:
    text = printable(str(value))
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"


def _percent(share: float) -> str:
    return "< 0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"
