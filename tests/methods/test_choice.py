"""Methods as people write them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcam_cli.errors import UsageError
from gradcam_cli.methods import METHODS, MethodChoice, Option, parse_method
from gradcam_cli.methods.choice import find_method, parse_methods, with_options
from gradcam_cli.suggestions import folded


@st.composite
def choices(draw: st.DrawFn) -> MethodChoice:
    method = draw(st.sampled_from(list(METHODS.values())))
    return MethodChoice(method, {each.name: draw(values(each)) for each in method.options})


def values(option: Option) -> st.SearchStrategy[float]:
    if option.is_whole:
        return st.integers(int(option.low), int(option.high))
    return st.floats(option.low, option.high, allow_subnormal=False).map(lambda value: value + 0.0)


def written(value: float) -> str:
    return f"{value:+06d}" if isinstance(value, int) else f"+0{value!r}"


@given(choices())
def test_the_text_of_a_choice_means_that_choice(choice: MethodChoice) -> None:
    parsed = parse_method(choice.text)
    assert parsed == choice
    assert hash(parsed) == hash(choice)
    assert parsed.text == choice.text


@given(choices(), st.randoms(use_true_random=False))
def test_one_choice_has_one_text_however_it_is_written(choice: MethodChoice, random) -> None:
    options = [f" {name.upper()} = {written(value)} " for name, value in choice.options.items()]
    random.shuffle(options)
    name = random.choice([choice.method.name.upper(), choice.method.name.replace("-", "_")])
    assert parse_method(":".join(filter(None, (name, ",".join(options))))).text == choice.text


@given(choices(), choices())
def test_slugs_are_safe_and_differ_where_choices_do(one: MethodChoice, other: MethodChoice) -> None:
    assert re.fullmatch(r"[a-z0-9.+-]+", one.slug)
    assert (one.slug == other.slug) == (one == other)


@given(st.text() | st.from_regex(r"(integrated-gradients|random|rise|saliency):[a-z,=0-9:.-]*"))
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    try:
        choice = parse_method(text)
    except UsageError as error:
        assert error.remedy
        assert len(str(error).splitlines()) == 1
    else:
        assert parse_method(choice.text) == choice


def test_what_is_not_given_has_its_default() -> None:
    assert parse_method("integrated-gradients").options == {"steps": 50}
    assert parse_method("integrated-gradients:steps=50").text == "integrated-gradients"
    choice = parse_method("Integrated Gradients:steps=100")
    assert choice.text == "integrated-gradients:steps=100"
    assert choice.slug == "integrated-gradients-steps-100"
    assert parse_method("grad-cam++").slug == "grad-cam++"
    assert parse_method("RISE:keep=.25,masks=+0500").slug == "rise-masks-500-keep-0.25"
    assert parse_method("rise:keep=.5").text == "rise"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gradcm", "there is no method called 'gradcm'. The closest: grad-cam"),
        ("", "there is no method called ''. `gradcam methods` lists all."),
        ("saliency:steps=1", "saliency has no options, got 'saliency:steps=1'. Pass saliency."),
        ("saliency:", "saliency has no options, got 'saliency:'. Pass saliency."),
        ("random:sed=1", "expected options of random (seed), got 'sed=1'. Write them as in random"),
        ("random:", "expected options of random (seed), got ''. Write them as in random:seed=0."),
        ("random:seed", "expected options of random (seed), got 'seed'."),
        ("random:seed=1,", "expected options of random (seed), got ''."),
        ("random:seed=1,seed=1", "expected seed of random once, got it twice in"),
        ("random:seed=-1", "expected seed to be a whole number from 0 to 4294967295, got '-1'."),
        ("integrated-gradients:steps=0", "expected steps to be a whole number from 1 to 10000"),
        ("integrated-gradients:steps=1e2", "got '1e2'. Pass steps=50, for instance."),
        ("integrated-gradients:steps=1_0", "got '1_0'."),
        ("integrated-gradients:steps=٣", "got '٣'."),
        (f"integrated-gradients:steps={'9' * 5000}", "expected steps to be a whole number"),
        ("rise:masks=99.5", "expected masks to be a whole number from 2 to 1000000, got '99.5'."),
        ("rise:keep=1", "expected keep to be a number from 0.01 to 0.99, got '1'. Pass keep=0.5"),
        ("rise:keep=nan", "got 'nan'."),
        ("occlusion:size=0,5", "expected size to be a number from 0.001 to 1.0, got '0'."),
    ],
)
def test_what_cannot_be_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_method(text)
    assert said in str(error.value)
    assert len(str(error.value)) < 200


def test_options_are_set_in_all_methods_that_have_them() -> None:
    methods = parse_methods(["integrated-gradients", "random", "grad-cam"])
    texts = [choice.text for choice in with_options(methods, ["Steps=7", "seed=3"])]
    assert texts == ["integrated-gradients:steps=7", "random:seed=3", "grad-cam"]
    same = parse_methods(["random:seed=1", "random:seed=2"])
    assert [choice.text for choice in with_options(same, ["seed=3"])] == ["random:seed=3"]


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("steps=7", "expected an option of random, grad-cam (seed), got 'steps=7'."),
        ("seed", "expected options of random (seed), got 'seed'."),
        ("seed=x", "expected seed to be a whole number from 0"),
        ("", "expected an option of random, grad-cam (seed), got ''."),
    ],
)
def test_an_option_that_no_method_has_is_refused(assignment: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        with_options(parse_methods(["random", "grad-cam"]), [assignment])
    assert said in str(error.value)


def test_methods_without_options_take_none() -> None:
    with pytest.raises(UsageError, match=r"^grad-cam takes no options, got 'steps=7'\. Drop"):
        with_options(parse_methods(["grad-cam"]), ["steps=7"])


def test_decimal_options() -> None:
    option = Option("share", "of it", 0.5, 0, 1)
    method = replace(find_method("random"), options=(option,))
    chosen = MethodChoice(method, method.defaults)
    for text, value in (("0.25", 0.25), (" .5 ", 0.5), ("1", 1.0), ("2.5e-1", 0.25)):
        (got,) = with_options([chosen], [f"share={text}"])
        assert got.options == {"share": value}
    for text in ("", "nan", "inf", "1.01", "-0.1", "1_0", "٠", "0x1", ".", "1e", "1e999"):
        with pytest.raises(UsageError, match="expected share to be a number from 0 to 1, got"):
            with_options([chosen], [f"share={text}"])


def test_no_two_names_are_alike() -> None:
    for names in (METHODS, *({o.name: o for o in m.options} for m in METHODS.values())):
        assert len({folded(name) for name in names}) == len(names)
