# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds photos to the list and takes them off."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from ..properties.settings import chosen_photos


class NEXTGENFACE_OT_add_photos(bpy.types.Operator):
    """Add photos, of the same person or of others; several can be chosen at once"""

    bl_idname = "nextgenface.add_photos"
    bl_label = "Add Photos"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    files: bpy.props.CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    directory: bpy.props.StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Let the person choose files."""
        photos = chosen_photos(context.scene.nextgenface)
        if photos:
            self.directory = f"{photos[-1].parent}/"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add what was chosen and is not there yet."""
        chosen = context.scene.nextgenface
        known = set(chosen_photos(chosen))
        for name in (file.name for file in self.files):
            path = Path(self.directory) / name
            if not name or path in known:
                continue
            known.add(path)
            if chosen.photo:
                chosen.more_photos.add().path = str(path)
            else:
                chosen.photo = str(path)
        return {"FINISHED"}


class NEXTGENFACE_OT_remove_photo(bpy.types.Operator):
    """Take this photo off the list. The file stays"""

    bl_idname = "nextgenface.remove_photo"
    bl_label = "Remove"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    index: bpy.props.IntProperty(options={"HIDDEN", "SKIP_SAVE"}, min=0)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Take off photo ``index`` of `more_photos`."""
        more = context.scene.nextgenface.more_photos
        if self.index >= len(more):
            return {"CANCELLED"}
        more.remove(self.index)
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_add_photos, NEXTGENFACE_OT_remove_photo)
