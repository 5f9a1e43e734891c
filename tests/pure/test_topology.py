"""Polygons, seams, normals and edges."""

from __future__ import annotations

import numpy as np
import pytest
from nextgenface.engine.errors import FaceModelError
from nextgenface.engine.faces.topology import edges, split_at_seams, split_quads, vertex_normals

# Two quads side by side and a triangle on top of the second: vertices 0 1 2 below, 3 4 5 above, 6 at the top.
MIXED = np.array([[0, 1, 4, 3], [1, 2, 5, 4], [4, 5, 6, -1]], np.int32)


def cube():
    """Vertices of a unit cube around the origin and its quads, counter-clockwise from outside."""
    vertices = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)], np.float32) / 2
    quads = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]]
    return vertices, np.array(quads, np.int32)


def test_quads_and_triangles_are_split_in_order():
    triangles, face, corner = split_quads(MIXED)
    assert triangles.tolist() == [[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4], [4, 5, 6]]
    assert face.tolist() == [0, 0, 1, 1, 2]
    assert (MIXED[face[:, None], corner] == triangles).all()


def test_split_triangles_keep_the_surface():
    vertices, quads = cube()
    triangles, _, _ = split_quads(quads)
    a, b, c = (vertices[triangles[:, i]].astype(np.float64) for i in range(3))
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2 == pytest.approx(6.0)
    assert np.einsum("tk,tk->t", a, np.cross(b, c)).sum() / 6 == pytest.approx(1.0)  # positive: outwards


def test_a_vertex_is_split_only_where_its_uvs_differ():
    uv = np.zeros((3, 4, 2), np.float32)
    uv[0] = [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]]
    uv[1] = [[0.5, 0], [1, 0], [1, 0.5], [0.5, 0.5]]
    uv[2, :3] = [[0.5, 0.9], [1, 0.5], [0.75, 1]]  # a seam at vertex 4 only
    triangles, face, corner = split_quads(MIXED)
    mesh = split_at_seams(triangles, uv[face[:, None], corner])
    assert np.bincount(mesh.source).tolist() == [1, 1, 1, 1, 2, 1, 1]
    assert (mesh.source[mesh.triangles] == triangles).all()
    assert (mesh.uv[mesh.triangles] == uv[face[:, None], corner]).all()


def test_negative_zero_is_no_seam():
    triangles, _, _ = split_quads(MIXED)
    uv = np.zeros((len(triangles), 3, 2), np.float32)
    uv[2] = -0.0
    assert len(split_at_seams(triangles, uv).source) == 7


def test_normals_of_a_cube_point_along_its_diagonals():
    vertices, quads = cube()
    # Each corner's triangles weigh its three sides unevenly where a diagonal ends; both diagonals together are even.
    both = np.concatenate([split_quads(quads)[0], split_quads(np.roll(quads, 1, 1))[0]])
    normals = vertex_normals(vertices, both)
    assert np.allclose(normals, vertices / np.linalg.norm(vertices, axis=1, keepdims=True), atol=1e-6)


def test_a_vertex_without_a_triangle_has_no_normal():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]], np.float32)
    normals = vertex_normals(vertices, np.array([[0, 1, 2]], np.int32))
    assert normals.tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 0]]


def test_every_edge_is_found_once():
    assert edges(MIXED).tolist() == [[0, 1], [0, 3], [1, 2], [1, 4], [2, 5], [3, 4], [4, 5], [4, 6], [5, 6]]


def test_wrong_shapes_are_told():
    with pytest.raises(FaceModelError, match="shape"):
        split_quads(MIXED[:, :3])
    with pytest.raises(FaceModelError, match="UVs"):
        split_at_seams(MIXED[:, :3], np.zeros((2, 3, 2), np.float32))
