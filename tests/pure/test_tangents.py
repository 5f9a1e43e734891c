"""Tangent frames of normal maps, on surfaces whose frames are known."""

from __future__ import annotations

import numpy as np
from nextgenface.engine.scene.tangents import vertex_tangents

SQUARE = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]])
UP = np.tile([0.0, 0.0, 1.0], (4, 1))


def test_a_square_seen_straight_has_its_tangent_along_u():
    found = vertex_tangents(SQUARE, UP, SQUARE[:, :2], TRIANGLES)
    assert np.allclose(found, [1, 0, 0, 1])


def test_turned_and_sheared_uvs_turn_the_tangent():
    """u = x cos + y sin: it grows along (cos, sin) where v stays, which is across v's gradient."""
    angle = 0.7
    u = SQUARE[:, :2] @ [np.cos(angle), np.sin(angle)]
    turned = vertex_tangents(SQUARE, UP, np.stack([u, SQUARE[:, :2] @ [-np.sin(angle), np.cos(angle)]], 1), TRIANGLES)
    assert np.allclose(turned, [np.cos(angle), np.sin(angle), 0, 1], atol=1e-6)
    sheared = vertex_tangents(SQUARE, UP, np.stack([u, SQUARE[:, 1]], 1), TRIANGLES)
    assert np.allclose(sheared, [1, 0, 0, 1], atol=1e-6)


def test_mirrored_uvs_turn_the_bitangent_over():
    """u to the left and v upwards: n x t points down, so the sign is -1."""
    found = vertex_tangents(SQUARE, UP, SQUARE[:, :2] * [-1, 1], TRIANGLES)
    assert np.allclose(found, [-1, 0, 0, -1])
    assert np.allclose(np.cross(UP, found[:, :3]) * found[:, 3:], [0, 1, 0])


def test_tangents_lie_in_the_normals_plane_and_weigh_triangles_by_angle():
    """A roof's ridge: two slopes of unequal triangles meet; its tangent is their mean in the ridge's own plane."""
    place = np.array([[0.0, 0, 0], [0, 1, 0], [1, 0, -1], [-1, 0, -1], [-1, 1, -1]])
    normals = np.tile([0.0, 0.0, 1.0], (5, 1))
    triangles = np.array([[0, 2, 1], [0, 1, 4], [0, 4, 3]])
    found = vertex_tangents(place, normals, place[:, :2], triangles)
    assert np.allclose(np.linalg.norm(found[:, :3], axis=1), 1.0, atol=1e-6)
    assert np.allclose((found[:, :3] * normals).sum(1), 0.0, atol=1e-6)
    assert np.allclose(found[0], [1, 0, 0, 1], atol=1e-6)


def test_triangles_without_area_in_the_layout_do_no_harm():
    uv = np.vstack([SQUARE[:, :2], [[0.0, 1.0]]])
    place = np.vstack([SQUARE, [[0.0, 2.0, 0.0]]])
    found = vertex_tangents(place, np.vstack([UP, UP[:1]]), uv, np.vstack([TRIANGLES, [[3, 2, 4]], [[3, 4, 3]]]))
    assert np.isfinite(found).all()
    assert np.allclose(found[:3], [1, 0, 0, 1])
