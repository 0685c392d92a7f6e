"""An explanation as a notebook shows it: small overlays, and a table of classes."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from html import escape
from typing import TYPE_CHECKING

from gradcam_cli.errors import GradcamError

if TYPE_CHECKING:
    from gradcam_cli.results.explanation import Explanation, Prediction, TargetExplanation

SIDE = 360
"""The longest side of a picture that is shown; notebooks keep them as text."""


def small_overlay(explanation: Explanation, number: int, suffix: str) -> bytes | None:
    """The overlay of one of the targets as a small file; None where picture or heatmap are gone."""
    from gradcam_cli.images.overlay import thumbnail
    from gradcam_cli.images.writing import encoded_image

    with suppress(GradcamError):
        return encoded_image(thumbnail(explanation.overlay(number), SIDE), suffix)
    return None


def html_of(explanation: Explanation) -> str:
    """Every overlay with its caption, the classes, and what was noted; all text is escaped."""
    figures = [
        _figure(explanation, number, target) for number, target in enumerate(explanation.targets)
    ]
    explained = {target.prediction.index: target.prediction for target in explanation.targets}
    listed = {prediction.index: prediction for prediction in explanation.predictions}
    rows = [_row(each, each.index in explained) for each in (listed | explained).values()]
    notes = [f"<p>{escape(note)}</p>" for note in (*explanation.guesses, *explanation.notes)]
    head = "<tr><th></th><th>#</th><th>class</th><th>probability</th></tr>"
    title = " · ".join(filter(None, (explanation.source, explanation.model)))
    return "".join(
        [
            f"<div><p><b>{escape(title)}</b></p>",
            *figures,
            f"<table>{head}{''.join(rows)}</table>",
            *notes,
            "</div>",
        ]
    )


def _figure(explanation: Explanation, number: int, target: TargetExplanation) -> str:
    words = [*_target_words(target), target.method, target.layer]
    caption = escape(" · ".join(words))
    jpeg = small_overlay(explanation, number, ".jpg")
    image = "<p>The picture or its heatmap is gone.</p>"
    if jpeg is not None:
        uri = f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"
        image = f'<img src="{uri}" alt="{caption}">'
    style = "display:inline-block;margin:0 8px 8px 0"
    return f'<figure style="{style}">{image}<figcaption>{caption}</figcaption></figure>'


def _target_words(target: TargetExplanation) -> list[str]:
    against = [] if target.versus is None else [f"and not {target.versus.text}"]
    name = target.prediction.text
    return [f"not {name}" if target.counterfactual else name, *against]


def _row(prediction: Prediction, is_explained: bool) -> str:
    mark = "&gt;" if is_explained else ""
    cells = (str(prediction.rank), escape(prediction.text), f"{prediction.probability:.4f}")
    return f"<tr><td>{mark}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
