# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens the folders that the preferences name; those that are not there yet are made."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy


def open_in_system(path: str) -> None:
    """Show ``path`` in the program that the system has for it."""
    bpy.ops.wm.path_open(filepath=path)


class NEXTGENFACE_OT_open_folder(bpy.types.Operator):
    """Open the folder, and make it if it is not there yet"""

    bl_idname = "nextgenface.open_folder"
    bl_label = "Open Folder"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    path: bpy.props.StringProperty(
        name="Folder", description="The folder to open", subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"}
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """The button's tooltip."""
        return f"Open {properties.path}, and make it if it is not there yet"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Make it, and hand it to the system's file browser."""
        try:
            Path(self.path).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.report({"ERROR"}, f"The folder '{self.path}' cannot be made: {error.strerror}.")
            return {"CANCELLED"}
        open_in_system(self.path)
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_open_folder,)
