# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the meshes of the head and of what belongs to it."""

from __future__ import annotations

import bpy
import numpy as np

from ..properties.results import set_role
from .head_data import HeadData

FACE_UV = "Face"
SUBDIVISION, FULLNESS = "Subdivision", "Fullness"


def build_mesh_object(
    name: str, data: HeadData, collection: bpy.types.Collection, material: bpy.types.Material, role: str = ""
) -> bpy.types.Object:
    """A smooth-shaded object of ``data`` in ``collection``, with its UV maps; vertices keep their order.

    ``role`` says what it is of its person.
    """
    mesh = _build_mesh(name, data)
    mesh.materials.append(material)
    instance = bpy.data.objects.new(name, mesh)
    set_role(instance, role)
    collection.objects.link(instance)
    return instance


def _build_mesh(name: str, data: HeadData) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(data.vertices))
    mesh.loops.add(len(data.corners))
    mesh.polygons.add(len(data.starts))
    mesh.vertices.foreach_set("co", data.vertices.ravel())
    mesh.loops.foreach_set("vertex_index", data.corners)
    mesh.polygons.foreach_set("loop_start", data.starts)
    for layer, values in data.uvs.items():
        _add_uv_map(mesh, layer, values)
    mesh.update(calc_edges=True)
    # After the UVs: it removes faulty polygons together with their corners.
    mesh.validate()
    mesh.uv_layers[FACE_UV].active = True
    mesh.uv_layers[FACE_UV].active_render = True
    attribute = mesh.attributes.new("original_index", "INT", "POINT")
    attribute.data.foreach_set("value", data.original_index)
    mesh.shade_smooth()
    return mesh


def _add_uv_map(mesh: bpy.types.Mesh, name: str, values: np.ndarray) -> None:
    mesh.uv_layers.new(name=name, do_init=False)
    mesh.uv_layers[name].uv.foreach_set("vector", np.ascontiguousarray(values, np.float32).ravel())


def parent_to(part: bpy.types.Object, head: bpy.types.Object) -> None:
    """Hang a part, or a camera, on the head so that it goes where the head goes. The head stands at the origin still."""
    part.parent = head


def add_subdivision(instance: bpy.types.Object) -> None:
    """Round the silhouette in renders only: the view stays as quick as it was.

    Catmull and Clark's subdivision draws a vertex by two thirds of the way to the mean of its neighbours, to first order and
    for four of them, so that a head would render smaller than it was fitted. It goes as far away from that mean before.
    """
    fullness = instance.modifiers.new(FULLNESS, "SMOOTH")
    # The modifier takes the middles of the edges for the neighbours.
    fullness.factor, fullness.iterations = -2.0 * 2.0 / 3.0, 1
    fullness.vertex_group = _inner_vertices(instance).name
    modifier = instance.modifiers.new(SUBDIVISION, "SUBSURF")
    modifier.levels, modifier.render_levels = 1, 2
    # The maps' layout is smoothed like the surface, so that texels stay where they were fitted; its seams stay.
    modifier.uv_smooth = "PRESERVE_BOUNDARIES"
    for added in (fullness, modifier):
        added.show_viewport, added.show_render = False, True
    _follow(instance, f'modifiers["{FULLNESS}"].show_render', f'modifiers["{SUBDIVISION}"].show_render')


def _inner_vertices(instance: bpy.types.Object) -> bpy.types.VertexGroup:
    """The group of all vertices but those of open borders, which would fray."""
    mesh = instance.data
    edges = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("edge_index", edges)
    ends = np.empty(2 * len(mesh.edges), np.int32)
    mesh.edges.foreach_get("vertices", ends)
    border = ends.reshape(-1, 2)[np.bincount(edges, minlength=len(mesh.edges)) < 2]
    group = instance.vertex_groups.new(name=FULLNESS)
    group.add(np.setdiff1d(np.arange(len(mesh.vertices)), border).tolist(), 1.0, "REPLACE")
    return group


def _follow(instance: bpy.types.Object, path: str, leader: str) -> None:
    """Let the property at ``path`` of ``instance`` have the value of the one at ``leader``."""
    driver = instance.driver_add(path).driver
    # A sum of one variable needs no Python expression, so it works where scripts in files are switched off.
    driver.type = "SUM"
    target = driver.variables.new().targets[0]
    target.id, target.data_path = instance, leader
