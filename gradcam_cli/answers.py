"""What methods are asked, and from their maps to an explanation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.callbacks import Progress, no_progress
from gradcam_cli.methods import Maps, MethodChoice, Question, normalize
from gradcam_cli.models.ranking import Ranking
from gradcam_cli.results.explanation import Explanation, TargetExplanation
from gradcam_cli.targets import Target
from gradcam_cli.versions import versions

if TYPE_CHECKING:
    from gradcam_cli.explainer import Explainer


def question_of(
    explainer: Explainer,
    inputs: Sequence[NDArray[np.float32]],
    targets: Sequence[Sequence[Target]],
    rows: int,
    progress: Progress = no_progress,
) -> Question:
    """What each method is asked: the evidence for each target of each input.

    Parameters
    ----------
    explainer : Explainer
    inputs : sequence of (height, width, channels) float32
    targets : sequence of sequence of Target
        Those of each input.
    rows : int
        How many (input, target) pairs the engine runs at a time.
    progress : callable
        Called with the passes done and all of them, by methods of many passes.
    """
    return Question(
        engine=explainer.engine,
        inputs=[array for array, own in zip(inputs, targets, strict=True) for _ in own],
        targets=[target for own in targets for target in own],
        layer=explainer.layer,
        score=explainer.score,
        baseline=explainer.black,
        baselines=explainer.baselines,
        head=explainer.model.head,
        rows=rows,
        progress=progress,
    )


def explanations_of(
    explainer: Explainer, targets: Sequence[Sequence[Target]], maps: Sequence[Maps], top: int
) -> list[Explanation]:
    """The explanation of each image for targets of its own.

    Parameters
    ----------
    explainer : Explainer
        Whose methods the maps are of.
    targets : sequence of sequence of Target
        Those of each image.
    maps : sequence of Maps
        The answer of each method, one row for each target of each image.
    top : int
        How many classes to report.
    """
    ends = accumulate(map(len, targets))
    return [
        _explanation(explainer, own, [each.part(end - len(own), end) for each in maps], top)
        for own, end in zip(targets, ends, strict=True)
    ]


def _explanation(
    explainer: Explainer, targets: Sequence[Target], maps: Sequence[Maps], top: int
) -> Explanation:
    """The explanation of one image from the maps of each method, one row a target."""
    model = explainer.model
    ranking = Ranking(maps[0].scores[0], model.labels, model.head)
    explained = _target_explanations(explainer, targets, maps, ranking)
    return Explanation(
        source="",
        size=(0, 0),
        model=model.name,
        weights=model.origin,
        fallback=model.fallback or None,
        baselines=explainer.baselines_record,
        guesses=model.guesses,
        layer=explained[0].layer,
        method=explained[0].method,
        score=explainer.score,
        engine=explainer.engine.name,
        precision=explainer.engine.precision,
        modifiers=explainer.modifiers.text,
        predictions=ranking.top(top),
        targets=explained,
        notes=(),
        versions=versions(explainer.engine.name),
    )


def _target_explanations(
    explainer: Explainer, targets: Sequence[Target], maps: Sequence[Maps], ranking: Ranking
) -> tuple[TargetExplanation, ...]:
    """Those of each target by each method; a target that is resolved to another counts once."""
    explained: dict[tuple[Target, str], TargetExplanation] = {}
    for row, target in enumerate(targets):
        resolved = target.resolved(ranking.predicted)
        for method, answer in zip(explainer.methods, maps, strict=True):
            layer = explainer.modifiers.layer_text(explainer.layer)
            layer = layer if method.method.uses_layer else method.method.looks_at
            explained[resolved, method.text] = _target_explanation(
                resolved, method, layer, answer.raw[row], ranking
            )
    return tuple(explained.values())


def _target_explanation(
    target: Target, method: MethodChoice, layer: str, raw: NDArray[np.float32], ranking: Ranking
) -> TargetExplanation:
    heatmap, evidence = normalize(raw)
    return TargetExplanation.of(
        heatmap,
        raw=raw.copy(),  # and not a part of the batch's, which would stay in memory
        evidence=evidence,
        peak=0.0 if evidence == "none" else float(raw.max()),
        prediction=ranking.of(target.index),
        versus=None if target.versus is None else ranking.label(target.versus),
        counterfactual=target.counterfactual,
        method=method.text,
        layer=layer,
    )
