# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as icons that a layout can draw: the photo's thumbnail and the preview of the running fit."""

from __future__ import annotations

from pathlib import Path

import bpy
import bpy.utils.previews

_PREVIEW = "preview"


class Pictures:
    """Icons by path; one for the live preview, which changes."""

    def __init__(self) -> None:
        self._icons = bpy.utils.previews.new()
        self._shown = ""

    def thumbnail(self, path: str) -> int:
        """The icon of a picture file; 0 where there is none. Blender makes the thumbnail in the background."""
        if not path or not Path(path).is_file():
            return 0
        # A photo that was edited under the same name gets a new thumbnail.
        key = f"{path}|{Path(path).stat().st_mtime_ns}"
        if key not in self._icons:
            self._icons.load(key, path, "IMAGE")
        return self._icons[key].icon_id

    def preview(self, path: str) -> int:
        """The icon of the fit's latest picture; 0 before the first."""
        if path and path != self._shown:
            self._shown = path
            self._load_preview(path)
        return self._icons[_PREVIEW].icon_id if path and _PREVIEW in self._icons else 0

    def _load_preview(self, path: str) -> None:
        """Copy the picture's pixels: its file is gone soon, and Blender would load it later and keep a thumbnail on disk."""
        if not Path(path).is_file():
            return
        image = bpy.data.images.load(path, check_existing=False)
        try:
            icon = self._icons[_PREVIEW] if _PREVIEW in self._icons else self._icons.new(_PREVIEW)
            icon.image_size = image.size[:]
            icon.image_pixels_float = image.pixels[:]
        finally:
            bpy.data.images.remove(image)

    def close(self) -> None:
        """Free all icons."""
        bpy.utils.previews.remove(self._icons)


_pictures: Pictures | None = None


def pictures() -> Pictures:
    """The add-on's pictures, while it is registered."""
    assert _pictures is not None
    return _pictures


def register() -> None:
    """Begin with none."""
    global _pictures
    _pictures = Pictures()


def unregister() -> None:
    """Free them."""
    global _pictures
    if _pictures is not None:
        _pictures.close()
    _pictures = None
