# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads pictures' pixels through Blender, without a trace in the file, and shows pixels in an Image Editor."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ..engine.errors import EngineError
from .build_images import DATA, set_colour_space

FloatImage = NDArray[np.float32]
# Seconds after which a new window has been drawn.
_DRAWN = 0.3


def read_picture(path: Path, longest: int = 0) -> FloatImage:
    """(H, W, 4) values as stored, in [0, 1] for PNG, the first row at the bottom; made smaller to ``longest`` pixels if that
    is not 0.

    Raises:
        EngineError: the file is no picture.
    """
    try:
        image = bpy.data.images.load(str(path), check_existing=False)
    except RuntimeError as error:
        raise EngineError(f"The picture {path.name} cannot be read.", "Reconstruct the photo again.") from error
    try:
        set_colour_space(image, DATA)
        image.alpha_mode = "CHANNEL_PACKED"
        return _pixels(image, longest)
    finally:
        bpy.data.images.remove(image)


def _pixels(image: bpy.types.Image, longest: int) -> FloatImage:
    width, height = image.size
    if not width or not height:
        raise EngineError(f"The picture {image.name} is not an image.", "Reconstruct the photo again.")
    if longest and max(width, height) > longest:
        share = longest / max(width, height)
        image.scale(max(1, round(width * share)), max(1, round(height * share)))
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, 4)


def write_picture(path: Path, picture: FloatImage) -> None:
    """Write (H, W, 4) sRGB values as a PNG."""
    height, width = picture.shape[:2]
    image = bpy.data.images.new(path.stem, width, height, alpha=True)
    try:
        image.pixels.foreach_set(np.ascontiguousarray(picture, np.float32).ravel())
        image.filepath_raw, image.file_format = str(path), "PNG"
        image.save()
    finally:
        bpy.data.images.remove(image)


def scratch_file(name: str) -> Path:
    """Where the picture ``name`` lies while Blender runs."""
    return Path(bpy.app.tempdir) / f"{name}.png"


def refresh(name: str, make: bool = True) -> bpy.types.Image | None:
    """The image ``name`` with what its `scratch_file` holds now; if there is none it is made, or not (``make``).

    It is no part of the work: it is no step to undo, it is not saved (see `left_out_of_file`), and being that of a file it never
    counts as an unsaved change. It is not removed either: an Image Editor could take the next image for it, which may lie at the
    same place in memory, and go on showing the old one.
    """
    image = bpy.data.images.get(name)
    if image is not None:
        image.filepath = str(scratch_file(name))
        image.reload()
    elif make:
        image = bpy.data.images.load(str(scratch_file(name)), check_existing=False)
        image.name = name
    return image


def image_editors(context: bpy.types.Context) -> list[bpy.types.Area]:
    """All Image Editors of all windows."""
    areas = [area for window in context.window_manager.windows for area in window.screen.areas]
    return [area for area in areas if area.type == "IMAGE_EDITOR" and area.ui_type == "IMAGE_EDITOR"]


def show_picture(context: bpy.types.Context, image: bpy.types.Image) -> None:
    """Show ``image``, one of `refresh`, in an Image Editor: one that shows it already or is open, else a new window's."""
    editors = image_editors(context)
    if not editors:
        editors = [_new_editor(context)]
        # Its size is known only once it has been drawn.
        bpy.app.timers.register(partial(_fit_view, image.name), first_interval=_DRAWN)
    showing = [area for area in editors if area.spaces.active.image == image]
    area = (showing or editors)[0]
    area.spaces.active.image = image
    area.tag_redraw()


def left_out_of_file() -> list[bpy.types.Image]:
    """The images of `refresh` that are in use only because an Image Editor shows them.

    Blender would save them with the work, without their pictures. Without any user they would not be saved, but Blender shows
    the names of such in red. So they have none just while a file is written.
    """
    shown = [image for image in bpy.data.images if image.use_extra_user and image.users == 1]
    return [image for image in shown if _is_scratch(image)]


def _is_scratch(image: bpy.types.Image) -> bool:
    # The first save of a file makes all paths relative.
    folder = Path(bpy.path.abspath(image.filepath)).parent
    return bool(image.filepath) and folder.resolve() == Path(bpy.app.tempdir).resolve()


def _fit_view(name: str) -> None:
    """Zoom the Image Editors that show the image ``name`` so that it fills them."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "IMAGE_EDITOR" and area.spaces.active.image == bpy.data.images.get(name):
                region = next(region for region in area.regions if region.type == "WINDOW")
                with bpy.context.temp_override(window=window, area=area, region=region):
                    bpy.ops.image.view_all(fit_view=True)


def _new_editor(context: bpy.types.Context) -> bpy.types.Area:
    """An Image Editor in a window of its own; without windows of its own (in the background), in the largest area."""
    manager = context.window_manager
    before = set(manager.windows)
    if not bpy.app.background:
        bpy.ops.wm.window_new()
    window = next((window for window in manager.windows if window not in before), manager.windows[0])
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    area.ui_type = "IMAGE_EDITOR"
    return area
