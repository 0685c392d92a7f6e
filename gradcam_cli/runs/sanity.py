"""Do heatmaps depend on the weights, and on the class? Adebayo et al., 2018, arXiv 1810.03292.

pictures ─▶ maps of the model as it is ─▶ maps with shuffled kernels, more and more ─▶ how alike
                                       ─▶ maps of another class                     ─▶ how alike
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.callbacks import Progress, no_progress
from gradcam_cli.engines.shuffling import kernels_of, with_shuffled_kernels
from gradcam_cli.errors import GradcamError
from gradcam_cli.images.reading import read_image
from gradcam_cli.metrics.similarity import rank_correlation, structural_similarity
from gradcam_cli.results.sanity import Level, MethodSanity, SanityResult, mean_of
from gradcam_cli.runs.evaluating import map_at_input
from gradcam_cli.targets import Target

if TYPE_CHECKING:
    from gradcam_cli.explainer import Explainer
    from gradcam_cli.images.listing import Item
    from gradcam_cli.metrics.intervals import Mean

Array = NDArray[np.float32]
Maps = dict[str, list[Array]]
"""The maps of each method, picture by picture."""


@dataclass(frozen=True)
class Subjects:
    """Pictures that were read, and the classes to explain.

    Attributes
    ----------
    inputs : list of (H, W, C) float32
        Each as often as it has targets.
    targets : list of Target
    failures : list of (str, GradcamError)
        What could not be read, and why.
    """

    inputs: list[Array] = field(default_factory=list, repr=False)
    targets: list[Target] = field(default_factory=list)
    failures: list[tuple[str, GradcamError]] = field(default_factory=list)


def read_subjects(
    explainer: Explainer, items: Iterable[Item], targets: Sequence[Target], max_pixels: int
) -> Subjects:
    """The pictures of `items`, each for each target; the predicted class is resolved for each."""
    subjects = Subjects()
    for item in items:
        try:
            picture = read_image(item.source, max_pixels=max_pixels, offline=explainer.offline)
        except GradcamError as error:
            subjects.failures.append((item.name, error))
            continue
        model_input = explainer.input_of(picture.pixels)
        (explanation,) = explainer.explain_inputs([model_input], targets, top=1, rows=1)
        for target in targets:
            subjects.inputs.append(model_input)
            subjects.targets.append(target.resolved(explanation.predictions[0].index))
    return subjects


def shuffled_counts(kernels: int, levels: int) -> list[int]:
    """How many kernels to shuffle at each level: from one to all, at equal ratios."""
    counts = np.rint(np.geomspace(1, kernels, min(levels, kernels))).astype(int)
    return sorted(set(counts.tolist()))


def sanity_of(
    explainer: Explainer,
    subjects: Subjects,
    *,
    levels: int = 8,
    seed: int = 0,
    progress: Progress = no_progress,
) -> SanityResult:
    """What becomes of the maps of each method.

    Parameters
    ----------
    explainer : Explainer
    subjects : Subjects
        At least one picture.
    levels : int
        At how many depths kernels are shuffled.
    seed : int
        Of what is shuffled, and which other class is taken.
    progress : callable
        Called with the depths done and all of them.

    Raises
    ------
    ModelError
        Where weights cannot be shuffled.
    """
    names = kernels_of(explainer.engine)
    counts = shuffled_counts(len(names), levels)
    original = _maps(explainer, subjects.inputs, subjects.targets)
    found: dict[str, list[Level]] = {method: [] for method in original}
    for number, count in enumerate(counts):
        progress(number, len(counts) + 1)
        engine = with_shuffled_kernels(explainer.engine, count, seed)
        maps = _maps(replace(explainer, engine=engine), subjects.inputs, subjects.targets)
        for method, levels_found in found.items():
            levels_found.append(
                _level(count, names[count - 1], original[method], maps[method], explainer)
            )
    progress(len(counts), len(counts) + 1)
    others = _maps(explainer, subjects.inputs, _other_targets(explainer, subjects.targets, seed))
    progress(len(counts) + 1, len(counts) + 1)
    return SanityResult(
        explainer.model.name,
        explainer.layer,
        len(names),
        len(subjects.inputs),
        [
            MethodSanity(method, found[method], _correlation(original[method], others[method]))
            for method in original
        ],
        subjects.failures,
    )


def _maps(explainer: Explainer, inputs: Sequence[Array], targets: Sequence[Target]) -> Maps:
    """Picture by picture, so that memory stays flat and each is computed as `explain` does it."""
    maps: Maps = {}
    for each, target in zip(inputs, targets, strict=True):
        (explanation,) = explainer.explain_each([each], [[target]], top=1, rows=1)
        for explained in explanation.targets:
            maps.setdefault(explained.method, []).append(explained.heatmap)
    return maps


def _other_targets(explainer: Explainer, targets: Sequence[Target], seed: int) -> list[Target]:
    """For each target one of another class, drawn at random."""
    random = np.random.default_rng(seed)
    count = len(explainer.model.labels)
    return [
        replace(target, index=(target.index + int(random.integers(1, max(2, count)))) % count)
        for target in targets
    ]


def _level(
    count: int, last: str, before: list[Array], after: list[Array], explainer: Explainer
) -> Level:
    shape = explainer.model.input
    similarities = [
        structural_similarity(*(map_at_input(each, shape) for each in pair))
        for pair in zip(before, after, strict=True)
    ]
    return Level(count, last, _correlation(before, after), mean_of(similarities))


def _correlation(first: list[Array], second: list[Array]) -> Mean:
    """Spearman's; a map without heat is like no other."""
    return mean_of([rank_correlation(*pair) for pair in zip(first, second, strict=True)])
