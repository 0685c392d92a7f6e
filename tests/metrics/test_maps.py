"""Coarse maps, places in them, and clusters of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradcam_cli.metrics.clusters import clusters_of
from gradcam_cli.metrics.coarse_maps import CELLS, cell_means, packed, shares_of, unpacked
from gradcam_cli.metrics.places import PLACES, heat_in_places, peak_places

MAPS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    elements=st.floats(0, 1, width=32),
)


@given(MAPS)
def test_cells_keep_the_mean(values: np.ndarray) -> None:
    cells = cell_means(values)
    assert cells.shape == (CELLS, CELLS)
    assert cells.mean() == pytest.approx(values.mean(dtype=np.float64), abs=1e-6)
    assert cells.min() >= values.min() - 1e-6
    assert cells.max() <= values.max() + 1e-6


def test_cells_by_hand() -> None:
    values = np.arange(CELLS * CELLS, dtype=np.float32).reshape(CELLS, CELLS)
    np.testing.assert_allclose(cell_means(values), values)
    doubled = values.repeat(2, axis=0).repeat(3, axis=1)
    np.testing.assert_allclose(cell_means(doubled), values, atol=1e-5)
    np.testing.assert_allclose(cell_means(np.float32([[0, 1]]))[0], [0, 0, 0, 0, 1, 1, 1, 1])


def test_packing_loses_less_than_a_level() -> None:
    values = np.random.default_rng(0).random((CELLS, CELLS), np.float32)
    (back,) = unpacked([packed(values)])
    np.testing.assert_allclose(back, values, atol=0.5 / 255 + 1e-6)


def test_shares_sum_to_one_or_there_is_no_heat() -> None:
    maps = np.stack([np.zeros((2, 2)), [[1, 1], [2, 0]]]).astype(np.float32)
    np.testing.assert_array_equal(shares_of(maps).sum(axis=(1, 2)), [0, 1])


def spots(*cells: tuple[int, int]) -> np.ndarray:
    """Maps that are hot in one cell each."""
    maps = np.zeros((len(cells), CELLS, CELLS), np.float32)
    for number, cell in enumerate(cells):
        maps[number][cell] = 1
    return maps


def test_places_have_the_names_that_people_give_them() -> None:
    last = CELLS - 1
    corners = [(0, 0), (0, last), (last, 0), (last, last), (0, 4), (4, 0), (4, 4), (4, last)]
    assert peak_places(spots(*corners)) == [
        "top left", "top right", "bottom left", "bottom right", "top", "left", "centre", "right",
    ]  # fmt: skip


def test_the_heat_in_places_is_the_sum_there() -> None:
    heat = heat_in_places(spots((0, 0), (3, 3)))
    assert heat.shape == (2, len(PLACES))
    assert [(PLACES[at].name, heat[0, at]) for at in np.flatnonzero(heat[0])] == [
        ("top left", 1.0),
        ("border", 1.0),
    ]
    assert np.count_nonzero(heat[1]) == 4  # windows that hold the cell, and no border
    even = np.full((1, CELLS, CELLS), 1 / CELLS**2, np.float32)
    np.testing.assert_allclose(heat_in_places(even)[0], [place.size for place in PLACES])


def blobs(places: list[tuple[float, float]], random: np.random.Generator) -> np.ndarray:
    rows, columns = np.mgrid[:CELLS, :CELLS]
    maps = [
        np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 2) + 0.01 * random.random((CELLS, CELLS))
        for x, y in places
    ]
    return shares_of(np.array(maps, np.float32))


def test_the_odd_ones_are_a_cluster_of_their_own() -> None:
    random = np.random.default_rng(0)
    usual = [tuple(random.normal(4.5, 0.7, 2)) for _ in range(40)]
    odd = [tuple(random.normal(0.5, 0.2, 2)) for _ in range(9)]
    maps = blobs([*usual, *odd], random)
    clusters = clusters_of(maps)
    assert clusters is not None
    assert clusters.groups[:40].tolist() == [0] * 40
    assert clusters.groups[40:].tolist() == [1] * 9
    assert clusters.silhouette > 0.5


def test_what_cannot_be_clustered() -> None:
    assert clusters_of(np.zeros((50, CELLS, CELLS), np.float32)) is None
    assert clusters_of(blobs([(1, 1)] * 5, np.random.default_rng(2))) is None
