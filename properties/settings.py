# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person chooses on the scene, and the one function that turns it into the engine's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..engine.settings import Settings
from . import engine_settings as advanced
from .engine_settings import NEXTGENFACE_PG_engine
from .presets import enum_items

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


PEOPLE = [
    ("ONE", "One Person", "All photos show the same person: one head, and a camera for each photo"),
    ("SEVERAL", "Different People", "Each photo shows another person: a head for each, one after the other"),
]


class NEXTGENFACE_PG_photo(bpy.types.PropertyGroup):
    """One more photo."""

    path: bpy.props.StringProperty(name="Photo", subtype="FILE_PATH")


class NEXTGENFACE_PG_settings(bpy.types.PropertyGroup):
    """Saved with the scene."""

    photo: bpy.props.StringProperty(
        name="Photo", description="A photo of a face: sharp, evenly lit, without glasses", subtype="FILE_PATH"
    )
    more_photos: bpy.props.CollectionProperty(type=NEXTGENFACE_PG_photo, name="More Photos")
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
    )
    advanced: bpy.props.PointerProperty(type=NEXTGENFACE_PG_engine)
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
    )


def chosen_photos(chosen: NEXTGENFACE_PG_settings) -> list[Path]:
    """All photos that are chosen, in their order."""
    names = [chosen.photo, *(more.path for more in chosen.more_photos)]
    return [Path(bpy.path.abspath(name)) for name in names if name]


def chosen_people(chosen: NEXTGENFACE_PG_settings) -> list[list[Path]]:
    """The photos of each person."""
    photos = chosen_photos(chosen)
    return [photos] if chosen.people == "ONE" else [[photo] for photo in photos]


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


CLASSES = (NEXTGENFACE_PG_photo, *advanced.CLASSES, NEXTGENFACE_PG_settings)


def register() -> None:
    """Hang the settings on the scene."""
    bpy.types.Scene.nextgenface = bpy.props.PointerProperty(type=NEXTGENFACE_PG_settings)


def unregister() -> None:
    """Take them off again."""
    del bpy.types.Scene.nextgenface
