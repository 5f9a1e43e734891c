# SPDX-License-Identifier: GPL-3.0-or-later
"""Neutral Expression, Expression of the Photo, Reset Shape: many shape keys at once."""

from __future__ import annotations

from typing import ClassVar

import bpy

from .build_shape_keys import SLIDER_PREFIX, photo_key_name
from .built_head import is_expression
from .people import part_of
from .result_needs import PersonMixin


def head_keys(person: bpy.types.Collection) -> list[bpy.types.ShapeKey]:
    """The keys of the person's head but its Basis; none where they were not built or the head is gone."""
    head = part_of(person, "head")
    keys = head.data.shape_keys if head is not None else None
    return list(keys.key_blocks[1:]) if keys is not None else []


def set_expression(person: bpy.types.Collection, photo: int | None) -> None:
    """Only the expression of ``photo``; None: none at all. Whose face it is stays."""
    names = [photo_key_name(each.name) for each in person.nextgenface.photos]
    wanted = names[photo] if photo is not None and photo < len(names) else ""
    for key in head_keys(person):
        if is_expression(key.name):
            key.value = 1.0 if key.name == wanted else 0.0


def reset_shape(person: bpy.types.Collection) -> None:
    """The face as it was fitted; its expression stays."""
    for key in head_keys(person):
        if key.name.startswith(SLIDER_PREFIX):
            key.value = 0.0


class NEXTGENFACE_OT_neutral_expression(PersonMixin, bpy.types.Operator):
    """Show the face at rest: set all expressions to 0"""

    bl_idname = "nextgenface.neutral_expression"
    bl_label = "Neutral"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    def change(self, _context: bpy.types.Context, person: bpy.types.Collection) -> set[str]:
        """Set the keys."""
        set_expression(person, None)
        return {"FINISHED"}


class NEXTGENFACE_OT_photo_expression(PersonMixin, bpy.types.Operator):
    """Show the expression of the photo that is in use, and set all others to 0"""

    bl_idname = "nextgenface.photo_expression"
    bl_label = "As in Photo"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    def change(self, _context: bpy.types.Context, person: bpy.types.Collection) -> set[str]:
        """Set the keys."""
        set_expression(person, person.nextgenface.photo)
        return {"FINISHED"}


class NEXTGENFACE_OT_reset_shape(PersonMixin, bpy.types.Operator):
    """Set all sliders of the face's shape to 0: the face as it was reconstructed"""

    bl_idname = "nextgenface.reset_shape"
    bl_label = "Reset Shape"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    def change(self, _context: bpy.types.Context, person: bpy.types.Collection) -> set[str]:
        """Set the keys."""
        reset_shape(person)
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_neutral_expression, NEXTGENFACE_OT_photo_expression, NEXTGENFACE_OT_reset_shape)
