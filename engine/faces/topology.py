"""Polygons into triangles, UV seams into render vertices, normals, edges. NumPy only."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import FaceModelError

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]


class SplitMesh(NamedTuple):
    """A mesh whose vertices are split where its UV layout is cut, for programs that want one UV per vertex.

    Attributes:
        source: (S,) int64, the vertex that each split vertex was.
        triangles: (T, 3) int32 rows of split vertices.
        uv: (S, 2) float32.
    """

    source: NDArray[np.int64]
    triangles: IntArray
    uv: FloatArray


def split_quads(quads: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Triangles (T, 3), the polygon each comes from (T,), and the polygon's corners it uses (T, 3) in 0..3.

    A quad (a, b, c, d) becomes (a, b, c) and (a, c, d), in this order, polygon by polygon; a polygon whose last column is -1
    is a triangle already.

    Raises:
        FaceModelError: ``quads`` is not (F, 4).
    """
    if quads.ndim != 2 or quads.shape[1] != 4:
        raise FaceModelError(f"The polygons have the shape {quads.shape}.", "They must be (F, 4).")
    pattern = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    face = np.repeat(np.arange(len(quads), dtype=np.int32), 2)
    corner = np.tile(pattern, (len(quads), 1))
    triangles = quads[face[:, None], corner]
    real = triangles[:, 2] >= 0
    return triangles[real].astype(np.int32), face[real], corner[real]


def split_at_seams(triangles: NDArray[Any], triangle_uv: NDArray[Any]) -> SplitMesh:
    """One vertex for each distinct (vertex, UV) pair of ``triangles`` (T, 3) with UVs (T, 3, 2); the triangles keep their order.

    Raises:
        FaceModelError: the two do not fit each other.
    """
    if triangle_uv.shape != (*triangles.shape, 2):
        raise FaceModelError(f"The UVs have the shape {triangle_uv.shape}.", f"They must be {(*triangles.shape, 2)}.")
    vertex = triangles.reshape(-1).astype(np.int64)
    uv = np.ascontiguousarray(triangle_uv.reshape(-1, 2), np.float32)
    # Equal floats have equal bits here: the corners of one island are copies of one number. Adding 0 turns -0 into 0.
    bits = (uv + np.float32(0.0)).view(np.int32)
    # One whole number for each pair: rows of several take five times as long to sort.
    distinct, place = np.unique(_paired(bits[:, 0], bits[:, 1]), return_inverse=True)
    _, first, inverse = np.unique(vertex * len(distinct) + place, return_index=True, return_inverse=True)
    return SplitMesh(vertex[first], inverse.reshape(-1, 3).astype(np.int32), uv[first])


def vertex_normals(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """(V, 3) unit normals, each the area-weighted sum of its triangles'; zero for a vertex without a triangle."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    total = np.zeros(vertices.shape, np.float64)
    for axis in range(3):
        for corner in range(3):
            total[:, axis] += np.bincount(triangles[:, corner], face[:, axis], len(vertices))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    normals: FloatArray = (total / np.maximum(length, 1e-20)).astype(np.float32)
    return normals


def edges(polygons: NDArray[np.integer[Any]]) -> IntArray:
    """(E, 2) int32, every edge once, smaller vertex first, ascending, of triangles (N, 3) or quads (N, 4) with -1 in the last
    column of triangles.
    """
    rows = []
    kinds = (polygons,) if polygons.shape[1] == 3 else (polygons[polygons[:, 3] >= 0], polygons[polygons[:, 3] < 0, :3])
    for polygons in kinds:
        rows.append(np.stack([polygons, np.roll(polygons, -1, 1)], -1).reshape(-1, 2))
    ends = np.sort(np.concatenate(rows), 1)
    distinct = np.unique(_paired(ends[:, 0], ends[:, 1]))
    found: IntArray = np.column_stack([distinct >> 32, (distinct & 0xFFFFFFFF) - 2**31]).astype(np.int32)
    return found


def _paired(first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """(N,) one number for each two 32-bit ones (N,), in the order of the first, then of the second."""
    return (first.astype(np.int64) << 32) + (second.astype(np.int64) + 2**31)
