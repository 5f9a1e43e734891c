# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that Blender is told of, in order; the reverse when it ends."""

from __future__ import annotations

import bpy

from .operators import (
    after,
    apply_to_human,
    command,
    engine,
    export_fbx,
    export_gltf,
    export_metahuman,
    export_target,
    find_face,
    handlers,
    landmarks,
    live_preview,
    load_recording,
    open_image,
    photos,
    preferences_caches,
    preferences_folders,
    preferences_report,
    presets,
    reconstruct,
    result_compare,
    result_photo,
    result_rebuild,
    result_refine,
    result_relight,
    result_remove,
    result_sliders,
    view_photo,
)
from .operators import settings as changed_settings
from .panels import engine_settings, export, face, pictures, preferences, result, result_view
from .panels import photos as photo_list
from .panels import presets as preset_menu
from .panels import result_sliders as slider_panel
from .properties import light, results, settings

CLASSES = (
    *settings.CLASSES,
    *results.CLASSES,
    *light.CLASSES,
    *preferences.CLASSES,
    *photos.CLASSES,
    *open_image.CLASSES,
    *find_face.CLASSES,
    *landmarks.CLASSES,
    *reconstruct.CLASSES,
    *changed_settings.CLASSES,
    *presets.CLASSES,
    *engine.CLASSES,
    *preferences_caches.CLASSES,
    *preferences_folders.CLASSES,
    *preferences_report.CLASSES,
    *after.CLASSES,
    *view_photo.CLASSES,
    *live_preview.CLASSES,
    *result_photo.CLASSES,
    *result_compare.CLASSES,
    *result_rebuild.CLASSES,
    *result_refine.CLASSES,
    *result_relight.CLASSES,
    *result_remove.CLASSES,
    *result_sliders.CLASSES,
    *load_recording.CLASSES,
    *export_gltf.CLASSES,
    *export_fbx.CLASSES,
    *export_metahuman.CLASSES,
    *export_target.CLASSES,
    *apply_to_human.CLASSES,
    *photo_list.CLASSES,
    *preset_menu.CLASSES,
    *face.CLASSES,
    *engine_settings.CLASSES,
    *result.CLASSES,
    *result_view.CLASSES,
    *slider_panel.CLASSES,
    *export.CLASSES,
)
# Modules with something else to set up or to end.
MODULES = (settings, results, light, handlers, engine, open_image, landmarks, live_preview, pictures, command)


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
