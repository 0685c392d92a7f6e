"""What is worth saying of an explanation, one sentence each: on stderr and in the JSON alike."""

from __future__ import annotations

from gradcam_cli.records import Explanation, TargetExplanation


def notes_on(explanation: Explanation) -> list[str]:
    """The sentences: scores that are no numbers, and classes that nothing speaks for."""
    notes = []
    if explanation.predictions[0].probability == 0:
        notes.append(
            f"{explanation.model} gives scores that are no finite numbers; check its weights."
        )
    notes += [_no_evidence(explanation, t) for t in explanation.targets if t.evidence == "none"]
    return notes


def _no_evidence(explanation: Explanation, target: TargetExplanation) -> str:
    label = target.prediction.label
    return (
        f"nothing at {explanation.layer} speaks for class {label.index} {label.name}, so the "
        "overlay is the plain image. Try --class top, or an earlier --layer."
    )
