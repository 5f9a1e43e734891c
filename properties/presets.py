# SPDX-License-Identifier: GPL-3.0-or-later
"""The quality presets as items of Blender's menu, and the user's own, which are files of theirs."""

from __future__ import annotations

import re
from pathlib import Path

import bpy

from ..engine.errors import SettingsError
from ..engine.presets import CONFIG_FOLDER, preset_names
from .places import user_folder

_FILE = ("FILE", "From a File", "Settings from an .ini file, of this program, NextGenFace or NextFace")


def enum_items() -> list[tuple[str, str, str]]:
    """Identifier, label and tooltip of each preset, the default first, and of a file as the last."""
    return [*((name, _title(name), _description(name)) for name in preset_names()), _FILE]


def own_presets() -> dict[str, Path]:
    """The user's own presets: name -> file."""
    folder = user_folder("presets")
    files = sorted(folder.glob("*.ini"), key=lambda file: file.stem.lower()) if folder.is_dir() else []
    return {file.stem: file for file in files}


def own_preset_path(name: str) -> Path:
    """Where an own preset of that name is kept.

    Raises:
        SettingsError: nothing can be called so.
    """
    name = name.strip()
    if not re.fullmatch(r"\w[\w\- ]*", name):
        raise SettingsError("A preset needs a name of letters, digits, spaces and dashes.", "Choose another name.")
    if name.lower() in {label.lower() for _, label, _ in enum_items()}:
        raise SettingsError(f"The preset '{name}' comes with the add-on and stays as it is.", "Choose another name.")
    return user_folder("presets") / f"{name}.ini"


def own_preset(chosen: bpy.types.PropertyGroup) -> str:
    """The name of the own preset that is chosen; empty where it is another one."""
    if chosen.preset != "FILE" or not chosen.config_file:
        return ""
    path = Path(bpy.path.abspath(chosen.config_file))
    return path.stem if path.parent == user_folder("presets") else ""


def preset_label(chosen: bpy.types.PropertyGroup) -> str:
    """What the chosen preset is called."""
    return own_preset(chosen) or (_FILE[1] if chosen.preset == "FILE" else _title(chosen.preset))


def _title(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").title()


def _description(name: str) -> str:
    """The first line of the preset's file, which says what it is for, without the preset's own name."""
    path = CONFIG_FOLDER / f"{name}.ini"
    first = path.read_text(encoding="utf-8").partition("\n")[0] if path.is_file() else ""
    text = first.lstrip("#; ").rstrip(". ")
    head, colon, rest = text.partition(": ")
    text = rest if colon and head.lower() == name else text
    return text[:1].upper() + text[1:]
