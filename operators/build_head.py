# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the meshes of the head and of what belongs to it."""

from __future__ import annotations

import bpy
import numpy as np

from ..properties.results import set_role
from .head_data import HeadData

FACE_UV = "Face"


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
    """Round the silhouette in renders only: the view stays as quick as it was."""
    modifier = instance.modifiers.new("Subdivision", "SUBSURF")
    modifier.levels, modifier.render_levels = 1, 2
    modifier.show_viewport, modifier.show_render = False, True
    # The maps' layout is smoothed like the surface, so that texels stay where they were fitted; its seams stay.
    modifier.uv_smooth = "PRESERVE_BOUNDARIES"
