# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that Blender is told of, in order; the reverse when it ends."""

from __future__ import annotations

import bpy

from .operators import after, engine, find_face, handlers, landmarks, open_image, photos, presets, reconstruct
from .operators import settings as changed_settings
from .panels import engine_settings, face, pictures, preferences
from .panels import photos as photo_list
from .panels import presets as preset_menu
from .properties import settings

CLASSES = (
    *settings.CLASSES,
    *preferences.CLASSES,
    *photos.CLASSES,
    *open_image.CLASSES,
    *find_face.CLASSES,
    *landmarks.CLASSES,
    *reconstruct.CLASSES,
    *changed_settings.CLASSES,
    *presets.CLASSES,
    *engine.CLASSES,
    *after.CLASSES,
    *photo_list.CLASSES,
    *preset_menu.CLASSES,
    *face.CLASSES,
    *engine_settings.CLASSES,
)
# Modules with something else to set up or to end.
MODULES = (settings, handlers, engine, open_image, landmarks, pictures)


def register() -> None:
    """Register all; if something fails, what was registered is taken back and the error goes on to Blender."""
    done: list[type] = []
    try:
        for kind in CLASSES:
            bpy.utils.register_class(kind)
            done.append(kind)
        for module in MODULES:
            if hasattr(module, "register"):
                module.register()
    except Exception:
        for kind in reversed(done):
            bpy.utils.unregister_class(kind)
        raise


def unregister() -> None:
    """The reverse of `register`."""
    for module in reversed(MODULES):
        if hasattr(module, "unregister"):
            module.unregister()
    for kind in reversed(CLASSES):
        bpy.utils.unregister_class(kind)
