"""Subdivision in renders: the rounded head is as large as the one that was fitted."""

from __future__ import annotations

import bpy
import numpy as np
from nextgenface.operators.build_head import FULLNESS, SUBDIVISION, add_subdivision, build_mesh_object
from nextgenface.operators.build_scene import BuildOptions, build_result
from nextgenface.operators.head_data import HeadData
from small_result import make_result


def _dome(rows=48, columns=56):
    """A bulge of quads with an open border and one corner cut off by a triangle, 20 cm wide."""
    v, u = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    points = np.stack([0.1 * u, 0.08 * np.cos(1.3 * u) * np.cos(1.2 * v), 0.1 * v], -1).reshape(-1, 3)
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    quads = np.stack([first, first + 1, first + columns + 1, first + columns], 1)
    polygons = [quads[0, :3], *quads[1:]]
    starts = np.cumsum([0, *(len(polygon) for polygon in polygons[:-1])])
    corners = np.concatenate(polygons).astype(np.int32)
    uvs = {"Face": points[corners][:, [0, 2]].astype(np.float32) * 4 + 0.5}
    index = np.arange(len(points), dtype=np.int32)
    return HeadData(points.astype(np.float32), corners, starts.astype(np.int32), uvs, {}, {}, index)


def _rounded(data, scene, is_full):
    """(V, 3) where the modifiers take the vertices in a render."""
    instance = build_mesh_object("Dome", data, scene.collection, bpy.data.materials.new("Skin"))
    add_subdivision(instance)
    rounding, fullness = instance.modifiers[SUBDIVISION], instance.modifiers[FULLNESS]
    assert not rounding.show_viewport and not fullness.show_viewport
    rounding.show_viewport, rounding.levels = True, rounding.render_levels
    fullness.show_viewport = is_full
    bpy.context.view_layer.update()
    mesh = instance.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    found = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", found)
    return found.reshape(-1, 3)[: len(data.vertices)]


def test_a_rounded_head_is_where_it_was_fitted(scene):
    data = _dome()
    thin, full = (np.linalg.norm(_rounded(data, scene, on) - data.vertices, axis=1) for on in (False, True))
    assert np.median(thin) > 2e-5
    assert np.median(full) < 0.3 * np.median(thin)
    # Open borders do not fray: the corners of the neck and the like go no farther than they went.
    assert full.max() < 1.05 * thin.max()


def test_what_stands_out_stays_as_it_is(scene):
    """First order is not enough at lids and nostrils: there a vertex would be thrown out."""
    data = _dome()
    spike = len(data.vertices) // 2 + 3
    data.vertices[spike, 1] += 0.01
    instance = build_mesh_object("Dome", data, scene.collection, bpy.data.materials.new("Skin"))
    add_subdivision(instance)
    weights = [sum(group.weight for group in vertex.groups) for vertex in instance.data.vertices]
    assert weights[spike] == 0.0
    assert np.median(weights) > 0.5


def test_without_subdivision_there_is_neither(scene, tmp_path):
    built = build_result(scene, make_result(tmp_path / "result"), BuildOptions(subdivision=False))
    assert not bpy.data.objects[built.head].modifiers
