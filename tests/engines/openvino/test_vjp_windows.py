"""The backward pass of convolutions and pools with windows of every kind."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.engines.openvino.vjp_tensorflow import assert_as_tensorflow, drawn, few_integers, pixels

few = settings(max_examples=20, deadline=None, derandomize=True)

ROWS = st.integers(1, 3)
SIDES = st.tuples(st.integers(4, 12), st.integers(4, 12))
KERNELS = st.tuples(st.integers(1, 5), st.integers(1, 5))
WINDOWS = st.tuples(st.integers(1, 3), st.integers(1, 3))
PADDINGS = st.sampled_from(["SAME", "VALID"])


def assume_fits(
    kernel: tuple[int, int], sides: tuple[int, int], padding: str, dilation: int
) -> None:
    """TensorFlow refuses a window larger than the map."""
    if padding == "VALID":
        assume(all((k - 1) * dilation < side for k, side in zip(kernel, sides, strict=True)))


@few
@given(
    rows=ROWS,
    sides=SIDES,
    kernel=KERNELS,
    # TensorFlow has strides or dilations, not both.
    spread=st.one_of(st.tuples(WINDOWS, st.just(1)), st.just(((1, 1), 2))),
    padding=PADDINGS,
)
def test_convolutions_of_every_kind(
    rows: int,
    sides: tuple[int, int],
    kernel: tuple[int, int],
    spread: tuple[tuple[int, int], int],
    padding: str,
) -> None:
    strides, dilation = spread
    assume_fits(kernel, sides, padding, dilation)
    weights = drawn(*kernel, 3, 2)

    def function(tf: Any, x: Any) -> Any:
        # Not conv2d, whose dilations have a gradient on some processors only.
        return tf.nn.convolution(x, weights, list(strides), padding, dilations=dilation)

    assert_as_tensorflow(function, pixels(rows, *sides, 3))


@few
@given(
    rows=ROWS,
    sides=SIDES,
    kernel=KERNELS,
    multiplier=st.integers(1, 2),
    spread=st.one_of(st.tuples(st.integers(1, 3), st.just(1)), st.just((1, 2))),
    padding=PADDINGS,
)
def test_depthwise_convolutions_of_every_kind(
    rows: int,
    sides: tuple[int, int],
    kernel: tuple[int, int],
    multiplier: int,
    spread: tuple[int, int],
    padding: str,
) -> None:
    stride, dilation = spread
    assume_fits(kernel, sides, padding, dilation)
    weights, strides = drawn(*kernel, 3, multiplier), [1, stride, stride, 1]

    def function(tf: Any, x: Any) -> Any:
        return tf.nn.depthwise_conv2d(x, weights, strides, padding, dilations=[dilation] * 2)

    assert_as_tensorflow(function, pixels(rows, *sides, 3))


@few
@given(rows=ROWS, sides=SIDES, window=WINDOWS, strides=WINDOWS, padding=PADDINGS)
def test_the_first_maximum_of_a_window_wins(
    rows: int,
    sides: tuple[int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    padding: str,
) -> None:
    x = few_integers((rows, *sides, 3))
    assert_as_tensorflow(lambda tf, x: tf.nn.max_pool2d(x, window, strides, padding), x)


@few
@given(
    rows=ROWS,
    side=st.integers(1, 3),
    tiles=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=PADDINGS,
)
def test_the_first_maximum_of_a_tile_wins(
    rows: int, side: int, tiles: tuple[int, int], padding: str
) -> None:
    x = few_integers((rows, side * tiles[0], side * tiles[1], 3))
    assert_as_tensorflow(lambda tf, x: tf.nn.max_pool2d(x, side, side, padding), x)


@few
@given(rows=ROWS, sides=SIDES, window=WINDOWS, strides=WINDOWS, padding=PADDINGS)
def test_average_pools_of_every_kind(
    rows: int,
    sides: tuple[int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    padding: str,
) -> None:
    x = pixels(rows, *sides, 3)
    assert_as_tensorflow(lambda tf, x: tf.nn.avg_pool2d(x, window, strides, padding), x)
