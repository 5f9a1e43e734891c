"""UVs for a skin that has the topology of a disk: unfolded onto a disk, the same on both sides.

Every vertex lies at a convex mean of its neighbours (Floater, "Mean value coordinates", 2003), which maps a disk onto a
convex one without folds (Tutte 1963). A plain map of this kind squeezes what stands out, the nose first; so the weights
are divided by the stretch at the vertices, again and again, until the whole stretch grows no less (Yoshizawa, Belyaev
and Seidel, "A fast and simple stretch-minimizing mesh parameterization", 2004).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import spsolve

from ..errors import FaceModelError
from .surface import mirror_places

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST_ROUNDS = 8
# In medians of all triangles.
MOST_STRETCH = 4.0
# How much more being beside the middle counts than being high, where the middle of the rim is looked for.
MIDDLE = 5.0
# The share of the way to the mirrored layout: less only where more would fold the layout.
SHARES = (1.0, 0.9, 0.7, 0.5, 0.0)


def disk_layout(vertices: NDArray[Any], triangles: NDArray[Any]) -> FloatArray:
    """(V, 2) places in the disk of radius 1 about 0: x to the subject's left, y up; mirrored where the surface is.

    Args:
        vertices: (V, 3) mm, about x = 0.
        triangles: (T, 3) counter-clockwise seen from outside, one piece, with one rim or more; holes are spanned.

    Raises:
        FaceModelError: the surface has no rim.
    """
    loops = boundary_loops(triangles)
    if not loops:
        raise FaceModelError("The face's skin has no rim, so it cannot be laid flat.", "Use the files as published.")
    exact = vertices.astype(np.float64)
    rim = max(loops, key=lambda loop: _length(exact[loop]))
    spanned, filled = _without_holes(exact, triangles.astype(np.int64), [loop for loop in loops if loop is not rim])
    layout = np.zeros((len(spanned), 2))
    layout[rim] = _rim_places(exact[rim])
    layout = _least_stretched(spanned, filled, layout, rim)[: len(exact)]
    return _mirrored(exact, triangles, layout)


def boundary_loops(triangles: NDArray[Any]) -> list[IntArray]:
    """The closed rims of a mesh, each as its vertices in the order in which the surface lies to the left."""
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    count = int(triangles.max()) + 1
    inner = np.isin(sides[:, 0] * count + sides[:, 1], sides[:, 1] * count + sides[:, 0])
    following: dict[int, list[int]] = {}
    for first, second in sides[~inner].tolist():
        following.setdefault(first, []).append(second)
    loops = []
    while following:
        start = at = next(iter(following))
        loop = []
        while at in following:
            loop.append(at)
            ends = following[at]
            at = ends.pop()
            if not ends:
                del following[loop[-1]]
            if at == start:
                break
        loops.append(np.array(loop, np.int64))
    return loops


def folded(layout: FloatArray, triangles: NDArray[Any]) -> NDArray[np.bool_]:
    """(T,) True where a triangle lies upside down or has no area."""
    return np.asarray(_areas(layout, triangles) <= 0.0)


def _areas(layout: FloatArray, triangles: NDArray[Any]) -> FloatArray:
    a, b, c = (layout[triangles[:, corner]] for corner in range(3))
    u, v = b - a, c - a
    return np.asarray(0.5 * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]))


def _length(loop: FloatArray) -> float:
    return float(np.linalg.norm(np.roll(loop, -1, 0) - loop, axis=1).sum())


def _without_holes(vertices: FloatArray, triangles: IntArray, holes: list[IntArray]) -> tuple[FloatArray, IntArray]:
    """Vertices and triangles with each hole spanned by a fan about a new vertex in its middle."""
    middles, fans = [], []
    for number, loop in enumerate(holes):
        middles.append(vertices[loop].mean(0))
        centre = np.full(len(loop), len(vertices) + number)
        fans.append(np.stack([np.roll(loop, -1), loop, centre], 1))
    if not holes:
        return vertices, triangles
    return np.concatenate([vertices, np.array(middles)]), np.concatenate([triangles, *fans])


def _rim_places(rim: FloatArray) -> FloatArray:
    """(n, 2) places on the unit circle by the length along the rim (n, 3), each side of the face over half of it."""
    # A rim is highest beside the middle as often as on it.
    aside = MIDDLE * np.abs(rim[:, 0])
    top, bottom = int((rim[:, 1] - aside).argmax()), int((rim[:, 1] + aside).argmin())
    turned = np.roll(rim, -top, 0)
    steps = np.linalg.norm(np.roll(turned, -1, 0) - turned, axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    count = (bottom - top) % len(rim)
    # Where the middle line crosses the rim lies between vertices; x tells how far from it they are.
    start, half, whole = along[0] + _past(turned, 0), along[count] + _past(turned, count), along[-1]
    first = 0.5 * (along[:-1] - start) / (half - start)
    second = 0.5 + 0.5 * (along[:-1] - half) / (whole + start - half)
    angle = 2.0 * np.pi * np.where(np.arange(len(rim)) < count, first, second)
    circle = np.stack([-np.sin(angle), np.cos(angle)], 1)
    return np.asarray(np.roll(circle, top, 0))


def _past(rim: FloatArray, number: int) -> float:
    """mm from a vertex of the rim on to where x = 0, at most to its neighbours."""
    here = rim[number, 0]
    slope = (rim[(number + 1) % len(rim)] - rim[number - 1])[0]
    reach = float(np.linalg.norm(rim[(number + 1) % len(rim)] - rim[number]))
    return float(np.clip(-here / slope * 2.0 * reach, -0.45 * reach, 0.45 * reach)) if abs(slope) > 1e-9 else 0.0


def _least_stretched(vertices: FloatArray, triangles: IntArray, layout: FloatArray, rim: IntArray) -> FloatArray:
    """The layout of the round with the least stretch."""
    first, second, weight = _mean_value_weights(vertices, triangles)
    area = _areas_3d(vertices, triangles)
    best, least = layout, np.inf
    for _ in range(MOST_ROUNDS):
        layout = _solved(first, second, weight, layout, rim)
        stretch = _stretch(vertices, triangles, layout)
        # Nostrils and the corners of the mouth are pits that would draw all of the map into them.
        stretch = np.minimum(stretch, MOST_STRETCH * np.median(stretch))
        whole = float(np.sqrt((stretch**2 * area).sum() / area.sum()))
        if not whole < least or folded(layout, triangles).any():
            break
        best, least = layout, whole
        weight = weight / _at_vertices(stretch, area, triangles, len(vertices))[second]
    return best


def _at_vertices(stretch: FloatArray, area: FloatArray, triangles: IntArray, count: int) -> FloatArray:
    """(V,) root mean square of the stretch (T,) of the triangles at each vertex, by their area; 1 without any."""
    total, mass = (np.bincount(triangles.ravel(), np.repeat(v, 3), count) for v in (stretch**2 * area, area))
    return np.asarray(np.sqrt(np.where(mass > 0.0, total / np.where(mass > 0.0, mass, 1.0), 1.0)))


def _areas_3d(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    return np.asarray(0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1))


def _mean_value_weights(vertices: FloatArray, triangles: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
    """For each (vertex, neighbour) pair its mean value weight ``(tan(a / 2) + tan(b / 2)) / length``, as one entry for each
    of the two triangles beside it.
    """
    rows, columns, weights = [], [], []
    for corner in range(3):
        at, one, other = (triangles[:, (corner + turn) % 3] for turn in range(3))
        u, v = vertices[one] - vertices[at], vertices[other] - vertices[at]
        lengths = np.maximum(np.linalg.norm(u, axis=1), 1e-9), np.maximum(np.linalg.norm(v, axis=1), 1e-9)
        cosine = np.clip((u * v).sum(1) / (lengths[0] * lengths[1]), -0.999, 0.9999)
        half = np.sqrt((1.0 - cosine) / (1.0 + cosine))
        for neighbour, length in zip((one, other), lengths, strict=True):
            rows.append(at)
            columns.append(neighbour)
            weights.append(half / length)
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(weights)


def _solved(first: IntArray, second: IntArray, weight: FloatArray, layout: FloatArray, fixed: IntArray) -> FloatArray:
    """The layout in which every vertex but the ``fixed`` lies at the weighted mean of its neighbours."""
    count = len(layout)
    free = np.ones(count, bool)
    free[fixed] = False
    number = np.cumsum(free) - 1
    total = np.bincount(first, weight, count)
    inside, across = free[first] & free[second], free[first] & ~free[second]
    size = int(free.sum())
    shape = (size, size)
    pull = csr_matrix((weight[inside] / total[first[inside]], (number[first[inside]], number[second[inside]])), shape)
    right = np.zeros((size, 2))
    for axis in range(2):
        known = weight[across] / total[first[across]] * layout[second[across], axis]
        right[:, axis] = np.bincount(number[first[across]], known, size)
    identity = csr_matrix((np.ones(size), (np.arange(size), np.arange(size))), shape)
    result = layout.copy()
    result[free] = spsolve((identity - pull).tocsc(), right)
    return result


def _stretch(vertices: FloatArray, triangles: IntArray, layout: FloatArray) -> FloatArray:
    """(T,) the L2 stretch of each triangle, ``sqrt((a + c) / 2)`` with a, c the squared lengths of the surface's
    derivatives by both coordinates (Sander et al., "Texture mapping progressive meshes", 2001).
    """
    q1, q2, q3 = (vertices[triangles[:, corner]] for corner in range(3))
    (s1, t1), (s2, t2), (s3, t3) = (layout[triangles[:, corner]].T for corner in range(3))
    area = np.maximum(_areas(layout, triangles), 1e-14)[:, None]
    by_s = (q1 * (t2 - t3)[:, None] + q2 * (t3 - t1)[:, None] + q3 * (t1 - t2)[:, None]) / (2.0 * area)
    by_t = (q1 * (s3 - s2)[:, None] + q2 * (s1 - s3)[:, None] + q3 * (s2 - s1)[:, None]) / (2.0 * area)
    return np.asarray(np.sqrt(((by_s**2).sum(1) + (by_t**2).sum(1)) / 2.0))


def _mirrored(vertices: FloatArray, triangles: NDArray[Any], layout: FloatArray) -> FloatArray:
    """The layout averaged with its mirror image, as far as that folds no triangle."""
    triangle, weights = mirror_places(vertices, triangles)
    other = np.einsum("vc,vcx->vx", weights, layout[triangles[triangle]]) * np.array([-1.0, 1.0])
    for share in SHARES:
        result = layout + 0.5 * share * (other - layout)
        if not folded(result, triangles).any():
            return np.asarray(result)
    return layout
