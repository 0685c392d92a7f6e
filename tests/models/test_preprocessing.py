from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcam_cli.errors import UsageError
from gradcam_cli.models.preprocessing import PREPROCESSING, Preprocessing, parse_preprocessing

MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
FORMULAS = {
    "caffe": lambda x: x[..., ::-1] - MEAN_BGR,
    "tf": lambda x: x / np.float32(127.5) - np.float32(1),
    "torch": lambda x: (x / np.float32(255) - MEAN) / STD,
    "none": lambda x: x,
    "lite": lambda x: (x - np.float32(127)) / np.float32(128),
}

numbers = st.floats(-1e6, 1e6).map(lambda number: number + 0.0)
positive = st.floats(1e-6, 1e6)
scales = st.tuples(numbers, numbers).filter(lambda pair: pair[1] - pair[0] >= 1e-6)


def values(one: st.SearchStrategy[float]) -> st.SearchStrategy[tuple[float, ...]]:
    return st.just(()) | st.tuples(one) | st.tuples(one, one, one)


preprocessings = st.builds(
    Preprocessing,
    channels=st.sampled_from(["rgb", "bgr", "gray"]),
    scale=st.none() | scales,
    mean=values(numbers),
    std=values(positive),
)


def pictures(channels: int, dtype: type, seed: int = 0) -> np.ndarray:
    shape = (2, 5, 7, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8).astype(dtype)


def plain(x: np.ndarray, what: Preprocessing) -> np.ndarray:
    """The formula, one channel after the other, in double precision."""
    x = x.astype(np.float64)
    count = x.shape[-1]
    if what.channels == "bgr":
        x = np.stack([x[..., 2], x[..., 1], x[..., 0]], axis=-1)
    if what.channels == "gray" and count == 3:
        luma = 0.299 * x[..., 0] + 0.587 * x[..., 1] + 0.114 * x[..., 2]
        x = np.stack([luma] * 3, axis=-1)
    low, high = what.scale or (0, 255)
    x = low + x * (high - low) / 255
    mean = (what.mean or (0,)) * (1 if len(what.mean) == 3 else count)
    std = (what.std or (1,)) * (1 if len(what.std) == 3 else count)
    return np.stack([(x[..., i] - mean[i]) / std[i] for i in range(count)], axis=-1)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("family", PREPROCESSING)
def test_families_are_their_formulas_to_the_byte(family: str, dtype: type) -> None:
    preprocessing = parse_preprocessing(family)
    for channels in (3, 1) if preprocessing.takes_grey else (3,):
        batch = pictures(channels, dtype)
        prepared = preprocessing(batch)
        expected = FORMULAS[family](batch.astype(np.float32))
        assert (prepared.shape, prepared.dtype) == (batch.shape, np.float32)
        assert prepared.flags.c_contiguous
        assert prepared.tobytes() == expected.tobytes()
    assert preprocessing.text == family


@given(preprocessings)
def test_the_text_means_the_same(preprocessing: Preprocessing) -> None:
    text = preprocessing.text
    expected = PREPROCESSING["none"] if preprocessing == Preprocessing() else preprocessing
    assert parse_preprocessing(text) == expected
    assert parse_preprocessing(" , ".join(reversed(text.upper().split(",")))) == expected


def test_no_step_is_none() -> None:
    assert parse_preprocessing("channels=rgb") == parse_preprocessing("none")
    assert Preprocessing().text == "none"


@settings(max_examples=60)
@given(preprocessings, st.sampled_from([np.uint8, np.float32]), st.integers(0, 9))
def test_it_is_the_plain_formula_and_leaves_its_argument(
    preprocessing: Preprocessing, dtype: type, seed: int
) -> None:
    for channels in (3, 1) if preprocessing.takes_grey else (3,):
        batch = pictures(channels, dtype, seed)
        batch.flags.writeable = False
        before = batch.copy()
        prepared = preprocessing(batch)
        assert (prepared.shape, prepared.dtype) == (batch.shape, np.float32)
        assert not np.shares_memory(prepared, batch)
        prepared[:] = 0
        np.testing.assert_array_equal(batch, before)
        # Single precision loses what is small beside the largest number on the way.
        sizes = (255.0, *map(abs, preprocessing.scale or ()), *map(abs, preprocessing.mean))
        np.testing.assert_allclose(
            preprocessing(batch),
            plain(batch, preprocessing),
            rtol=1e-5,
            atol=1e-6 * max(sizes) / min(preprocessing.std or (1.0,)),
        )


def test_steps_in_any_order_are_applied_in_one() -> None:
    batch = pictures(3, np.uint8)
    steps = ["channels=bgr", "scale=0..1", "mean=0.4/0.5/0.6", "std=0.2/0.25/0.5"]
    preprocessing = parse_preprocessing(",".join(reversed(steps)))
    assert preprocessing.text == ",".join(steps)
    expected = (batch[..., ::-1] / 255 - [0.4, 0.5, 0.6]) / [0.2, 0.25, 0.5]
    np.testing.assert_allclose(preprocessing(batch), expected, rtol=1e-5, atol=1e-5)


def test_grey_is_the_luma_in_each_channel() -> None:
    batch = pictures(3, np.uint8)
    prepared = parse_preprocessing("channels=grey")(batch)
    assert (prepared == prepared[..., :1]).all()
    of_opencv = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in batch])
    assert np.abs(prepared[..., 0] - of_opencv).max() <= 0.502  # it rounds
    greys = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 16, 16, 3)
    np.testing.assert_array_equal(parse_preprocessing("channels=gray")(greys), greys)


@pytest.mark.parametrize(
    ("text", "takes_grey"),
    [
        ("caffe", False),
        ("tf", True),
        ("torch", False),
        ("none", True),
        ("lite", True),
        ("channels=bgr", False),
        ("channels=gray", True),
        ("mean=1/1/1", False),
        ("std=1/1/1", False),
        ("scale=0..1,mean=0.5,std=0.5", True),
    ],
)
def test_which_take_one_channel(text: str, takes_grey: bool) -> None:
    assert parse_preprocessing(text).takes_grey == takes_grey


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tourch", r"expected a preprocessing \(caffe, tf, torch, none, lite\), got 'tourch'\. "
         r"The closest: torch\."),
        ("", r"expected a preprocessing .*, got ''\. Write steps as in channels=bgr,"),
        ("men=1", r"expected a step .*, std\), got 'men=1'\. The closest: mean"),
        ("torch,mean=1", "expected a step .*, got 'torch'"),
        ("mean=0.4,0.5,0.6", "expected a step .*, got '0.5'"),
        ("scale=0..1,", "expected a step .*, got ''"),
        ("mean=1,scale=0..1,mean=1", "expected mean once"),
        ("channels=rbg", r"expected rgb, bgr or gray for channels, got 'rbg'\. The closest: rgb"),
        ("scale=1..0", "expected LOW..HIGH, LOW below HIGH, for scale, got '1..0'"),
        ("scale=1..1", "LOW below HIGH"),
        ("scale=0..1e-7", "LOW below HIGH"),
        ("scale=1", "LOW below HIGH"),
        ("scale=0..1..2", r"expected numbers .* got '1\.\.2'"),
        ("scale=0..inf", "expected numbers .* got 'inf'"),
        ("mean=nan", "expected numbers .* got 'nan'"),
        ("mean=1e400", "expected numbers .* got '1e400'"),
        ("mean=1_0", "expected numbers .* got '1_0'"),
        ("mean=١", "expected numbers"),
        ("mean=", "expected numbers .* got ''"),
        ("mean=1/2", "expected 1 number or 3 for mean, got '1/2'"),
        ("std=1/2/3/4", "expected 1 number or 3 for std"),
        ("std=0", "expected numbers above 0 for std, got '0'"),
        ("std=1/-1/1", "expected numbers above 0 for std"),
        ("std=1e-50", "expected numbers above 0 for std"),
        ("std=1\x1b[31m", r"got '1\\x1b\[31m'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        parse_preprocessing(text)
    assert str(error.value).isprintable()
    assert error.value.remedy


@given(
    st.text()
    | st.lists(
        st.sampled_from(["scale=", "mean=", "std=", "channels=", "bgr", "0", "..", "/", ",", "-1"])
    ).map("".join)
)
def test_any_text_is_a_preprocessing_or_a_usage_error(text: str) -> None:
    try:
        preprocessing = parse_preprocessing(text)
    except UsageError as error:
        assert str(error).isprintable()
    else:
        assert parse_preprocessing(preprocessing.text) == preprocessing
