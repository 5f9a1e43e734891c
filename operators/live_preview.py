# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of the running fit: an icon for the panel, and an image for an Image Editor for who asks for it."""

from __future__ import annotations

import shutil
from typing import ClassVar

import bpy
import bpy.utils.previews

from ..engine.errors import EngineError
from .picture_files import FloatImage, image_editors, read_picture, refresh, scratch_file, show_picture
from .session import session

IMAGE_NAME = "NextGenFace Preview"
# Pixels; the engine's pictures are smaller. So that no picture can hold up Blender.
LONGEST = 512
_KEY = "fit"


class LivePreview:
    """The latest picture of the fit. Nothing of it belongs to the file."""

    def __init__(self) -> None:
        self._icons = bpy.utils.previews.new()
        self._path = ""
        self._picture: FloatImage | None = None

    @property
    def icon(self) -> int:
        """For `template_icon`; 0 before the first picture."""
        return self._icons[_KEY].icon_id if self._picture is not None else 0

    @property
    def picture(self) -> FloatImage | None:
        """(H, W, 4) sRGB values, rows from the bottom."""
        return self._picture

    def follow(self, context: bpy.types.Context, path: str) -> None:
        """Take in the picture at ``path`` if it is a new one. Its file is gone soon, so its pixels are copied."""
        if not path or path == self._path:
            return
        self._path = path
        try:
            shutil.copyfile(path, scratch_file(IMAGE_NAME))
            self._picture = read_picture(scratch_file(IMAGE_NAME), LONGEST)
        except (OSError, EngineError):
            # Replaced by a newer one before it was read: that one is on its way.
            return
        self._set_icon(self._picture)
        if refresh(IMAGE_NAME, make=False) is not None:
            for area in image_editors(context):
                area.tag_redraw()

    def _set_icon(self, picture: FloatImage) -> None:
        icon = self._icons[_KEY] if _KEY in self._icons else self._icons.new(_KEY)
        icon.image_size = picture.shape[1::-1]
        icon.image_pixels_float.foreach_set(picture.ravel())

    def forget(self) -> None:
        """Let go of the picture: the job has ended. An Image Editor goes on showing the last one."""
        self._path, self._picture = "", None

    def close(self) -> None:
        """Free the icon."""
        bpy.utils.previews.remove(self._icons)


_live: LivePreview | None = None


def live_preview() -> LivePreview:
    """The add-on's preview, while it is registered."""
    assert _live is not None
    return _live


class NEXTGENFACE_OT_show_preview(bpy.types.Operator):
    """Watch the fit in an Image Editor: an open one, or a new window"""

    bl_idname = "nextgenface.show_preview"
    bl_label = "Show in Image Editor"
    # Not a step to undo: the image is no part of the work.
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """While a job runs, from its first picture on."""
        if session.is_active and live_preview().picture is not None:
            return True
        cls.poll_message_set("The first picture comes with the fit of light and skin")
        return False

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make the image; the pump keeps it up to date."""
        show_picture(context, refresh(IMAGE_NAME))
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_show_preview,)


def register() -> None:
    """Begin without a picture."""
    global _live
    _live = LivePreview()


def unregister() -> None:
    """Free what is held."""
    global _live
    if _live is not None:
        _live.close()
    _live = None
