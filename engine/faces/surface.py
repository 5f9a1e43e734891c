"""Nearest places on a mesh's surface, and its mirror image in itself. NumPy and SciPy only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FLIP = np.array([-1.0, 1.0, 1.0])
# Triangles about so many of the nearest vertices are asked for the nearest place.
_VERTICES_ASKED = 6


def closest_places(
    points: NDArray[Any], vertices: NDArray[Any], triangles: NDArray[Any]
) -> tuple[IntArray, FloatArray]:
    """The triangle (N,) and the barycentric weights (N, 3) of the place on a mesh that is nearest to each of (N, 3) points.

    Only triangles at the nearest vertices are asked, which is exact where the mesh's triangles are of like size.
    """
    exact = vertices.astype(np.float64)
    used = np.unique(triangles)
    _, near = cKDTree(exact[used]).query(points, k=min(_VERTICES_ASKED, len(used)))
    near = used[near.reshape(len(points), -1)]
    start, order = _triangles_of(triangles, len(vertices))
    best = np.full(len(points), np.inf)
    triangle, weights = np.zeros(len(points), np.int64), np.zeros((len(points), 3))
    for column in near.T:
        for turn in range(int((start[column + 1] - start[column]).max())):
            at = start[column] + turn
            rows = np.flatnonzero(at < start[column + 1])
            asked = order[at[rows]]
            corners = exact[triangles[asked]]
            found = closest_weights(points[rows], corners)
            distance = np.linalg.norm(np.einsum("nc,ncx->nx", found, corners) - points[rows], axis=1)
            better = distance < best[rows]
            rows = rows[better]
            best[rows], triangle[rows], weights[rows] = distance[better], asked[better], found[better]
    return triangle, weights


def closest_weights(points: NDArray[Any], corners: FloatArray) -> FloatArray:
    """(N, 3) barycentric weights of the place on each of (N, 3, 3) triangles that is nearest to each of (N, 3) points.

    The foot of the perpendicular where it lies inside, else the nearest of the nearest places on the three edges.
    """
    u, v, w = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    uu, uv, vv, wu, wv = (np.einsum("nx,nx->n", p, q) for p, q in ((u, u), (u, v), (v, v), (w, u), (w, v)))
    determinant = np.maximum(uu * vv - uv * uv, 1e-12)
    s, t = (vv * wu - uv * wv) / determinant, (uu * wv - uv * wu) / determinant
    weights = np.stack([1.0 - s - t, s, t], 1)
    outside = np.flatnonzero((weights < 0.0).any(1))
    edges = np.stack([_edge_weights(points[outside], corners[outside], first) for first in range(3)])
    gaps = np.einsum("enc,ncx->enx", edges, corners[outside]) - points[outside]
    weights[outside] = edges[np.linalg.norm(gaps, axis=2).argmin(0), np.arange(len(outside))]
    return np.asarray(weights)


def mirror_places(vertices: NDArray[Any], triangles: NDArray[Any]) -> tuple[IntArray, FloatArray]:
    """`closest_places` of every vertex's mirror image (x -> -x): where the other half of the face has its like."""
    return closest_places(vertices.astype(np.float64) * FLIP, vertices, triangles)


def mirror_vertices(vertices: NDArray[Any]) -> NDArray[np.int32]:
    """(V,) the vertex nearest to the mirror image of each vertex (x -> -x)."""
    _, found = cKDTree(vertices.astype(np.float64)).query(vertices * FLIP)
    return np.asarray(found, np.int32)


def middle_x(vertices: NDArray[Any]) -> float:
    """x of the plane x = const about which the vertices mirror best, found by moving it to and fro."""
    exact = vertices.astype(np.float64)
    middle = float((exact[:, 0].min() + exact[:, 0].max()) / 2.0)
    tree = cKDTree(exact)
    for _ in range(5):
        mirrored = exact * FLIP + np.array([2.0 * middle, 0.0, 0.0])
        _, partner = tree.query(mirrored)
        middle += float(np.median(exact[partner, 0] - mirrored[:, 0])) / 2.0
    return middle


def _edge_weights(points: NDArray[Any], corners: FloatArray, first: int) -> FloatArray:
    """(N, 3) weights of the nearest place on the edge from corner ``first`` to the next."""
    second = (first + 1) % 3
    along = corners[:, second] - corners[:, first]
    length = np.maximum(np.einsum("nx,nx->n", along, along), 1e-12)
    share = np.clip(np.einsum("nx,nx->n", points - corners[:, first], along) / length, 0.0, 1.0)
    weights = np.zeros((len(corners), 3))
    weights[:, first], weights[:, second] = 1.0 - share, share
    return weights


def _triangles_of(triangles: NDArray[Any], count: int) -> tuple[IntArray, IntArray]:
    """The triangles at each vertex: ``order[start[v]:start[v + 1]]``."""
    order = np.argsort(triangles.ravel(), kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(triangles.ravel(), minlength=count))])
    return start.astype(np.int64), (order // 3).astype(np.int64)
