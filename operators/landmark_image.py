# SPDX-License-Identifier: GPL-3.0-or-later
"""The photo as an image that an Image Editor shows upright: Blender takes no notice of EXIF orientation."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ..engine.errors import EngineError
from .landmark_maths import upright

# A turned copy is as large as a screen shows, and no larger.
_LONGER_SIDE = 2048


def shown_image(path: Path, orientation: int) -> bpy.types.Image:
    """The photo's image, or an upright copy where the file is turned. Raises EngineError where it cannot be read."""
    name = f"{path.name} (upright)"
    if orientation != 1 and name in bpy.data.images:
        return bpy.data.images[name]
    try:
        image = bpy.data.images.load(str(path), check_existing=orientation == 1)
    except RuntimeError as error:
        raise EngineError(f"Blender cannot read {path.name}.", "Save it as a PNG or JPEG file.") from error
    if orientation == 1:
        return image
    try:
        return _turned(image, orientation, name)
    finally:
        bpy.data.images.remove(image)


def _turned(image: bpy.types.Image, orientation: int, name: str) -> bpy.types.Image:
    width, height = image.size
    share = min(1.0, _LONGER_SIDE / max(width, height, 1))
    if share < 1.0:
        image.scale(max(1, round(width * share)), max(1, round(height * share)))
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    rows = upright(pixels.reshape(image.size[1], image.size[0], -1), orientation)
    copy = bpy.data.images.new(name, rows.shape[1], rows.shape[0], alpha=True)
    whole = np.ones((*rows.shape[:2], 4), np.float32)
    whole[..., : rows.shape[2]] = rows
    copy.pixels.foreach_set(whole.ravel())
    copy.update()
    return copy
