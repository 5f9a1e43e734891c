# SPDX-License-Identifier: GPL-3.0-or-later
"""The menu of presets, with the buttons that save and delete own ones."""

from __future__ import annotations

import bpy

from ..properties.engine_settings import FROM_FILE
from ..properties.presets import enum_items, own_preset, own_presets, preset_label


class NEXTGENFACE_MT_presets(bpy.types.Menu):
    """Presets that come along, your own, and any file"""

    bl_idname = "NEXTGENFACE_MT_presets"
    bl_label = "Presets"

    def draw(self, _context: bpy.types.Context) -> None:
        """An entry for each."""
        *given, file = enum_items()
        for name, label, tooltip in given:
            self._entry(name, label, tooltip)
        own = own_presets()
        if own:
            self.layout.separator()
        for name, path in own.items():
            self._entry(name, name, f"Your own preset, {path}", own=True)
        self.layout.separator()
        self._entry(*file)

    def _entry(self, name: str, label: str, tooltip: str, own: bool = False) -> None:
        entry = self.layout.operator("nextgenface.use_preset", text=label)
        entry.name, entry.own, entry.tooltip = name, own, tooltip


def draw_preset(layout: bpy.types.UILayout, chosen: bpy.types.PropertyGroup) -> None:
    """Which preset holds, and a file's path where it is a file that holds."""
    row = layout.row(align=True)
    row.label(text="Quality")
    row.menu(NEXTGENFACE_MT_presets.bl_idname, text=preset_label(chosen))
    row.operator("nextgenface.save_preset", text="", icon="ADD")
    row.operator("nextgenface.delete_preset", text="", icon="REMOVE")
    if chosen.preset == FROM_FILE and not own_preset(chosen):
        layout.prop(chosen, "config_file", text="", placeholder="Choose an .ini file")


CLASSES = (NEXTGENFACE_MT_presets,)
