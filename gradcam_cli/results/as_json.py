"""JSON for scripts: one object a line, versioned by its "schema"."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gradcam_cli.metrics.localization import border_share
from gradcam_cli.results.explanation import ClassLabel, Explanation, Prediction

SCHEMA = 1


def explanation_object(
    explanation: Explanation,
    *,
    source: str,
    size: tuple[int, int],
    outputs: Iterable[tuple[Path, Path | None]],
    fallback: str,
    notes: Iterable[str],
) -> dict[str, Any]:
    """What `gradcam explain --json` prints.

    Parameters
    ----------
    explanation : Explanation
        What was found.
    source : str
        The source as it may be shown.
    size : (int, int)
        Width and height of the image in pixels, as displayed.
    outputs : iterable of (Path, Path or None)
        Of each explained class, the overlay and, where asked for, the heatmap.
    fallback : str
        Why the first choice of `--model auto` was not used; empty where it was, or was not asked.
    notes : iterable of str
        Every other thing that was said on stderr.
    """
    explained = [
        {
            "class": _prediction(target.prediction),
            "evidence": target.evidence,
            "border": round(border_share(target.heatmap), 6),
            "heatmap_size": [target.heatmap.shape[1], target.heatmap.shape[0]],
            "overlay": str(overlay),
            "heatmap": None if heatmap is None else str(heatmap),
        }
        for target, (overlay, heatmap) in zip(explanation.targets, outputs, strict=True)
    ]
    return {
        "source": source,
        "size": list(size),
        "model": explanation.model,
        "weights": explanation.weights,
        "fallback": fallback or None,
        "layer": explanation.layer,
        "method": explanation.method,
        "score": explanation.score,
        "engine": explanation.engine,
        "predictions": [_prediction(each) for each in explanation.predictions],
        "explanations": explained,
        "notes": list(notes),
        "versions": explanation.versions,
    }


def label_object(label: ClassLabel) -> dict[str, Any]:
    """A class: its index, WordNet id and name."""
    return {"index": label.index, "wnid": label.wnid, "name": label.name}


def _prediction(prediction: Prediction) -> dict[str, Any]:
    return {
        **label_object(prediction.label),
        "probability": prediction.probability,
        "rank": prediction.rank,
    }


def dumps(fields: dict[str, Any]) -> str:
    """`fields` as one line of plain ASCII, the schema first; never NaN."""
    return json.dumps({"schema": SCHEMA, **fields}, allow_nan=False)
