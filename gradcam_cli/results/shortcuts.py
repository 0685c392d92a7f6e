"""Shortcuts that a model may take: what gives a class away besides its object.

Each finder compares one thing between classes, or between right and wrong predictions, and raises
an alarm where the difference is both large and rare by chance. An alarm is no proof: what differs
between classes may well belong to them, as brightness to night and day.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.images.properties import PROPERTIES
from gradcam_cli.metrics.clusters import clusters_of
from gradcam_cli.metrics.coarse_maps import CELLS, shares_of, unpacked
from gradcam_cli.metrics.permutations import (
    between_by_chance,
    excess_by_chance,
    ranks_of,
    separation_by_chance,
)
from gradcam_cli.metrics.places import PLACES, Place, heat_in_places, peak_places

if TYPE_CHECKING:
    from gradcam_cli.results.check_summary import CheckedClass, CheckResult, Judgement

Kind = Literal["place", "cluster", "property", "error-property", "error-place"]

CHANCE = 0.01
"""What arises more often by chance raises no alarm."""

_MOST_OF_EACH_CLASS = 1_000
"""So many pictures of a class tell as much as more of them do."""

_LEAST_PICTURES = 10
"""A class of fewer, or fewer wrong predictions, are not judged."""
_PLACE_SHARE, _PLACE_LIFT = 0.2, 2.0
_BETWEEN_CLASSES = 0.4
_APART = 0.4
_SILHOUETTE, _MOST_OF_A_CLASS, _MAPS_APART, _OUTSIDE = 0.4, 1 / 3, 0.5, 0.3
_ERROR_SHARE = 0.3
_MOST_SOURCES = 10


@dataclass(frozen=True)
class Alarm:
    """Something that may be a shortcut.

    Attributes
    ----------
    kind : str
        "place": much of the heat of a class lies in one place, outside its objects where these are
        known; "cluster": some of a class are explained elsewhere than the rest; "property" and
        "error-property": a simple property tells classes, or wrong predictions, apart;
        "error-place": wrong predictions look at one place.
    subject : str
        The class, or the property.
    text : str
        The evidence, in a sentence.
    effect : float
        How large it is: a share of the heat, a silhouette, a share of the variance, Somers' D.
    chance : float, 0..1
        How often as much arises by chance.
    sources : list of str
        The pictures that show it best.
    """

    kind: Kind
    subject: str
    text: str
    effect: float
    chance: float
    sources: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class WrongGroup:
    """Wrong predictions that were made because of the same place."""

    place: str
    count: int
    predicted: str
    sources: list[str]


@dataclass(frozen=True)
class Shortcuts:
    """What was found.

    Attributes
    ----------
    alarms : list of Alarm
        The rarest by chance first.
    wrong : list of WrongGroup
        Wrong predictions by where the model looked, the most first.
    class_heat : dict of int to (CELLS, CELLS) float32
        The mean heatmap of each class, the shares of whose cells sum to 1.
    """

    alarms: list[Alarm]
    wrong: list[WrongGroup]
    class_heat: dict[int, NDArray[np.float32]]


@dataclass(frozen=True)
class CheckFindings:
    """All that is known at the end of a check."""

    result: CheckResult
    judgement: Judgement
    shortcuts: Shortcuts


def find_shortcuts(result: CheckResult, seed: int = 0) -> Shortcuts:
    """The shortcuts that the pictures of a check hint at; the same for the same seed."""
    checked = [each for some in result.by_class.values() for each in _some_of(some)]
    if not checked:
        return Shortcuts([], [], {})
    view = _View.of(checked)
    alarms = [
        *_places(view, seed),
        *_clusters(view, seed),
        *_class_properties(view, seed),
        *_error_properties(view, seed),
        *_error_places(view, seed),
    ]
    alarms.sort(key=lambda alarm: (alarm.chance, alarm.kind, -alarm.effect))
    return Shortcuts(alarms, list(_wrong_groups(view)), _class_heat(view))


def _some_of(checked: list[CheckedClass]) -> list[CheckedClass]:
    """Those with heat; of many so many, spread evenly."""
    known = [each for each in checked if each.measures.heat]
    steps = np.linspace(0, len(known) - 1, min(len(known), _MOST_OF_EACH_CLASS))
    return [known[at] for at in np.unique(steps.astype(int)).tolist()]


@dataclass(frozen=True, eq=False)
class _View:
    """Pictures as arrays: their classes, numbered from 0, where their heat is, right or not."""

    checked: list[CheckedClass]
    groups: NDArray[np.intp]
    names: list[str]
    shares: NDArray[np.float32]
    right: NDArray[np.bool_]

    @classmethod
    def of(cls, checked: list[CheckedClass]) -> _View:
        indices, groups = np.unique([each.index for each in checked], return_inverse=True)
        names = {each.index: each.name for each in checked}
        return cls(
            checked,
            groups.astype(np.intp),
            [names[index] for index in indices.tolist()],
            shares_of(unpacked([each.measures.heat for each in checked])),
            np.array([each.measures.top1 for each in checked]),
        )

    @property
    def outside(self) -> NDArray[np.float32]:
        """The heat outside the objects, where these are known."""
        nothing = bytes(CELLS * CELLS)
        objects = unpacked([each.measures.object_cells or nothing for each in self.checked])
        outside: NDArray[np.float32] = self.shares * (1 - objects)
        return outside

    @property
    def has_objects(self) -> bool:
        return any(each.measures.object_cells for each in self.checked)

    def sizes(self) -> NDArray[np.intp]:
        return np.bincount(self.groups, minlength=len(self.names))

    def sources(self, at: Sequence[int] | NDArray[np.intp]) -> list[str]:
        return [self.checked[each].source for each in at][:_MOST_SOURCES]


def _by_chance(chance: float) -> str:
    return f"{100 * chance:.1f} % by chance"


def _places(view: _View, seed: int) -> Iterator[Alarm]:
    """Classes whose heat lies in one place much more than that of the others."""
    count = len(view.names)
    if count < 2:
        return
    heat = heat_in_places(view.outside)
    _, chance = excess_by_chance(heat, view.groups, count, seed=seed)
    for group in np.flatnonzero(view.sizes() >= _LEAST_PICTURES):
        inside = view.groups == group
        own, others = heat[inside].mean(axis=0), heat[~inside].mean(axis=0)
        least = np.maximum(_PLACE_SHARE, [1.5 * place.size for place in PLACES])
        striking = (chance[group] <= CHANCE) & (own >= least) & (own >= _PLACE_LIFT * others)
        if striking.any():
            at = int(np.where(striking, own, 0)[:-1].argmax() if striking[:-1].any() else -1)
            pictures = np.flatnonzero(inside)
            hottest = pictures[np.argsort(-heat[pictures, at], kind="stable")]
            yield _place_alarm(
                view,
                view.names[group],
                PLACES[at],
                (own[at], others[at], chance[group, at]),
                view.sources(hottest),
            )


def _place_alarm(
    view: _View, name: str, place: Place, figures: tuple[float, float, float], sources: list[str]
) -> Alarm:
    own, others, chance = map(float, figures)
    where = "in one place outside its objects" if view.has_objects else "in one place"
    text = (
        f"{100 * own:.0f} % of the heat of {name} lies {where}, at the {place.name} "
        f"({100 * place.size:.0f} % of the picture); of other classes {100 * others:.0f} % "
        f"({_by_chance(chance)})"
    )
    return Alarm("place", name, text, own, chance, sources)


def _clusters(view: _View, seed: int) -> Iterator[Alarm]:
    """Classes of which some pictures are explained elsewhere than the rest, and than others'."""
    if len(view.names) < 2:
        return  # with nothing to compare with, any cluster may be a way to stand
    outside = view.outside.sum(axis=(1, 2))
    for group, name in enumerate(view.names):
        pictures = np.flatnonzero((view.groups == group) & (view.shares.sum(axis=(1, 2)) > 0))
        clusters = clusters_of(view.shares[pictures], seed=seed)
        if clusters is None or clusters.silhouette < _SILHOUETTE:
            continue
        odd = clusters.groups == clusters.groups.max()
        members, rest = pictures[odd], pictures[~odd]
        if not 3 <= len(members) <= _MOST_OF_A_CLASS * len(odd):
            continue
        apart, chance = _oddness(view, members, rest, seed)
        if chance > CHANCE or apart < _MAPS_APART or outside[members].mean() < _OUTSIDE:
            continue
        yield _cluster_alarm(view, name, (members, rest), (clusters.silhouette, chance))


def _cluster_alarm(
    view: _View,
    name: str,
    pictures: tuple[NDArray[np.intp], NDArray[np.intp]],
    figures: tuple[float, float],
) -> Alarm:
    members, rest = pictures
    silhouette, chance = figures
    place, usual = (
        Counter(peak_places(view.shares[each])).most_common(1)[0][0] for each in pictures
    )
    text = (
        f"{len(members):,} of {len(members) + len(rest):,} pictures of {name} are explained "
        f"elsewhere than the rest: {place}, the rest {usual} ({_by_chance(chance)})"
    )
    return Alarm("cluster", name, text, silhouette, chance, view.sources(members))


def _oddness(
    view: _View, members: NDArray[np.intp], rest: NDArray[np.intp], seed: int
) -> tuple[float, float]:
    """How far some maps of a class are from the rest, and how often by chance it has so many.

    Chance deals the classes out again: where objects are anywhere in pictures, those of each class
    that lie to the left are a cluster, too, but no odd one.
    """
    odd, usual = view.shares[members].mean(axis=0), view.shares[rest].mean(axis=0)
    roots = np.sqrt(view.shares)
    distances = [((roots - np.sqrt(mean)) ** 2).sum(axis=(1, 2)) for mean in (odd, usual)]
    alike = (distances[0] < distances[1]).astype(np.float64)[:, np.newaxis]
    group = int(view.groups[members[0]])
    apart = float(np.abs(odd - usual).sum() / 2)
    _, chance = excess_by_chance(alike, view.groups, len(view.names), seed=seed)
    return apart, float(chance[group, 0])


def _class_properties(view: _View, seed: int) -> Iterator[Alarm]:
    """Properties of pictures that tell classes apart."""
    names, values = _property_table(view.checked)
    if len(view.names) < 2 or len(view.checked) < 2 * _LEAST_PICTURES or not names:
        return
    ranks = ranks_of(values)
    shares, chances = between_by_chance(ranks, view.groups, len(view.names), seed=seed)
    for name, share, chance in zip(names, shares.tolist(), chances.tolist(), strict=True):
        if share >= _BETWEEN_CLASSES and chance <= CHANCE:
            text = (
                f"{PROPERTIES[name]} tells classes apart: {100 * share:.0f} % of its variance is "
                f"between classes ({_by_chance(chance)})"
            )
            yield Alarm("property", name, text, share, chance)


def _error_properties(view: _View, seed: int) -> Iterator[Alarm]:
    """Properties of pictures that tell wrong predictions from right ones, within classes."""
    names, values = _property_table(view.checked)
    wrong = ~view.right
    if min(wrong.sum(), view.right.sum()) < _LEAST_PICTURES or not names:
        return
    found, chances = separation_by_chance(ranks_of(values), wrong, view.groups, seed=seed)
    for name, distance, chance in zip(names, found.tolist(), chances.tolist(), strict=True):
        if abs(distance) >= _APART and chance <= CHANCE:
            more = "more" if distance > 0 else "less"
            text = (
                f"wrong predictions have {more} {PROPERTIES[name]} than right ones of the same "
                f"class: in {50 + 50 * abs(distance):.0f} % of pairs ({_by_chance(chance)})"
            )
            yield Alarm("error-property", name, text, abs(distance), chance)


def _property_table(checked: list[CheckedClass]) -> tuple[list[str], NDArray[np.float64]]:
    """The properties that all pictures have and that vary, and their values, (N, K)."""
    tables = [each.measures.properties for each in checked]
    values = {name: [table.get(name) for table in tables] for name in PROPERTIES}
    if any("jpeg_quantization" in table for table in tables):  # what is no JPEG loses nothing
        values["jpeg_quantization"] = [table.get("jpeg_quantization", 0.0) for table in tables]
    columns = {
        name: np.array(column, np.float64)
        for name, column in values.items()
        if None not in column and len(set(column)) > 1
    }
    if not columns:
        return [], np.zeros((len(checked), 0))
    return list(columns), np.stack(list(columns.values()), axis=1)


def _looked_at(view: _View) -> list[str]:
    """Where the model looked for the class that it predicted, picture by picture."""
    heat = [each.measures.predicted_heat or each.measures.heat for each in view.checked]
    return peak_places(shares_of(unpacked(heat)))


def _error_places(view: _View, seed: int) -> Iterator[Alarm]:
    """Places that the model looks at more often where it is wrong."""
    wrong = ~view.right
    if min(wrong.sum(), view.right.sum()) < _LEAST_PICTURES:
        return
    places = np.array(_looked_at(view))
    names = np.unique(places)
    flags = (places[:, np.newaxis] == names).astype(np.float64)
    _, chance = excess_by_chance(flags, wrong.astype(np.intp), 2, seed=seed)
    for at, place in enumerate(names.tolist()):
        own, others = flags[wrong, at].mean(), flags[~wrong, at].mean()
        if chance[1, at] <= CHANCE and own >= _ERROR_SHARE and own >= _PLACE_LIFT * others:
            text = (
                f"{100 * own:.0f} % of the wrong predictions look at one place, {place}; of the "
                f"right ones {100 * others:.0f} % ({_by_chance(chance[1, at])})"
            )
            sources = view.sources(np.flatnonzero(wrong & (places == place)))
            yield Alarm("error-place", place, text, float(own), float(chance[1, at]), sources)


def _wrong_groups(view: _View) -> Iterator[WrongGroup]:
    """Wrong predictions by where the model looked and what it predicted, the most first."""
    places = _looked_at(view)
    members: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at in np.flatnonzero(~view.right).tolist():
        members[places[at], view.checked[at].confused_label].append(at)
    for (place, predicted), pictures in sorted(
        members.items(), key=lambda item: (-len(item[1]), item[0])
    ):
        yield WrongGroup(place, len(pictures), predicted, view.sources(pictures))


def _class_heat(view: _View) -> dict[int, NDArray[np.float32]]:
    return {
        view.checked[int(np.flatnonzero(view.groups == group)[0])].index: view.shares[
            view.groups == group
        ].mean(axis=0)
        for group in range(len(view.names))
    }
