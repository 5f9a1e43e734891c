# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person does when a job has ended: look at files, hide what is in the way, clear the message."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from .pump import redraw_panels
from .session import session


class NEXTGENFACE_OT_open_file(bpy.types.Operator):
    """Open it with the program that the system uses for it"""

    bl_idname = "nextgenface.open_file"
    bl_label = "Open"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    path: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})
    what: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """The button's tooltip."""
        return f"Open {properties.what or properties.path}"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Hand the path to the system."""
        if not Path(self.path).exists():
            self.report({"ERROR"}, f"'{self.path}' is not there any more.")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=self.path)
        return {"FINISHED"}


class NEXTGENFACE_OT_isolate(bpy.types.Operator):
    """Hide the objects around the head and the lamps that add to the photo's light. They stay in the file"""

    bl_idname = "nextgenface.isolate"
    bl_label = "Hide Them"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """After a job that found such objects."""
        return bool(session.status.in_the_way)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Hide them in views and renders."""
        for name in session.status.in_the_way:
            other = context.scene.objects.get(name)
            if other is not None:
                other.hide_viewport = other.hide_render = True
        session.status.in_the_way.clear()
        redraw_panels(context)
        return {"FINISHED"}


class NEXTGENFACE_OT_dismiss(bpy.types.Operator):
    """Clear this message"""

    bl_idname = "nextgenface.dismiss"
    bl_label = "Dismiss"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Forget the ended job."""
        session.forget()
        redraw_panels(context)
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_open_file, NEXTGENFACE_OT_isolate, NEXTGENFACE_OT_dismiss)
