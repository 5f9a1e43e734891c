"""The slowest-changing functions on a surface: what uneven skin is made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .model import PART_NAMES, FaceModel

FloatArray = NDArray[np.float64]

# Total degree of the polynomials that the functions are put together from.
_DEGREE = 8
# What a triangle outside the face counts, against 1 inside: detail goes where the photo looks.
_WEIGHT_OUTSIDE_FACE = 0.1


def smooth_functions(model: FaceModel, symmetric: int, antisymmetric: int) -> tuple[FloatArray, FloatArray]:
    """The lowest Laplace-Beltrami eigenfunctions of the skin, apart from the constant, weighted towards the face.

    They minimise int w |grad f|^2 / int w f^2, found by the Rayleigh-Ritz method among the polynomials of the vertex
    position up to degree 8: no sparse solver, and far smoother than the mesh.

    Returns:
        (symmetric + antisymmetric, V) functions, the symmetric ones first, each group from slow to fast; mean square
        about 1 over the face, magnitude at most 2.5, 0 off the skin. And their (symmetric + antisymmetric,) eigenvalues
        in 1 / mm^2.
    """
    even = _lowest(model, odd=False, count=symmetric)
    odd = _lowest(model, odd=True, count=antisymmetric)
    return np.concatenate([even[0], odd[0]]), np.concatenate([even[1], odd[1]])


def part_vertices(model: FaceModel, part_name: str) -> NDArray[np.bool_]:
    """(V,) True where a vertex belongs to a polygon of the part, one of `PART_NAMES`."""
    result = np.zeros(model.vertex_count, bool)
    corners = model.quads[model.face_part == PART_NAMES.index(part_name)]
    result[corners[corners >= 0]] = True
    return result


def chebyshev_polynomials(x: FloatArray, degree: int) -> FloatArray:
    """(..., degree + 1) Chebyshev polynomials T_n(x) = cos(n arccos x) of ``x`` in [-1, 1]."""
    return np.asarray(np.cos(np.arccos(x)[..., None] * np.arange(degree + 1)))


def _lowest(model: FaceModel, odd: bool, count: int) -> tuple[FloatArray, FloatArray]:
    trial = _polynomials(np.asarray(model.mean, np.float64), part_vertices(model, "skin"), odd)
    stiffness, mass = _forms(model, trial)
    size, directions = np.linalg.eigh(mass)
    kept = size > 1e-10 * size[-1]
    whitening = directions[:, kept] / np.sqrt(size[kept])
    eigenvalues, vectors = np.linalg.eigh(whitening.T @ stiffness @ whitening)
    # The first even one is the constant.
    chosen = slice(0, count) if odd else slice(1, count + 1)
    functions = trial @ (whitening @ vectors[:, chosen])
    mirrored = functions[model.mirror_vertex]
    functions = 0.5 * (functions - mirrored if odd else functions + mirrored)
    # Far from the face, where little holds them, polynomials run away.
    functions = 2.5 * np.tanh(functions / 2.5) * part_vertices(model, "skin")[:, None]
    return _fixed_sign(functions).T, eigenvalues[chosen]


def _fixed_sign(functions: FloatArray) -> FloatArray:
    """The same (V, N) functions, each with its greatest magnitude positive, so that a rebuild gives the same signs."""
    peak = np.take_along_axis(functions, np.abs(functions).argmax(0)[None], 0)[0]
    return np.asarray(functions * np.where(peak < 0, -1.0, 1.0))


def _polynomials(points: FloatArray, skin: NDArray[np.bool_], odd: bool) -> FloatArray:
    """(V, N) products of Chebyshev polynomials of x, y, z, scaled to the skin's box, odd or even in x."""
    low, high = points[skin].min(0), points[skin].max(0)
    # Symmetric about x = 0, or the parity in x would be lost.
    low[0], high[0] = -np.abs(points[skin, 0]).max(), np.abs(points[skin, 0]).max()
    unit = np.clip((2 * points - low - high) / (high - low), -1, 1)
    chebyshev = chebyshev_polynomials(unit, _DEGREE)
    powers = [
        (i, j, k)
        for i in range(int(odd), _DEGREE + 1, 2)
        for j in range(_DEGREE + 1 - i)
        for k in range(_DEGREE + 1 - i - j)
    ]
    return np.stack([chebyshev[:, 0, i] * chebyshev[:, 1, j] * chebyshev[:, 2, k] for i, j, k in powers], -1)


def _forms(model: FaceModel, trial: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(N, N) stiffness int w grad f . grad g and mass int w f g of (V, N) functions, linear on each triangle."""
    triangles = model.triangles[model.face_part[model.triangle_face] == 0]
    points = np.asarray(model.mean, np.float64)[triangles]
    e1, e2 = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    a, b, c = (e1 * e1).sum(1), (e1 * e2).sum(1), (e2 * e2).sum(1)
    determinant = np.maximum(a * c - b * b, 1e-12)
    area = 0.5 * np.sqrt(determinant)
    weight = area * _triangle_weight(model, triangles)
    # |grad f|^2 = d^T [[a, b], [b, c]]^-1 d with d the differences along both edges, as a sum of two squares.
    d1, d2 = trial[triangles[:, 1]] - trial[triangles[:, 0]], trial[triangles[:, 2]] - trial[triangles[:, 0]]
    first = np.sqrt(weight / a)[:, None] * d1
    second = np.sqrt(weight * a / determinant)[:, None] * (d2 - (b / a)[:, None] * d1)
    at_vertex = np.bincount(triangles.ravel(), np.repeat(weight / 3, 3), model.vertex_count) / weight.sum()
    mass = trial.T @ (at_vertex[:, None] * trial)
    return (first.T @ first + second.T @ second) / weight.sum(), mass


def _triangle_weight(model: FaceModel, triangles: NDArray[np.int32]) -> FloatArray:
    face = model.regions.get("face")
    if face is None:
        return np.ones(len(triangles))
    inside = np.asarray(face, np.float64)[triangles].mean(1)
    return np.asarray(_WEIGHT_OUTSIDE_FACE + (1 - _WEIGHT_OUTSIDE_FACE) * inside)
