# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person chooses on the scene, and the one function that turns it into the engine's settings."""

from __future__ import annotations

from typing import Any

import bpy

from ..engine.settings import Settings
from . import engine_settings as advanced
from . import photos
from .engine_settings import NEXTGENFACE_PG_engine
from .photos import PEOPLE, NEXTGENFACE_PG_photo, chosen_people, chosen_photos
from .places import RELATIVE
from .presets import enum_items

__all__ = ["CLASSES", "chosen_people", "chosen_photos", "engine_settings", "settings_notices"]

# Read once: Blender needs the strings of an enum to stay alive.
_PRESET_ITEMS = enum_items()

TEXTURE_SIZES = [
    ("PRESET", "From Preset", "The size that the preset brings"),
    ("256", "256", "For a first look"),
    ("512", "512", "Small and quick"),
    ("1024", "1024 (1K)", "Enough for the photo of a phone's front camera"),
    ("2048", "2048 (2K)", "For sharp photos"),
    ("4096", "4096 (4K)", "For studio photos; needs more memory and disk"),
]


class NEXTGENFACE_PG_settings(bpy.types.PropertyGroup):
    """Saved with the scene."""

    photos: bpy.props.CollectionProperty(
        type=NEXTGENFACE_PG_photo, name="Photos", description="The photos to reconstruct"
    )
    active_photo: bpy.props.IntProperty(name="Active Photo", description="The photo that is shown below", min=0)
    # For scripts, and for files that were saved when there was no list.
    photo: bpy.props.StringProperty(
        name="Photo",
        description="The first photo of the list",
        subtype="FILE_PATH",
        get=photos.get_first,
        set=photos.set_first,
        **RELATIVE,
    )
    more_photos: bpy.props.CollectionProperty(
        type=NEXTGENFACE_PG_photo, name="More Photos", description="Photos that a script added behind the first one"
    )
    people: bpy.props.EnumProperty(name="Photos Show", description="Who is in the photos", items=PEOPLE)
    preset: bpy.props.EnumProperty(
        name="Preset",
        description="How much time is spent on the face",
        items=_PRESET_ITEMS,
        default=_PRESET_ITEMS[0][0],
    )
    texture_size: bpy.props.EnumProperty(
        name="Textures", description="Side of the square textures in pixels", items=TEXTURE_SIZES, default="PRESET"
    )
    config_file: bpy.props.StringProperty(
        name="Settings File",
        description="An .ini file with lines of name = value; those of NextFace and NextGenFace are read too",
        subtype="FILE_PATH",
        **RELATIVE,
    )
    advanced: bpy.props.PointerProperty(
        type=NEXTGENFACE_PG_engine, name="All Settings", description="Every setting of the engine"
    )
    build_camera: bpy.props.BoolProperty(
        name="Camera", description="Add the camera that took the photo, with the photo behind the head", default=True
    )
    build_light: bpy.props.BoolProperty(
        name="Light", description="Add the photo's light and make it the scene's world", default=True
    )
    build_eyes: bpy.props.BoolProperty(name="Eyes", description="Add the eyes as an object of their own", default=True)
    build_teeth: bpy.props.BoolProperty(
        name="Teeth and Tongue", description="Add teeth and tongue as objects of their own", default=True
    )
    build_subdivision: bpy.props.BoolProperty(
        name="Subdivision", description="Round the head in renders; the view stays as quick as it is", default=True
    )
    build_subsurface: bpy.props.BoolProperty(
        name="Skin Subsurface",
        description="Let light go through the skin. Its colour stays, shadows get softer and renders take longer",
        default=False,
    )
    build_shape_keys: bpy.props.BoolProperty(
        name="Shape Keys", description="Add the photo's expression, the ARKit expressions and the sliders", default=True
    )
    pack_images: bpy.props.BoolProperty(
        name="Pack Images",
        description="Keep the textures inside the .blend. Otherwise they are copied beside it, once it has been saved",
        default=True,
    )
    output: bpy.props.StringProperty(
        name="Folder",
        description="Where maps, mesh and report are written. Empty: beside the .blend, or a temporary folder before "
        "the first save",
        subtype="DIR_PATH",
        **RELATIVE,
    )


def engine_settings(chosen: NEXTGENFACE_PG_settings) -> dict[str, Any]:
    """The engine's settings for what was chosen on the scene: the preset or file, then what was changed beside it.

    Raises:
        SettingsError: the preset or the file cannot be read or has values that the engine does not accept.
    """
    values = advanced.loaded(chosen).values | advanced.overrides(chosen)
    if chosen.texture_size != "PRESET":
        values["texture_size"] = int(chosen.texture_size)
    settings = Settings.from_dict(values).to_dict()
    # Blender's "//" means the folder of the .blend.
    return {
        name: bpy.path.abspath(value) if name.endswith(("_file", "_folder")) else value
        for name, value in settings.items()
    }


def settings_notices(chosen: NEXTGENFACE_PG_settings) -> tuple[str, ...]:
    """Sentences on what a file of the reference program says without effect. Raises as `engine_settings`."""
    return advanced.loaded(chosen).notices


CLASSES = (*photos.CLASSES, *advanced.CLASSES, NEXTGENFACE_PG_settings)


def register() -> None:
    """Hang the settings on the scene."""
    bpy.types.Scene.nextgenface = bpy.props.PointerProperty(type=NEXTGENFACE_PG_settings)


def unregister() -> None:
    """Take them off again."""
    del bpy.types.Scene.nextgenface
