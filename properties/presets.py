# SPDX-License-Identifier: GPL-3.0-or-later
"""The quality presets as items of Blender's menu."""

from __future__ import annotations

from ..engine.presets import CONFIG_FOLDER, preset_names


def enum_items() -> list[tuple[str, str, str]]:
    """Identifier, label and tooltip of each preset, the default first, and of a file as the last."""
    presets = [(name, name.replace("_", " ").replace("-", " ").title(), _description(name)) for name in preset_names()]
    return [*presets, ("FILE", "From a File", "Settings from an .ini file, of this program, NextGenFace or NextFace")]


def _description(name: str) -> str:
    """The first line of the preset's file, which says what it is for, without the preset's own name."""
    path = CONFIG_FOLDER / f"{name}.ini"
    first = path.read_text(encoding="utf-8").partition("\n")[0] if path.is_file() else ""
    text = first.lstrip("#; ").rstrip(". ")
    head, colon, rest = text.partition(": ")
    text = rest if colon and head.lower() == name else text
    return text[:1].upper() + text[1:]
