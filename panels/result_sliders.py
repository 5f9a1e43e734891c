# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel "Expression and Shape": the head's shape keys as sliders, by the part of the face that they move."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from ..operators.arkit import ARKIT_NAMES
from ..operators.build_shape_keys import SLIDER_PREFIX
from ..operators.people import chosen_person
from ..operators.result_sliders import head_keys
from .result_place import ClosedResultPanel

# What ARKit's names begin with -> the part of the face.
_EXPRESSIONS = {
    "brow": "Brows",
    "eye": "Eyes",
    "nose": "Nose",
    "cheek": "Cheeks",
    "jaw": "Jaw",
    "mouth": "Mouth",
    "tongue": "Tongue",
}
# First words of the sliders' names -> the part of the face.
_SHAPES = {
    "Face": "Face and Head",
    "Head": "Face and Head",
    "Weight": "Face and Head",
    "Age": "Face and Head",
    "Gender": "Face and Head",
    "Forehead": "Forehead and Brows",
    "Brow": "Forehead and Brows",
    "Eye": "Eyes",
    "Nose": "Nose",
    "Nostril": "Nose",
    "Cheekbones": "Cheeks",
    "Cheek": "Cheeks",
    "Mouth": "Mouth and Lips",
    "Lip": "Mouth and Lips",
    "Jaw": "Jaw and Chin",
    "Chin": "Jaw and Chin",
    "Ear": "Ears and Neck",
    "Neck": "Ears and Neck",
}
_OTHERS = "Others"
Keys = list[bpy.types.ShapeKey]


def expression_groups(keys: Iterable[bpy.types.ShapeKey]) -> dict[str, Keys]:
    """The ARKit expressions among ``keys``, by the part of the face that they move."""
    found = [key for key in keys if key.name in ARKIT_NAMES]
    return _grouped(found, {key.name: _of_start(key.name) for key in found}, _EXPRESSIONS.values())


def shape_groups(keys: Iterable[bpy.types.ShapeKey]) -> dict[str, Keys]:
    """The sliders of the face's shape among ``keys``, by the part of the face."""
    found = [key for key in keys if key.name.startswith(SLIDER_PREFIX)]
    parts = {key.name: _SHAPES.get(slider_label(key).split()[0], _OTHERS) for key in found}
    return _grouped(found, parts, dict.fromkeys(_SHAPES.values()))


def slider_label(key: bpy.types.ShapeKey) -> str:
    """The slider's name without what all of them begin with."""
    return key.name.removeprefix(SLIDER_PREFIX)


def _of_start(name: str) -> str:
    return next((part for start, part in _EXPRESSIONS.items() if name.startswith(start)), _OTHERS)


def _grouped(keys: Keys, parts: dict[str, str], order: Iterable[str]) -> dict[str, Keys]:
    groups = {part: [key for key in keys if parts[key.name] == part] for part in (*order, _OTHERS)}
    return {part: found for part, found in groups.items() if found}


class NEXTGENFACE_PT_sliders(ClosedResultPanel, bpy.types.Panel):
    """Expressions, and whose face it is."""

    bl_label = "Expression and Shape"

    def draw(self, context: bpy.types.Context) -> None:
        """The buttons, then a closed group of sliders for each part of the face."""
        layout, person = self.layout, chosen_person(context)
        keys = head_keys(person) if person is not None else []
        if not keys:
            layout.label(text="Shape keys were not built", icon="INFO")
            return
        layout.label(text="Expression")
        row = layout.row(align=True)
        row.operator("nextgenface.neutral_expression").person = person.name
        row.operator("nextgenface.photo_expression").person = person.name
        layout.operator("nextgenface.load_recording", icon="IMPORT").person = person.name
        _draw_groups(layout, "expression", expression_groups(keys))
        shapes = shape_groups(keys)
        if shapes:
            layout.label(text="Shape")
            layout.operator("nextgenface.reset_shape", icon="LOOP_BACK").person = person.name
            _draw_groups(layout, "shape", shapes)


def _draw_groups(layout: bpy.types.UILayout, kind: str, groups: dict[str, Keys]) -> None:
    for part, keys in groups.items():
        header, body = layout.panel(f"nextgenface_{kind}_{part.lower().replace(' ', '_')}", default_closed=True)
        header.label(text=part)
        if body is not None:
            column = body.column(align=True)
            for key in keys:
                column.prop(key, "value", text=slider_label(key), slider=True)


CLASSES = (NEXTGENFACE_PT_sliders,)
