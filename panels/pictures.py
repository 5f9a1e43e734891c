# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as icons that a layout can draw: photos' thumbnails."""

from __future__ import annotations

from pathlib import Path

import bpy
import bpy.utils.previews


class Pictures:
    """Icons by path."""

    def __init__(self) -> None:
        self._icons = bpy.utils.previews.new()

    def thumbnail(self, path: str) -> int:
        """The icon of a picture file; 0 where there is none. Blender makes the thumbnail in the background."""
        if not path or not Path(path).is_file():
            return 0
        # A photo that was edited under the same name gets a new thumbnail.
        key = f"{path}|{Path(path).stat().st_mtime_ns}"
        if key not in self._icons:
            self._icons.load(key, path, "IMAGE")
        return self._icons[key].icon_id

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
