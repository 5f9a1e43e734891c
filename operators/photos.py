# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts photos on the list, takes them off and changes their order."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from ..properties.photos import add_photo, adopt, chosen_photos

# What the engine reads, of what is dropped on a view.
PHOTO_EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")


# So many refusals are told in full.
_TOLD = 3


def refusal(path: Path) -> str:
    """Why the file cannot be a photo, with what to do about it; empty where nothing speaks against it."""
    if path.is_dir():
        return f"'{path.name}' is a folder. Open it, and choose the photos in it"
    if not path.is_file():
        return f"There is no file '{path.name}'. Choose another one"
    if path.suffix.lower() not in PHOTO_EXTENSIONS:
        return f"'{path.name}' is no photo that can be read. Save it as a PNG or JPEG file"
    return ""


class _AddPhotos:
    """For operators that are given files."""

    bl_options: ClassVar[set[str]] = {"UNDO"}

    files: bpy.props.CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    directory: bpy.props.StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add what was chosen and is not there yet; say what of it is no photo."""
        chosen = context.scene.nextgenface
        adopt(chosen)
        paths = [Path(self.directory) / file.name for file in self.files if file.name]
        refusals = {path: refusal(path) for path in paths}
        photos = [path for path in paths if not refusals[path]]
        added = [path for path in photos if add_photo(chosen, str(path))]
        self._tell([text for text in refusals.values() if text], len(photos) - len(added), len(photos))
        return {"FINISHED"} if added else {"CANCELLED"}

    def _tell(self, refusals: list[str], known: int, count: int) -> None:
        for text in refusals[:_TOLD]:
            self.report({"WARNING"}, text)
        if len(refusals) > _TOLD:
            self.report({"WARNING"}, f"{len(refusals)} of the files are no photos that can be read")
        if known:
            self.report({"INFO"}, f"{known} of {count} are in the list already")
        elif not count and not refusals:
            self.report({"WARNING"}, "No file was chosen. Mark one or more photos")


class NEXTGENFACE_OT_add_photos(_AddPhotos, bpy.types.Operator):
    """Add photos, of the same person or of others; several can be chosen at once"""

    bl_idname = "nextgenface.add_photos"
    bl_label = "Add Photos"

    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Let the person choose files."""
        photos = chosen_photos(context.scene.nextgenface)
        if photos:
            self.directory = f"{photos[-1].parent}/"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class NEXTGENFACE_OT_drop_photos(_AddPhotos, bpy.types.Operator):
    """Add the dropped images to the photos in the sidebar's tab Face"""

    # Blender's menu of what to do with dropped files shows this label.
    bl_idname = "nextgenface.drop_photos"
    bl_label = "Add to Face Photos"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}


class NEXTGENFACE_FH_photos(bpy.types.FileHandler):
    """Image files that are dropped on a 3D view."""

    bl_idname = "NEXTGENFACE_FH_photos"
    bl_label = "Photos of a Face"
    bl_import_operator = "nextgenface.drop_photos"
    bl_file_extensions = ";".join(PHOTO_EXTENSIONS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """In 3D views."""
        return context.area is not None and context.area.type == "VIEW_3D"


class _ListOperator:
    """For operators that change the list."""

    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where there is a photo."""
        return bool(chosen_photos(context.scene.nextgenface))


class NEXTGENFACE_OT_remove_photo(_ListOperator, bpy.types.Operator):
    """Take this photo off the list. The file stays"""

    bl_idname = "nextgenface.remove_photo"
    bl_label = "Remove Photo"

    index: bpy.props.IntProperty(
        name="Photo", description="Its place in the list; -1: the active one", options={"SKIP_SAVE"}, min=-1, default=-1
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Take it off."""
        chosen = context.scene.nextgenface
        adopt(chosen)
        index = chosen.active_photo if self.index < 0 else self.index
        if index >= len(chosen.photos):
            return {"CANCELLED"}
        chosen.photos.remove(index)
        if chosen.active_photo > index or chosen.active_photo == len(chosen.photos):
            chosen.active_photo = max(0, chosen.active_photo - 1)
        return {"FINISHED"}


class NEXTGENFACE_OT_move_photo(_ListOperator, bpy.types.Operator):
    """Move the active photo in the list. The first one gives the head its name"""

    bl_idname = "nextgenface.move_photo"
    bl_label = "Move Photo"

    direction: bpy.props.EnumProperty(
        name="Direction",
        description="Where to",
        items=[("UP", "Up", "Towards the first photo"), ("DOWN", "Down", "Towards the last photo")],
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Swap it with its neighbour."""
        chosen = context.scene.nextgenface
        adopt(chosen)
        target = chosen.active_photo + (-1 if self.direction == "UP" else 1)
        if not (0 <= target < len(chosen.photos) and chosen.active_photo < len(chosen.photos)):
            return {"CANCELLED"}
        chosen.photos.move(chosen.active_photo, target)
        chosen.active_photo = target
        return {"FINISHED"}


class NEXTGENFACE_OT_clear_photos(_ListOperator, bpy.types.Operator):
    """Take all photos off the list, with their points. The files stay"""

    bl_idname = "nextgenface.clear_photos"
    bl_label = "Clear Photos"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Empty the list."""
        chosen = context.scene.nextgenface
        adopt(chosen)
        chosen.photos.clear()
        chosen.active_photo = 0
        return {"FINISHED"}


CLASSES = (
    NEXTGENFACE_OT_add_photos,
    NEXTGENFACE_OT_drop_photos,
    NEXTGENFACE_FH_photos,
    NEXTGENFACE_OT_remove_photo,
    NEXTGENFACE_OT_move_photo,
    NEXTGENFACE_OT_clear_photos,
)
