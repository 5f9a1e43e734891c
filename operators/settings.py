# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes back changed settings."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..properties.engine_settings import overrides


class NEXTGENFACE_OT_reset_settings(bpy.types.Operator):
    """Take back all changes to the settings below, so that the preset or the file holds again"""

    bl_idname = "nextgenface.reset_settings"
    bl_label = "Reset Settings"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where something was changed."""
        return bool(overrides(context.scene.nextgenface))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Forget the changes."""
        context.scene.nextgenface.advanced.changed = ""
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_reset_settings,)
