# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives a human of MPFB the head that was reconstructed."""

from __future__ import annotations

from typing import ClassVar

import bpy
import numpy as np
from numpy.typing import NDArray

from ..engine.errors import EngineError, OutputError
from ..engine.makehuman import base_mesh, make_target
from .built_head import coordinates, find_head, from_blender_axes, is_part, key_delta, source_vertices
from .export_options import NO_HEAD

NO_HUMAN = "Select a human of MPFB (its mesh). MPFB, MakeHuman in Blender, can be had in Preferences > Get Extensions"
# hm08 with its helpers, and without.
VERTEX_COUNTS = (19158, 13380)
# The worst distance between hm08 and a human's Basis, in parts of a decimetre at the human's scale.
_TOLERANCE = 0.05


def is_human(instance: bpy.types.Object | None) -> bool:
    """Whether it looks like MPFB's base mesh; `apply_head` looks closer."""
    if instance is None or instance.type != "MESH" or is_part(instance):
        return False
    known = getattr(instance, "MPFB_GEN_object_type", "") == "Basemesh"
    return known or len(instance.data.vertices) in VERTEX_COUNTS


def find_human(context: bpy.types.Context) -> bpy.types.Object | None:
    """The base mesh that is active or selected, or that belongs together with the active object: MPFB hangs it on its rig, and
    eyes, hair and clothes on either.
    """
    active = context.view_layer.objects.active
    candidates = [active, *context.view_layer.objects.selected]
    if active is not None:
        parent = active.parent
        candidates += [*active.children, parent, *(parent.children if parent is not None else ())]
    return next((item for item in candidates if is_human(item)), None)


def apply_head(head: bpy.types.Object, human: bpy.types.Object) -> bpy.types.ShapeKey:
    """Add a shape key to ``human`` that makes its head the neutral ``head``, whatever its other keys do to it now.

    A key of an earlier time by the same name is replaced. Raises OutputError where the two do not fit together.
    """
    name = head.name
    if human.data.shape_keys is None:
        human.shape_key_add(name="Basis", from_mix=False)
    keys = human.data.shape_keys.key_blocks
    if name in keys:
        human.shape_key_remove(keys[name])
    basis = coordinates(keys[0].data)
    scale = scale_of(basis)
    target = make_target(*source_vertices(head), from_blender_axes(_mix(human)) / scale)
    moved = target.index < len(basis)
    index, (x, y, z) = target.index[moved], target.deltas[moved].T
    basis[index] += np.stack([x, -z, y], -1).astype(np.float32) * np.float32(scale)
    key = human.shape_key_add(name=name, from_mix=False)
    key.data.foreach_set("co", basis.ravel())
    key.value = 1.0
    return key


def scale_of(basis: NDArray[np.floating]) -> float:
    """Blender's lengths per decimetre of hm08 in a human's Basis (M, 3). Raises OutputError where that is no hm08."""
    base = base_mesh()
    if len(basis) > base.index[base.keep < 1.0].max():
        rows = base.index < len(basis)
        here, there = from_blender_axes(basis[base.index[rows]]), base.vertices[rows]
        here, there = here - here.mean(0), there - there.mean(0)
        scale = float(np.sqrt((here**2).sum() / (there**2).sum()))
        if scale > 0.0 and np.abs(here / scale - there).max() < _TOLERANCE:
            return scale
    raise OutputError("The selected mesh is not MakeHuman's base mesh.", "Select a human that MPFB made.")


def _mix(human: bpy.types.Object) -> NDArray[np.float32]:
    """(M, 3) the vertices as the shape keys leave them, before any modifier: rigs bend them, masks hide some."""
    first, *others = human.data.shape_keys.key_blocks
    result = coordinates(first.data)
    for key in others:
        if key.value and not key.mute:
            result += np.float32(key.value) * key_delta(key)
    return result


class NEXTGENFACE_OT_apply_to_human(bpy.types.Operator):
    """Give the selected human of MPFB this head, as a shape key. Set the human's expressions to 0 before"""

    bl_idname = "nextgenface.apply_to_human"
    bl_label = "Apply to MPFB Human"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """With a head and a human, in Object Mode."""
        if context.mode != "OBJECT":
            cls.poll_message_set("Go to Object Mode")
        elif find_human(context) is None:
            cls.poll_message_set(NO_HUMAN)
        elif find_head(context) is None:
            cls.poll_message_set(NO_HEAD)
        else:
            return True
        return False

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add the key, and say what is left to do."""
        head, human = find_head(context), find_human(context)
        try:
            key = apply_head(head, human)
        except EngineError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{human.name} has the shape key '{key.name}'. Press Refit Assets to Basemesh in MPFB")
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_apply_to_human,)
