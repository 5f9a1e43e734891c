# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the meshes of the head and of what belongs to it."""

from __future__ import annotations

import bpy
import numpy as np

from ..properties.results import set_role
from .head_data import HeadData

FACE_UV = "Face"
SUBDIVISION, FULLNESS = "Subdivision", "Fullness"
# Height of a vertex over the mean of its neighbours, as a share of the edges' length, from which fullness fades; and the
# number of weights that it fades by.
ROUGH, WEIGHTS = 0.03, 8


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
    fullness.vertex_group = _smooth_vertices(instance).name
    modifier = instance.modifiers.new(SUBDIVISION, "SUBSURF")
    modifier.levels, modifier.render_levels = 1, 2
    # The maps' layout is smoothed like the surface, so that texels stay where they were fitted; its seams stay.
    modifier.uv_smooth = "PRESERVE_BOUNDARIES"
    for added in (fullness, modifier):
        added.show_viewport, added.show_render = False, True


def _smooth_vertices(instance: bpy.types.Object) -> bpy.types.VertexGroup:
    """The group of all vertices for which that first order is enough: not those of open borders, and the less, the more a
    vertex stands out from its neighbours, as at lids, lips and nostrils.
    """
    mesh = instance.data
    count = len(mesh.vertices)
    points, normals = (_read(mesh.vertices, name, np.float32, 3).reshape(-1, 3) for name in ("co", "normal"))
    ends = _read(mesh.edges, "vertices", np.int32, 2).reshape(-1, 2)
    uses = np.bincount(_read(mesh.loops, "edge_index", np.int32, 1), minlength=len(ends))
    one, other = np.concatenate([ends, ends[:, ::-1]]).T
    away = points[other] - points[one]
    number = np.maximum(np.bincount(one, minlength=count), 1)
    height = np.bincount(one, (away * normals[one]).sum(1), count) / number
    length = np.bincount(one, np.linalg.norm(away, axis=1), count) / number
    weight = np.clip(2.0 - np.abs(height) / np.maximum(ROUGH * length, 1e-12), 0.0, 1.0)
    weight[ends[uses < 2]] = 0.0
    group = instance.vertex_groups.new(name=FULLNESS)
    steps = np.round(WEIGHTS * weight).astype(int)
    for step in range(1, WEIGHTS + 1):
        group.add(np.flatnonzero(steps == step).tolist(), step / WEIGHTS, "REPLACE")
    return group


def _read(items: bpy.types.bpy_prop_collection, name: str, kind: type, width: int) -> np.ndarray:
    values = np.empty(width * len(items), kind)
    items.foreach_get(name, values)
    return values
