# SPDX-License-Identifier: GPL-3.0-or-later
"""Saves the file from a script."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..engine.errors import OutputError


def save_blend(path: Path) -> Path:
    """Save the open file as ``path``; Blender writes it under another name first. Raises OutputError if it cannot."""
    path = path.absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)
    except (OSError, RuntimeError) as error:
        raise OutputError(f"The file '{path}' cannot be written.", "Choose another place, or make room.") from error
    return path
