# SPDX-License-Identifier: GPL-3.0-or-later
"""Buttons that open a file or a folder with the system's program for it."""

from __future__ import annotations

from pathlib import Path

import bpy


def draw_opener(layout: bpy.types.UILayout, text: str, icon: str, path: Path, what: str) -> None:
    """A button named ``text``; ``what`` completes the tooltip "Open ..."."""
    button = layout.operator("nextgenface.open_file", text=text, icon=icon)
    button.path, button.what = str(path), what
