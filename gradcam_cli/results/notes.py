"""What is worth saying of an explanation, one sentence each: on stderr and in the JSON alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcam_cli.results.explanation import Explanation, Prediction, TargetExplanation

_CHOOSE_A_CLASS = "Pass --class top for the predicted one, or a name of `gradcam classes`."

_MUCH_IN_BARS = 0.1
_HARDLY = 0.1
"""Of the way from all classes alike to one that is certain."""


def notes_on(explanation: Explanation, *, default_class: bool = False) -> list[str]:
    """The sentences: scores that are no numbers, targets that nothing speaks for, heat in bars.

    Where nobody chose a class, `default_class`, and it is not among the most probable, they say so.
    """
    notes = []
    if explanation.predictions[0].probability == 0:
        notes.append(
            f"{explanation.model} gives scores that are no finite numbers; check its weights."
        )
    first = explanation.targets[0].prediction
    if default_class and first.rank > len(explanation.predictions):
        notes.append(_default_class_note(first))
    notes += [
        _no_evidence_note(explanation, target)
        for target in explanation.targets
        if target.evidence == "none"
    ]
    return notes + _bars_notes(explanation)


def _bars_notes(explanation: Explanation) -> list[str]:
    """Those on targets with much heat in the bars beside a picture that is letterboxed."""
    frame = explanation.frame
    if frame is None or min(frame[:2]) >= 0:
        return []
    from gradcam_cli.metrics.localization import bars_share

    shares = [
        (bars_share(target.heatmap, explanation.size, frame), target.prediction)
        for target in explanation.targets
    ]
    return [
        f"{share:.0%} of the heat of class {prediction.text} lies in the bars "
        "beside the picture, which the overlay does not show. Try --resize squash or crop."
        for share, prediction in shares
        if share > _MUCH_IN_BARS
    ]


def _default_class_note(prediction: Prediction) -> str:
    return (
        f"class {prediction.text} is the default, and here number "
        f"{prediction.rank:,} with probability {prediction.probability:.2g}. {_CHOOSE_A_CLASS}"
    )


def default_class_note_on_run(images: int) -> str:
    """What to say of a run with the default class, not among the most probable of `images`."""
    return (
        f"the class is the default, and of {images:,} images not among the most probable. "
        f"{_CHOOSE_A_CLASS}"
    )


def near_uniform_note(images: int, probability: float, classes: int) -> str:
    """What to say of a run whose scores tell the classes hardly apart; empty where they do.

    Parameters
    ----------
    images : int
        How many there were.
    probability : float, 0..1
        The mean of that of the predicted class.
    classes : int
        How many the model has.
    """
    uniform = 1 / classes
    if probability > uniform + _HARDLY * (1 - uniform):
        return ""
    return (
        f"over {images:,} images the predicted class has a mean probability of {probability:.2g}, "
        f"hardly more than one of {classes:,} classes by chance: the guessed preprocessing may be "
        "wrong. Pass --preprocess."
    )


def _location(explanation: Explanation, target: TargetExplanation) -> str:
    layer = target.layer or explanation.layer
    return "the input" if layer == "input" else layer


def _no_evidence_note(explanation: Explanation, target: TargetExplanation) -> str:
    import numpy as np

    against = "against" if target.counterfactual else "for"
    versus = target.versus
    contrast = "" if versus is None else f" rather than {versus.text}"
    if not np.isfinite(target.raw).all():
        return (
            f"the map of class {target.prediction.text} by {target.method} has values that are no "
            "finite numbers, so the overlay is the plain image. Try other options of the method, "
            "or another --method."
        )
    location = _location(explanation, target)
    advice = ["--class top"] if target.prediction.rank > 1 else []
    has_layer = location not in ("the input", "attention")
    advice.append("an earlier --layer" if has_layer else "another --method")
    return (
        f"nothing at {location} speaks {against} class {target.prediction.text}{contrast}, "
        f"so the overlay is the plain image. Try {', or '.join(advice)}."
    )
