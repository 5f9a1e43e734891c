# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that fits: wrapped lines, times and stages in plain words."""

from __future__ import annotations

import textwrap

import bpy

# Mean width of a letter of Blender's interface font, pixels at scale 1, and what a box and its icon take of the width.
_LETTER, _MARGIN = 6.4, 76

STAGES = {
    "start": "Starting the engine",
    "photos": "Reading the photo",
    "landmarks": "Finding the face",
    "stage1": "Head and pose",
    "stage2": "Light, skin and shape",
    "stage3": "Fine textures",
    "textures": "Making the maps",
    "render": "Final render",
    "write": "Writing files",
}


def stage_name(stage: str) -> str:
    """What a stage of the engine does, for people."""
    return STAGES.get(stage, stage.replace("_", " ").capitalize())


def duration(seconds: float) -> str:
    """ "12 s", "3 min 5 s"."""
    whole = round(max(seconds, 0.0))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def draw_wrapped(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "NONE") -> None:
    """Labels that show ``text`` whole in the region's width; the first has the icon."""
    scale = context.preferences.system.ui_scale
    width = (context.region.width / scale if context.region else 300) - _MARGIN
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(textwrap.wrap(text, max(int(width / _LETTER), 12)) or [""]):
        column.label(text=line, icon=icon if number == 0 else ("BLANK1" if icon != "NONE" else "NONE"))
