# SPDX-License-Identifier: GPL-3.0-or-later
"""The quality presets: the files of ``configs/``, read when the add-on is registered."""

from __future__ import annotations

import configparser
import dataclasses
from pathlib import Path
from typing import Any

from ..engine.errors import SettingsError
from ..engine.settings import Settings
from .places import ROOT

DEFAULT = "default"


def preset_files(folder: Path = ROOT / "configs") -> dict[str, Path]:
    """Preset's name -> its file; the default first, then by name."""
    files = sorted(folder.glob("*.ini"), key=lambda path: (path.stem != DEFAULT, path.stem))
    return {path.stem: path for path in files}


def enum_items() -> list[tuple[str, str, str]]:
    """Items of Blender's preset menu. "Default" is there without a file too: the settings' own defaults."""
    names = list(preset_files()) or [DEFAULT]
    return [(name, name.replace("_", " ").replace("-", " ").title(), _description(name)) for name in names]


def _description(name: str) -> str:
    """The file's first comment line, which says what the preset is for."""
    path = preset_files().get(name)
    if path is None:
        return "The balanced choice"
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line.lstrip("#; ").rstrip(". ") for line in lines[:5] if line.startswith(("#", ";"))]
    return next((line for line in comments if line and "SPDX" not in line), name)


def preset_values(name: str, folder: Path = ROOT / "configs") -> dict[str, Any]:
    """The values that a preset sets, as `Settings.from_dict` takes them.

    Raises:
        SettingsError: the preset does not exist or is no such file.
    """
    path = preset_files(folder).get(name)
    if path is None:
        if name == DEFAULT:
            return {}
        raise SettingsError(f"There is no preset '{name}'.", "Choose another preset.")
    parser = configparser.ConfigParser(inline_comment_prefixes=("#", ";"), interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
        kinds = {field.name: type(field.default) for field in dataclasses.fields(Settings)}
        pairs = [pair for section in parser.sections() for pair in parser[section].items()]
        return {key: kinds.get(key, str)(value) for key, value in pairs}
    except (configparser.Error, ValueError, OSError) as error:
        raise SettingsError(f"The preset '{name}' cannot be read.", f"See {path}.") from error
