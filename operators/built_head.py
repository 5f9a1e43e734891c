# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds a head that was built, and tells its neutral shape and its keys, however it was tweaked since."""

from __future__ import annotations

import bmesh
import bpy
import numpy as np
from numpy.typing import NDArray

from .arkit import ARKIT_NAMES
from .head_data import METRES_PER_MM
from .session import session

FloatArray = NDArray[np.float32]
# What every built mesh carries: the vertex numbers of the face model's source.
INDEX = "original_index"


def is_part(instance: bpy.types.Object | None) -> bool:
    """Whether it is a mesh that was built of a head, or a piece of one."""
    return instance is not None and instance.type == "MESH" and INDEX in instance.data.attributes


def find_head(context: bpy.types.Context) -> bpy.types.Object | None:
    """The head that a person means: active, selected, in the active object's collection, or else the latest or the only one."""
    active = context.view_layer.objects.active
    for item in (active, *context.view_layer.objects.selected):
        if is_part(item):
            return _root(item)
    collections = [*active.users_collection] if active is not None else []
    latest = bpy.data.collections.get(session.status.collection)
    collections += [latest] if latest is not None else []
    for collection in collections:
        heads = _heads(collection.all_objects)
        if len(heads) == 1:
            return heads[0]
    heads = _heads(context.scene.objects)
    return heads[0] if len(heads) == 1 else None


def _root(instance: bpy.types.Object) -> bpy.types.Object:
    while is_part(instance.parent):
        instance = instance.parent
    return instance


def _heads(objects: bpy.types.bpy_prop_collection) -> list[bpy.types.Object]:
    return [item for item in objects if is_part(item) and not is_part(item.parent)]


def parts_of(head: bpy.types.Object) -> list[bpy.types.Object]:
    """The head and the pieces that hang on it (eyes), with what is being edited taken in."""
    parts = [head, *(child for child in head.children_recursive if is_part(child))]
    for part in parts:
        part.update_from_editmode()
    return parts


def vertex_numbers(part: bpy.types.Object) -> NDArray[np.int32]:
    """(V,) of the face model's source."""
    mesh = part.data
    if mesh.is_editmode:
        # Then the mesh has no data of attributes.
        edited = bmesh.from_edit_mesh(mesh)
        layer = edited.verts.layers.int[INDEX]
        return np.array([vertex[layer] for vertex in edited.verts], np.int32)
    numbers = np.empty(len(mesh.vertices), np.int32)
    mesh.attributes[INDEX].data.foreach_get("value", numbers)
    return numbers


def source_vertices(head: bpy.types.Object) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """(V, 3) mm and axes of the face model, the neutral head with its pieces; (V,) their numbers in the model's source."""
    parts = parts_of(head)
    points = np.concatenate([neutral(part, head) for part in parts]).astype(np.float64)
    return from_blender_axes(points) / METRES_PER_MM, np.concatenate([vertex_numbers(part) for part in parts])


def from_blender_axes(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 3) of z up, face along -y, with y up and the face along +z; the lengths stay."""
    x, y, z = np.moveaxis(np.asarray(points, np.float64), -1, 0)
    return np.stack([x, z, -y], -1)


def is_expression(name: str) -> bool:
    """Whether a key of this name moves the face, rather than being whose face it is."""
    return name in ARKIT_NAMES or name.lower().startswith("expression")


def neutral(part: bpy.types.Object, head: bpy.types.Object) -> FloatArray:
    """(V, 3) metres: without expressions, and with the sliders of the identity as they stand on ``head``."""
    keys = part.data.shape_keys
    if keys is None:
        return coordinates(part.data.vertices)
    result = coordinates(keys.key_blocks[0].data)
    for key in keys.key_blocks[1:]:
        value = 0.0 if is_expression(key.name) else _value(key, head)
        if value:
            result += np.float32(value) * key_delta(key)
    return result


def key_delta(key: bpy.types.ShapeKey) -> FloatArray:
    """(V, 3) metres that a key moves the vertices by at value 1."""
    return coordinates(key.data) - coordinates(key.relative_key.data)


def _value(key: bpy.types.ShapeKey, head: bpy.types.Object) -> float:
    """The head's key of the same name decides: keys of its pieces follow it by drivers, which may not have run yet."""
    own = head.data.shape_keys.key_blocks if head.data.shape_keys else {}
    decides = own.get(key.name, key)
    return 0.0 if decides.mute else decides.value


def coordinates(points: bpy.types.bpy_prop_collection) -> FloatArray:
    """(N, 3) of a mesh's vertices or a key's points, in Blender's lengths."""
    values = np.empty(len(points) * 3, np.float32)
    points.foreach_get("co", values)
    return values.reshape(-1, 3)
