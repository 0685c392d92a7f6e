"""How an explanation shows itself in a notebook, and the notebook of the documentation."""

from __future__ import annotations

import io
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gradcam_cli import Explainer, Explanation
from gradcam_cli.images.overlay import thumbnail
from gradcam_cli.models.labels import Labels
from gradcam_cli.results.notebook import SIDE
from tests.conftest import SAMPLES

CAT = SAMPLES / "egyptian_cat.jpg"


class Page(HTMLParser):
    """The texts of a page, the attributes of its pictures, and what elements it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        else:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def explanation() -> Explanation:
    explainer = Explainer.load("efficientnet-lite0", methods=["grad-cam", "saliency"])
    return explainer.explain(CAT, ["Egyptian cat", "sunglasses"], top=3)


def test_a_notebook_gets_the_first_overlay_as_png(explanation: Explanation) -> None:
    with Image.open(io.BytesIO(explanation._repr_png_() or b"")) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(image, thumbnail(explanation.overlay(0), SIDE))
        assert max(image.size) <= SIDE


def test_a_small_picture_is_shown_as_it_is(asymmetric: np.ndarray) -> None:
    assert thumbnail(asymmetric, 40) is asymmetric
    assert thumbnail(asymmetric, 20).shape == (15, 20, 3)
    assert thumbnail(np.zeros((1, 1000, 3), np.uint8), 20).shape == (1, 20, 3)
    flat = np.full((64, 48, 3), (10, 200, 30), np.uint8)
    assert (thumbnail(flat, 10) == (10, 200, 30)).all()


def test_a_notebook_gets_every_overlay_and_the_classes(explanation: Explanation) -> None:
    page = Page(explanation._repr_html_())
    assert page.open == []
    captions = [image["alt"] for image in page.images]
    assert captions == [
        f"{name} · {where}"
        for name in ("285 Egyptian_cat", "837 sunglasses")
        for where in ("grad-cam · top_activation", "saliency · input")
    ]
    rows = page.tags.count("tr") - 1
    assert rows == 4  # three at the top, and what is explained besides
    for prediction in (*explanation.predictions, explanation.targets[2].prediction):
        assert prediction.text in page.texts
        assert f"{prediction.probability:.4f}" in page.texts
    assert page.texts.count(">") == 2


def test_what_a_name_says_is_no_html() -> None:
    evil = "<script>alert('&')</script>"
    lite = Explainer.load("efficientnet-lite0")
    labels = Labels.named([evil, *map(str, range(1, 1000))])
    named = replace(lite, model=replace(lite.model, labels=labels, name=evil, guesses=(evil,)))
    page = Page(named.explain(CAT, 0)._repr_html_())
    assert "script" not in page.tags
    assert len(page.images) == 1
    assert evil in " ".join(page.texts)


def test_what_is_gone_is_said(explanation: Explanation, own_home: Path) -> None:
    read_back = Explanation.from_dict(explanation.to_dict())
    assert read_back._repr_png_() is None
    page = Page(read_back._repr_html_())
    assert page.images == []
    assert "The picture or its heatmap is gone." in page.texts
    assert "285 Egyptian_cat" in page.texts


def test_the_heatmap_is_the_first_ones(explanation: Explanation) -> None:
    assert explanation.heatmap is explanation.targets[0].heatmap
    assert explanation.heatmap.shape == (7, 7)
