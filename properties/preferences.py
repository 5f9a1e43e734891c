# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept for all files: which Python runs the engine."""

from __future__ import annotations

import bpy

from .places import ROOT_PACKAGE


class EnginePreferences:
    """The properties of the add-on's preferences; the class that Blender registers draws them, so it lives in `panels`."""

    engine_python: bpy.props.StringProperty(
        name="Engine Python",
        description="A Python that has the engine's packages. Empty: the one that Set Up Engine makes",
        subtype="FILE_PATH",
    )
    packages_folder: bpy.props.StringProperty(
        name="Packages Folder",
        description="A folder that has the engine's packages as files: Set Up Engine then downloads nothing. Empty: the "
        "files that came with the add-on, if any, else a download",
        subtype="DIR_PATH",
    )
    with_fan: bpy.props.BoolProperty(
        name="Set Up FAN Too",
        description="Set Up Engine also installs FAN, which finds 68 points of a face. Its weights are files of their own",
        default=False,
    )


def chosen_python(context: bpy.types.Context) -> str:
    """The preference, or nothing where the add-on runs without preferences."""
    own = own_preferences(context)
    return own.engine_python if own else ""


def chosen_packages(context: bpy.types.Context) -> str:
    """The folder with packages in the preferences, or nothing."""
    own = own_preferences(context)
    return own.packages_folder if own else ""


def wants_fan(context: bpy.types.Context) -> bool:
    """Whether Set Up Engine installs FAN too."""
    own = own_preferences(context)
    return bool(own and own.with_fan)


def own_preferences(context: bpy.types.Context) -> bpy.types.AddonPreferences | None:
    """The add-on's preferences; None where it runs without any."""
    addon = context.preferences.addons.get(ROOT_PACKAGE)
    return addon.preferences if addon else None
