# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads a result's pictures with the right colour space, and packs them or keeps them beside the .blend."""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy

from .head_data import BuildError

SRGB = ("sRGB",)
DATA = ("Non-Color",)
# Scene-linear light. The name without primaries is what configurations before Blender 4 had; studios still bring such.
LINEAR = ("Linear Rec.709", "Linear")


class ImageStore:
    """Where a scene's pictures live: inside the .blend (``pack``), beside it, or where the engine wrote them.

    Beside it needs a saved .blend; before the first save the files stay in the result's folder.
    """

    def __init__(self, label: str, pack: bool) -> None:
        self._pack = pack
        self._folder = (
            None if pack or not bpy.data.filepath else Path(bpy.data.filepath).parent / f"{_plain(label)} textures"
        )
        self._made: list[Path] = []

    def load(self, path: Path, name: str, colour_space: tuple[str, ...]) -> bpy.types.Image:
        """The picture as a Blender image of its own. Raises BuildError where it cannot be read or copied."""
        try:
            image = bpy.data.images.load(str(self._placed(path)), check_existing=False)
        except RuntimeError as error:
            raise BuildError(f"The picture {path.name} cannot be loaded.", "Reconstruct the photo again.") from error
        except OSError as error:
            message = f"The picture {path.name} cannot be copied beside the .blend."
            raise BuildError(message, "Free some disk space, or choose to pack the images.") from error
        image.name = name
        set_colour_space(image, colour_space)
        if not image.size[0]:
            raise BuildError(f"The picture {path.name} is not an image.", "Reconstruct the photo again.")
        if self._pack:
            image.pack()
        elif bpy.data.filepath:
            image.filepath = bpy.path.relpath(image.filepath)
        return image

    def _placed(self, path: Path) -> Path:
        """``path``, or its copy beside the .blend."""
        if self._folder is None:
            return path
        if not self._folder.exists():
            self._folder.mkdir()
            self._made.append(self._folder)
        copy = _unused(self._folder / path.name)
        self._made.append(copy)
        shutil.copyfile(path, copy)
        return copy

    def discard(self) -> None:
        """Remove the copies that were made."""
        for path in reversed(self._made):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)


def _plain(label: str) -> str:
    """``label`` as the name of one folder, which leads nowhere else."""
    return "".join("_" if letter in '/\\:*?"<>|' or ord(letter) < 32 else letter for letter in label).lstrip(".")


def _unused(path: Path) -> Path:
    """``path`` or, where that exists, the same with a number."""
    candidate, number = path, 1
    while candidate.exists():
        candidate = path.with_stem(f"{path.stem}_{number}")
        number += 1
    return candidate


def set_colour_space(image: bpy.types.Image, names: tuple[str, ...]) -> None:
    """The first of ``names`` that this Blender's colour management has."""
    known = image.colorspace_settings.bl_rna.properties["name"].enum_items
    for name in names:
        if name in known:
            image.colorspace_settings.name = name
            return
    message = f"This Blender has no colour space called '{names[0]}'."
    raise BuildError(message, "Start Blender without a custom OCIO configuration.")
