"""A sample explanation, as the fields of JSON and as a value."""

from __future__ import annotations

from typing import Any

from gradcam_cli.results.explanation import Explanation


def predicted(name: str, index: int, probability: float, rank: int = 1) -> dict[str, Any]:
    """The fields of a prediction."""
    return {
        "index": index,
        "wnid": f"n{index:08}",
        "name": name,
        "probability": probability,
        "rank": rank,
    }


def explained(prediction: dict[str, Any], **other: Any) -> dict[str, Any]:
    """The fields of an explained target."""
    return {
        "class": prediction,
        "versus": None,
        "counterfactual": False,
        "method": "grad-cam",
        "layer": "top_activation",
        "evidence": "positive",
        "border": 0.25,
        "heatmap_size": [7, 7],
        "overlay": "out/one.gradcam.jpg",
        "heatmap": None,
        **other,
    }


CAT = predicted("Egyptian_cat", 285, 0.75)
TABBY = predicted("tabby", 281, 0.125, 2)


def fields(*explanations: dict[str, Any], **other: Any) -> dict[str, Any]:
    """The fields of an explanation, as JSON has them."""
    return {
        "source": "one.png",
        "size": [40, 30],
        "model": "efficientnet-lite0",
        "weights": "bundled",
        "fallback": None,
        "layer": "top_activation",
        "method": "grad-cam",
        "score": "logit",
        "engine": "openvino",
        "predictions": [CAT, TABBY],
        "explanations": list(explanations or [explained(CAT)]),
        "notes": ["a note"],
        "versions": {"gradcam": "0.1.0"},
        **other,
    }


def explanation(*explanations: dict[str, Any], **other: Any) -> Explanation:
    """The same as a value."""
    return Explanation.from_dict(fields(*explanations, **other))
