"""The first principal component, where it is easy to find, hard to find, or not alone."""

from __future__ import annotations

import numpy as np
import pytest

from gradcam_cli.methods.principal_components import eigen_cam, eigen_grad_cam


def random_maps(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def in_blocks(first: float, second: float) -> np.ndarray:
    """Two rows of three positions, each with channels of its own, of these greatest values."""
    maps = np.zeros((2, 3, 4), np.float32)
    maps[0, :, :2] = first * random_maps(3, 1) / np.linalg.norm(random_maps(3, 1)) * [1, 0]
    maps[1, :, 2:] = second * random_maps(3, 1) / np.linalg.norm(random_maps(3, 1)) * [0, 1]
    return maps


def by_singular_values(maps: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The plain reading: the whole decomposition, and the sign that points the way of a map."""
    matrix = maps.reshape(-1, maps.shape[-1]).astype(np.float64)
    _, _, directions = np.linalg.svd(matrix, full_matrices=False)
    projection = (matrix @ directions[0]).reshape(maps.shape[:2])
    return projection if (projection * direction).sum() > 0 else -projection


MAPS = {
    "one stands out": np.maximum(random_maps(14, 14, 64), 0),
    "more channels than positions": np.maximum(random_maps(7, 7, 300), 0),
    "none stands out": random_maps(12, 12, 150),
    "few channels": random_maps(20, 30, 3),
    "one channel": random_maps(4, 4, 1),
    "one position": random_maps(1, 1, 9),
    "of rank one": random_maps(9, 9, 1) * random_maps(1, 1, 30),
    "zeros among them": np.maximum(random_maps(14, 14, 64), 0) * (np.arange(64) % 2),
    "the first apart from the second": in_blocks(3, 2),
    "the second apart from the first": in_blocks(2, 3),
    "small": random_maps(9, 9, 30) * np.float32(1e-30),
    "large": random_maps(9, 9, 30) * np.float32(1e30),
}


@pytest.mark.parametrize("maps", MAPS.values(), ids=MAPS)
def test_the_map_is_that_of_a_whole_decomposition(maps: np.ndarray) -> None:
    maps = maps.astype(np.float32)
    expected = by_singular_values(maps, np.ones(maps.shape[:2]))
    np.testing.assert_allclose(eigen_cam(maps), expected, atol=1e-6 * np.abs(expected).max())
    gradients = random_maps(*maps.shape)[::-1]
    product = maps * gradients
    expected = by_singular_values(product, product.sum(axis=-1, dtype=np.float64))
    found = eigen_grad_cam(maps, gradients)
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


def test_of_two_that_are_as_great_it_is_one() -> None:
    """A map of each half's own pattern: any mixture of them is as good, and of the same length."""
    raw = eigen_cam(in_blocks(2, 2))
    assert np.linalg.norm(raw) == pytest.approx(2, rel=1e-6)
    np.testing.assert_array_equal(raw, eigen_cam(in_blocks(2, 2)))


def test_a_layer_of_zeros_has_a_map_of_zeros() -> None:
    np.testing.assert_array_equal(eigen_cam(np.zeros((5, 6, 7), np.float32)), np.zeros((5, 6)))
