# SPDX-License-Identifier: GPL-3.0-or-later
"""Every setting of the engine in the sidebar, in the groups of the shell's help."""

from __future__ import annotations

from typing import Any, ClassVar

import bpy

from ..engine.errors import SettingsError
from ..engine.setting_groups import heading_of, setting_groups, short_label_of
from ..operators.session import session
from ..properties.engine_settings import loaded, overrides
from .text import draw_wrapped

# Shown by the panel above, with an item for the preset's own.
_ELSEWHERE = ("face_model", "texture_size")


class NEXTGENFACE_PT_advanced(bpy.types.Panel):
    """All settings, closed at first."""

    bl_label = "All Settings"
    bl_idname = "NEXTGENFACE_PT_advanced"
    bl_parent_id = "NEXTGENFACE_PT_settings"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Face"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """What differs from the preset, and what is wrong with the file."""
        layout, chosen = self.layout, context.scene.nextgenface
        try:
            loaded(chosen)
        except SettingsError as error:
            draw_wrapped(layout, context, f"{error.message} {error.remedy}", "ERROR")
        count = len(overrides(chosen))
        layout.label(
            text=f"{count} changed" if count else "As in the preset" if chosen.preset != "FILE" else "As in the file"
        )
        layout.operator("nextgenface.reset_settings", icon="LOOP_BACK")


def _panel(title: str, names: tuple[str, ...]) -> type:
    """A closed panel with the settings ``names``."""

    def draw(self: Any, context: bpy.types.Context) -> None:
        layout, chosen = self.layout, context.scene.nextgenface
        layout.use_property_split, layout.use_property_decorate = True, False
        # Like the panel above: what runs has its settings already.
        layout.enabled = not session.is_active
        changed = overrides(chosen)
        for name in names:
            if heading_of(name):
                layout.label(text=heading_of(name))
            row = layout.row(align=True)
            row.prop(chosen.advanced, name, text=short_label_of(name))
            # A mark beside what a person changed.
            row.label(text="", icon="DOT" if name in changed else "BLANK1")

    identifier = f"NEXTGENFACE_PT_settings_{title.lower().replace(' ', '_')}"
    values = {
        "__doc__": f"Settings: {title}.",
        "bl_label": title,
        "bl_idname": identifier,
        "bl_parent_id": NEXTGENFACE_PT_advanced.bl_idname,
        "bl_space_type": "VIEW_3D",
        "bl_region_type": "UI",
        "bl_category": "Face",
        "bl_options": {"DEFAULT_CLOSED"},
        "draw": draw,
        "names": names,
    }
    return type(identifier, (bpy.types.Panel,), values)


CLASSES = (
    NEXTGENFACE_PT_advanced,
    *(
        _panel(title, tuple(item.name for item in items if item.name not in _ELSEWHERE))
        for title, items in setting_groups().items()
    ),
)
