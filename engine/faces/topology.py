"""Polygons into triangles, UV seams into render vertices, normals, neighbours. NumPy only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import FaceModelError

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]


class RenderMesh(NamedTuple):
    """A mesh with one UV per vertex, as ray tracers want it.

    Attributes:
        vertex: (Vr,) int32, the original vertex that each render vertex is a copy of.
        triangles: (T, 3) int32, rows of ``vertex``.
        uv: (Vr, 2) float32.
    """

    vertex: IntArray
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


def split_at_seams(quads: IntArray, corner_uv: FloatArray) -> RenderMesh:
    """One render vertex for each distinct (vertex, UV) pair; triangles are in the order of `split_quads`.

    Args:
        quads: (F, 4) int32; a triangle repeats -1 in its last column.
        corner_uv: (F, 4, 2) float32.

    Raises:
        FaceModelError: the two do not fit each other.
    """
    if corner_uv.shape != (*quads.shape, 2):
        raise FaceModelError(f"The UVs have the shape {corner_uv.shape}.", f"They must be {(*quads.shape, 2)}.")
    triangles, face, corner = split_quads(quads)
    vertex = triangles.ravel()
    uv = np.ascontiguousarray(corner_uv[face[:, None], corner].reshape(-1, 2), np.float32)
    # Equal floats have equal bits here: the corners of one island are copies of one number. Adding 0 turns -0 into 0.
    bits = (uv + np.float32(0.0)).view(np.int32)
    keys = np.column_stack([vertex, bits])
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return RenderMesh(vertex[first].astype(np.int32), inverse.reshape(-1, 3).astype(np.int32), uv[first])


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


def edges(quads: IntArray) -> IntArray:
    """(E, 2) int32, every edge of the polygons once, smaller vertex first, ascending."""
    rows = []
    for polygons in (quads[quads[:, 3] >= 0], quads[quads[:, 3] < 0, :3]):
        rows.append(np.stack([polygons, np.roll(polygons, -1, 1)], -1).reshape(-1, 2))
    found: IntArray = np.unique(np.sort(np.concatenate(rows), 1), axis=0).astype(np.int32)
    return found


def vertex_adjacency(quads: IntArray, vertex_count: int) -> tuple[IntArray, IntArray]:
    """Neighbours along edges as compressed rows: those of vertex v are ``neighbours[start[v]:start[v + 1]]``, ascending.

    Returns:
        start (V + 1,) int32 and neighbours (2 E,) int32.
    """
    pairs = edges(quads)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    start = np.searchsorted(both[:, 0], np.arange(vertex_count + 1))
    return start.astype(np.int32), both[:, 1].astype(np.int32)
