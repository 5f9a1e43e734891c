# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept for all files: which Python runs the engine."""

from __future__ import annotations

from urllib.parse import urlsplit

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
    torch_index: bpy.props.StringProperty(
        name="PyTorch Index",
        description="Address of the package index that Set Up Engine takes PyTorch's build for processors from, as named in "
        "PyTorch's installation guide. It begins with https://. Empty: the index that pip is set up to use, which on Linux "
        "often has only builds for graphics cards",
        maxlen=1024,
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


def chosen_index(context: bpy.types.Context) -> str:
    """The address of PyTorch's index in the preferences, or nothing."""
    own = own_preferences(context)
    return own.torch_index.strip() if own else ""


def index_problem(address: str) -> str:
    """Why ``address`` is none that packages may come from, in a sentence without its full stop; empty where it may be used."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return "The PyTorch Index is no address"
    if not address:
        return ""
    if parts.scheme != "https" or not host or address != "".join(address.split()):
        return "The PyTorch Index must be a whole address that begins with https://"
    return "The PyTorch Index has a password in it, which would be seen in logs" if "@" in parts.netloc else ""


def wants_fan(context: bpy.types.Context) -> bool:
    """Whether Set Up Engine installs FAN too."""
    own = own_preferences(context)
    return bool(own and own.with_fan)


def own_preferences(context: bpy.types.Context) -> bpy.types.AddonPreferences | None:
    """The add-on's preferences; None where it runs without any."""
    addon = context.preferences.addons.get(ROOT_PACKAGE)
    return addon.preferences if addon else None
