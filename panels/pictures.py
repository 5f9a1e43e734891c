# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as icons that a layout can draw: photos' thumbnails."""

from __future__ import annotations

from pathlib import Path

import bpy
import bpy.utils.previews
import numpy as np

from ..operators.landmark_maths import small_square, upright

# Pixels of the longer side.
_THUMBNAIL = 256
# Side of the icon in a row.
_ICON = 32


class Pictures:
    """Icons by path."""

    def __init__(self) -> None:
        self._icons = bpy.utils.previews.new()

    def thumbnail(self, path: str, orientation: int = 1) -> int:
        """The icon of a picture file; 0 where there is none. Blender makes the thumbnail in the background.

        Blender takes no notice of an EXIF ``orientation`` (1 to 8), so a turned photo's is made here.
        """
        if not path or not Path(path).is_file():
            return 0
        # A photo that was edited under the same name gets a new thumbnail.
        key = f"{path}|{Path(path).stat().st_mtime_ns}|{orientation}"
        if key not in self._icons and orientation != 1:
            self._load_turned(key, path, orientation)
        elif key not in self._icons:
            self._icons.load(key, path, "IMAGE")
        return self._icons[key].icon_id

    def _load_turned(self, key: str, path: str, orientation: int) -> None:
        icon = self._icons.new(key)
        image = bpy.data.images.load(path, check_existing=False)
        try:
            share = _THUMBNAIL / max(*image.size, 1)
            image.scale(max(1, round(image.size[0] * share)), max(1, round(image.size[1] * share)))
            pixels = np.empty(len(image.pixels), np.float32)
            image.pixels.foreach_get(pixels)
            rows = upright(pixels.reshape(image.size[1], image.size[0], -1), orientation)
            icon.image_size = rows.shape[1], rows.shape[0]
            icon.image_pixels_float = rows.ravel()
            icon.icon_size = _ICON, _ICON
            icon.icon_pixels_float = small_square(rows, _ICON).ravel()
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
