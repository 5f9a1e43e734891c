# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the image that is open in an Image Editor as a photo."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import bpy
import numpy as np

from ..engine.errors import EngineError
from ..properties.photos import add_photo, adopt
from ..properties.places import user_folder
from .photos import PHOTO_EXTENSIONS


def open_image(context: bpy.types.Context) -> bpy.types.Image | None:
    """The image of this Image Editor, else of the first one that shows any."""
    areas = [context.area] if context.area is not None else []
    areas += [area for window in context.window_manager.windows for area in window.screen.areas]
    images = [area.spaces.active.image for area in areas if area.type == "IMAGE_EDITOR"]
    return next((image for image in images if image is not None), None)


def photo_of(image: bpy.types.Image) -> tuple[Path, str]:
    """A file with the image's pixels, and why it is not the image's own one; empty where it is.

    Raises:
        EngineError: the image has no pixels, or the copy cannot be written.
    """
    path = Path(bpy.path.abspath(image.filepath, library=image.library))
    reason = _why_copied(image, path)
    return (_saved_copy(image), reason) if reason else (path, "")


def _why_copied(image: bpy.types.Image, path: Path) -> str:
    if image.source != "FILE":
        return "is no file"
    if image.is_dirty:
        return "has unsaved changes"
    if not path.is_file():
        return "is packed" if image.packed_file else "has lost its file"
    return "" if path.suffix.lower() in PHOTO_EXTENSIONS else f"is a {path.suffix} file"


def _saved_copy(image: bpy.types.Image) -> Path:
    """The image as it is now as a new PNG among the user's files."""
    width, height = image.size
    if not width or not height or (not image.has_data and not image.packed_file and image.source != "GENERATED"):
        raise EngineError(f"'{image.name}' has no pixels.", "Save it to a file, and add the file.")
    pixels = np.empty(width * height * image.channels, np.float32)
    if image.channels != 4:
        raise EngineError(f"'{image.name}' has {image.channels} channels.", "Save it to a file, and add the file.")
    image.pixels.foreach_get(pixels)
    target = _free_place(user_folder("photos"), image.name)
    copy = bpy.data.images.new("photo", width, height, alpha=True, float_buffer=image.is_float)
    try:
        copy.pixels.foreach_set(pixels)
        copy.filepath_raw, copy.file_format = str(target), "PNG"
        copy.save()
    except RuntimeError as error:
        raise EngineError(
            f"'{target}' cannot be written.", "Make room on the disk, or save the image yourself."
        ) from error
    finally:
        bpy.data.images.remove(copy)
    return target


def _free_place(folder: Path, name: str) -> Path:
    """A path in ``folder``, made if need be, that does not exist yet."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = Path(re.sub(r"[^\w\-. ]+", "_", name)).stem.strip() or "photo"
    path, number = folder / f"{stem}.png", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}.png", number + 1
    return path


class NEXTGENFACE_OT_add_open_image(bpy.types.Operator):
    """Add the image that is open in an Image Editor to the photos. An image without a saved file is copied to one"""

    bl_idname = "nextgenface.add_open_image"
    bl_label = "Add Open Image"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where an image is open."""
        if open_image(context) is None:
            cls.poll_message_set("No image is open in an Image Editor")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add its file, or a copy."""
        image, chosen = open_image(context), context.scene.nextgenface
        try:
            path, reason = photo_of(image)
        except (EngineError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        adopt(chosen)
        if not add_photo(chosen, str(path)):
            self.report({"INFO"}, f"{path.name} is in the list already")
        elif reason:
            self.report({"INFO"}, f"'{image.name}' {reason}: its pixels were saved as {path}")
        return {"FINISHED"}


def _draw_in_image_menu(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.operator("nextgenface.add_open_image", text="Add to Face Photos", icon="USER")


CLASSES = (NEXTGENFACE_OT_add_open_image,)


def register() -> None:
    """Add the entry to the Image Editor's menu."""
    bpy.types.IMAGE_MT_image.append(_draw_in_image_menu)


def unregister() -> None:
    """Take it out again."""
    bpy.types.IMAGE_MT_image.remove(_draw_in_image_menu)
