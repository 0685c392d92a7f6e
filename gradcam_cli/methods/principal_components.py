"""Class activation maps by decomposition: what the maps of a layer have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from gradcam_cli.arguments import check_activations, check_maps
from gradcam_cli.methods.batching import RowMap, by_row, captures
from gradcam_cli.methods.cam import from_gradients
from gradcam_cli.methods.contract import Question

Array = NDArray[np.float32]
Matrix = NDArray[np.float64]

_MOST_FITTED = 1024
"""Kernel PCA compares each two of its positions; of so many that takes a fraction of a second."""
_SHIFT = 1.0
_STEPS, _MOST_STARTS = 16, 8
_CONVERGED = 1e-12
"""How far, as a share, the product of a matrix and its eigenvector may be from a multiple."""
_ALIKE = 1e-13
"""A smaller eigenvalue, for each position, is all rounding: the kernel's values are within ±1."""


def eigen_cam(activations: Array) -> Array:
    """What most of the activations' energy has in common, whatever the class.

    Muhammad and Yeasin, 2020, arXiv 2008.00299: with A as a matrix of (h·w, C) and its singular
    value decomposition U Σ Vᵀ, the projection A v_1 on the first right singular vector. A is not
    centred, as in the paper (pytorch-grad-cam centres it). A decomposition leaves the sign open:
    here the sum of the map is not negative. It is computed in float64, as the first eigenvector of
    the smaller of A Aᵀ and Aᵀ A, by products with A and Aᵀ.

    Parameters
    ----------
    activations : (h, w, C) float32
        A of one image.

    Returns
    -------
    (h, w) float32
        The raw heatmap, in units of A.

    Raises
    ------
    UsageError
        Unless `activations` are floats of such a shape.
    """
    check_activations(activations)
    return _map_by(lambda matrix: _towards(np.ones(len(matrix)), _projection(matrix)), activations)


def eigen_grad_cam(activations: Array, gradients: Array) -> Array:
    """What the activations, each times its own gradient, have most in common.

    Gildenblat et al., 2021, pytorch-grad-cam (no paper): Eigen-CAM (Muhammad and Yeasin, 2020,
    arXiv 2008.00299) of G ⊙ A in place of A, which makes it depend on the class. As in `eigen_cam`
    nothing is centred here (pytorch-grad-cam centres). The sign, which a decomposition leaves open,
    is that with which the map points the way of Σ_k G_k ⊙ A_k, HiResCAM's, so that what is positive
    speaks for the target (pytorch-grad-cam leaves it open).

    Parameters
    ----------
    activations, gradients : (h, w, C) float32
        A and dy/dA of one image.

    Returns
    -------
    (h, w) float32
        The raw heatmap, in units of y.

    Raises
    ------
    UsageError
        Unless both are floats of one such shape.
    """
    check_maps(activations, gradients)
    return _map_by(
        lambda matrix: _towards(matrix.sum(axis=1), _projection(matrix)), activations * gradients
    )


def kpca_cam(activations: Array, gamma: float = 1.0) -> Array:
    """The first principal component of the activations under a kernel, whatever the class.

    Karmani et al., 2024, arXiv 2410.00267: kernel principal component analysis, in which each
    position is a sample of C values, in place of Eigen-CAM's linear one; the map is each position's
    projection on the first component. As in the authors' code (pytorch-grad-cam), activations are
    centred, the kernel is k(x, y) = tanh(γ x·y / C + 1), it is centred as kernels are, and
    of the two signs that is taken with which the largest value is positive. Values below 0, which
    say that a position is less like the component than the mean is, are 0 here.

    Of layers of more than 1,024 positions the component is fitted on every second, third … row and
    column, and all are projected; the authors' code fits on all.

    Parameters
    ----------
    activations : (h, w, C) float32
        A of one image.
    gamma : float
        γ: how strongly the kernel bends; towards 0 the map becomes that of a centred Eigen-CAM.

    Returns
    -------
    (h, w) float32
        The raw heatmap, not negative, without a unit.

    Raises
    ------
    UsageError
        Unless `activations` are floats of such a shape.
    """
    check_activations(activations)
    height, width, channels = activations.shape
    step = math.ceil(math.sqrt(height * width / _MOST_FITTED))
    fitted = np.arange(height * width).reshape(height, width)[::step, ::step].ravel()

    def project(matrix: Matrix) -> Matrix:
        centred = matrix - matrix[fitted].mean(axis=0)
        kernel = np.tanh(centred @ centred[fitted].T * (gamma / channels) + _SHIFT)
        return np.maximum(_kernel_projection(kernel, fitted), 0)

    return _map_by(project, activations)


def _map_by(project: Callable[[Matrix], Matrix], maps: Array) -> Array:
    """(h, w) of what `project` makes of (h·w, C); NaN where there are some."""
    height, width, channels = maps.shape
    matrix = maps.reshape(-1, channels).astype(np.float64)
    if not np.isfinite(matrix).all():
        return np.full((height, width), np.nan, np.float32)
    raw: Array = project(matrix).reshape(height, width).astype(np.float32)
    return raw


def _projection(matrix: Matrix) -> Matrix:
    """The rows' projection on the first right singular vector, of either sign."""
    rows, columns = matrix.shape
    if rows <= columns:
        value, vector = _leading(lambda each: _times(matrix, _times(matrix.T, each)), rows)
        return vector * math.sqrt(max(value, 0))
    _, vector = _leading(lambda each: _times(matrix.T, _times(matrix, each)), columns)
    return _times(matrix, vector)


def _leading(times: Callable[[Matrix], Matrix], size: int) -> tuple[float, Matrix]:
    """The greatest eigenvalue of a symmetric matrix, and an eigenvector of length 1.

    By Lanczos' method, begun anew from the best vector so far: some tens of products, where a whole
    decomposition takes a time that grows with the cube. Where that does not do, for several
    eigenvalues are nearly the greatest, it is the whole decomposition.

    Parameters
    ----------
    times : callable
        The product of the matrix and a vector of `size`.
    size : int
    """
    vector = np.sin(np.arange(1.0, size + 1) ** 2)  # at right angles to nothing of a pattern
    for _ in range(_MOST_STARTS):
        value, vector, is_close = _nearer(times, vector)
        if is_close:
            return value, vector
    values, vectors = np.linalg.eigh(np.stack([times(each) for each in np.eye(size)]))
    return float(values[-1]), vectors[:, -1]


def _nearer(times: Callable[[Matrix], Matrix], start: Matrix) -> tuple[float, Matrix, bool]:
    """The best of what some products make of `start`, its eigenvalue, and whether it will do.

    The vectors are kept orthogonal. There are so few that LAPACK finds their mixture on one thread.
    """
    basis, diagonal, beside, rest = np.empty((0, len(start))), [], [], start
    for _ in range(min(len(start), _STEPS)):
        basis = np.vstack([basis, rest / np.linalg.norm(rest)])
        product = times(basis[-1])
        diagonal.append(float(product @ basis[-1]))
        rest = _without(_without(product, basis), basis)  # once leaves rounding
        beside.append(float(np.linalg.norm(rest)))
        limit = _CONVERGED * max(map(abs, diagonal + beside))
        if beside[-1] <= limit:
            break
    values, mixtures = np.linalg.eigh(np.diag(diagonal) + np.diag(beside[:-1], -1))
    is_close = beside[-1] * abs(mixtures[-1, -1]) <= limit
    return float(values[-1]), _times(basis.T, mixtures[:, -1]), is_close


def _without(vector: Matrix, basis: Matrix) -> Matrix:
    """What is left of `vector` beside its projections on the rows of `basis`."""
    return vector - _times(basis.T, _times(basis, vector))


def _times(matrix: Matrix, vector: Matrix) -> Matrix:
    """Their product, on one thread: BLAS's wait for each other where a core is busy."""
    product: Matrix = np.einsum("ij,j->i", matrix, vector)
    return product


def _towards(direction: Matrix, projection: Matrix) -> Matrix:
    """`projection` with the sign with which it points the way of `direction`."""
    return -projection if projection @ direction < 0 else projection


def _kernel_projection(kernel: Matrix, fitted: NDArray[np.intp]) -> Matrix:
    """The projection on the first component of a kernel; its largest value is positive.

    Parameters
    ----------
    kernel : (positions, fitted positions) float64
        Not centred.
    fitted : (fitted positions,) int
        Which positions those are.
    """
    square = kernel[fitted]
    means = square.mean(axis=0)
    centred = kernel - kernel.mean(axis=1, keepdims=True) - means + means.mean()
    among_fitted = centred[fitted]
    value, vector = _leading(lambda each: _times(among_fitted, each), len(fitted))
    if value <= _ALIKE * len(fitted):
        return np.zeros(len(kernel))
    projection: Matrix = _times(centred, vector) / math.sqrt(value)
    largest = projection[np.abs(projection).argmax()]
    return projection if largest > 0 else -projection


eigen_grad_cam_maps = from_gradients(eigen_grad_cam)


@by_row
def eigen_cam_maps(question: Question) -> Iterator[RowMap]:
    """`eigen_cam` of each input."""
    for rows, activations, scores in captures(question):
        raw = eigen_cam(activations)
        yield from ((row, raw, scores) for row in rows)


@by_row
def kpca_cam_maps(question: Question, gamma: float = 1.0) -> Iterator[RowMap]:
    """`kpca_cam` of each input."""
    for rows, activations, scores in captures(question):
        raw = kpca_cam(activations, gamma)
        yield from ((row, raw, scores) for row in rows)
