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


def chosen_python(context: bpy.types.Context) -> str:
    """The preference, or nothing where the add-on runs without preferences."""
    addon = context.preferences.addons.get(ROOT_PACKAGE)
    return addon.preferences.engine_python if addon and addon.preferences else ""
