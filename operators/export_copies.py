# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of a head in a scene of their own, made ready for an exporter, and gone afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import bmesh
import bpy
import numpy as np

from .arkit import ARKIT_NAMES
from .built_head import key_delta, neutral, parts_of
from .export_material import plain_material

# Which keys an export has: what is asked for -> whether a key of this name is among them.
KEYS: dict[str, Callable[[str], bool]] = {
    "ARKIT": lambda name: name in ARKIT_NAMES,
    "ALL": lambda _name: True,
    "NONE": lambda _name: False,
}


@contextlib.contextmanager
def export_scene(
    head: bpy.types.Object, keys: str, scale: float = 1.0, joined: bool = False
) -> Iterator[list[bpy.types.Object]]:
    """A scene with copies of ``head`` and its pieces, which is the context's scene in the block; then all of it is removed.

    The neutral face is each copy's Basis, all values are 0, modifiers and drivers are left behind, and lengths are
    multiplied by ``scale``. Names have no spaces. ``keys`` is one of `KEYS`; ``joined`` makes one object of all, without
    keys.
    """
    windows = bpy.context.window_manager.windows
    shown = [(window, window.scene, window.view_layer) for window in windows]
    before = {block.session_uid for kind in _kinds() for block in kind}
    scene = bpy.data.scenes.new("NextGenFace Export")
    try:
        copies = [_copy(part, head, keys, scale) for part in parts_of(head)]
        _make_plain(copies)
        copies = [join(copies)] if joined else copies
        for copy in copies:
            scene.collection.objects.link(copy)
        layer = scene.view_layers[0]
        layer.update()
        for copy in copies:
            copy.select_set(True, view_layer=layer)
        layer.objects.active = copies[0]
        with _as_context(scene, copies):
            yield copies
    finally:
        # The glTF exporter switches the window to the scene that it writes.
        for window, its_scene, its_layer in shown:
            if window.scene != its_scene:
                window.scene, window.view_layer = its_scene, its_layer
        _remove_others(before)


def _as_context(scene: bpy.types.Scene, copies: list[bpy.types.Object]) -> contextlib.AbstractContextManager[None]:
    """Operators see ``scene`` with all of it selected; the person's own scene and mode are not touched."""
    return bpy.context.temp_override(
        scene=scene,
        view_layer=scene.view_layers[0],
        collection=scene.collection,
        active_object=copies[0],
        object=copies[0],
        edit_object=None,
        mode="OBJECT",
        selected_objects=copies,
        selected_editable_objects=copies,
    )


def join(copies: list[bpy.types.Object]) -> bpy.types.Object:
    """The first of ``copies`` (without keys) with the meshes of all in it, all of the first one's material."""
    first, *others = copies
    whole = bmesh.new()
    try:
        for copy in copies:
            whole.from_mesh(copy.data)
        for face in whole.faces:
            face.material_index = 0
        whole.to_mesh(first.data)
    finally:
        whole.free()
    for other in others:
        bpy.data.objects.remove(other)
    while len(first.data.materials) > 1:
        first.data.materials.pop()
    return first


def _copy(part: bpy.types.Object, head: bpy.types.Object, keys: str, scale: float) -> bpy.types.Object:
    name = part.name.replace(" ", "_")
    mesh = part.data.copy()
    mesh.name = name
    copy = bpy.data.objects.new(name, mesh)
    shape = neutral(part, head) * np.float32(scale)
    copy.shape_key_clear()
    mesh.vertices.foreach_set("co", shape.ravel())
    blocks = part.data.shape_keys.key_blocks[1:] if part.data.shape_keys else []
    wanted = [key for key in blocks if KEYS[keys](key.name)]
    if wanted:
        copy.shape_key_add(name="Basis", from_mix=False)
    for key in wanted:
        _add_key(copy, key, shape + key_delta(key) * np.float32(scale))
    mesh.update()
    return copy


def _make_plain(copies: list[bpy.types.Object]) -> None:
    """Give the copies plain materials, one for each that they share."""
    made: dict[str, bpy.types.Material] = {}
    for copy in copies:
        for slot, material in enumerate(copy.data.materials):
            if material is not None and material.name not in made:
                made[material.name] = plain_material(material)
            copy.data.materials[slot] = made[material.name] if material is not None else None


def _add_key(copy: bpy.types.Object, key: bpy.types.ShapeKey, shape: np.ndarray) -> None:
    made = copy.shape_key_add(name=key.name, from_mix=False)
    made.data.foreach_set("co", shape.ravel())
    made.slider_min, made.slider_max, made.value = key.slider_min, key.slider_max, 0.0


def _kinds() -> tuple[bpy.types.bpy_prop_collection, ...]:
    """All kinds of data-blocks that an export makes, also by way of Blender's exporters; users before what they use."""
    data = bpy.data
    return (
        data.scenes,
        data.collections,
        data.objects,
        data.meshes,
        data.materials,
        data.images,
        data.node_groups,
        data.shape_keys,
    )


def _remove_others(before: set[int]) -> None:
    """Remove the data-blocks that came since ``before``."""
    *kinds, keys = _kinds()
    for kind in kinds:
        for block in [block for block in kind if block.session_uid not in before]:
            kind.remove(block)
    # Their collection has no method to remove one; by now no mesh uses them.
    bpy.data.batch_remove([block for block in keys if block.session_uid not in before])
