# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the head's and the eyes' meshes."""

from __future__ import annotations

import bpy
import numpy as np

from .head_data import HeadData

FACE_UV = "Face"


def build_mesh_object(
    name: str, data: HeadData, collection: bpy.types.Collection, material: bpy.types.Material
) -> bpy.types.Object:
    """A smooth-shaded object of ``data`` in ``collection``, with its UV maps; vertices keep their order."""
    mesh = _build_mesh(name, data)
    mesh.materials.append(material)
    instance = bpy.data.objects.new(name, mesh)
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


def parent_eyes(eyes: bpy.types.Object, head: bpy.types.Object) -> None:
    """Hang the eyes on the head so that they go where it goes."""
    eyes.parent = head
