# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that fits: wrapped lines."""

from __future__ import annotations

import textwrap

import bpy

# Mean width of a letter of Blender's interface font, pixels at scale 1, and what the tabs, a box and an icon take of the width.
_LETTER, _MARGIN, _ICON = 6.4, 56, 20

# Of a text that is cut, the letters that stay before and after what is left out: a path tells more at its end.
_BEFORE, _AFTER = 30, 57


def shortened(text: str) -> str:
    """``text`` on one line; a long one without its middle, so that of a path both ends are seen."""
    line = " ".join(text.split())
    return line if len(line) <= _BEFORE + _AFTER + 3 else f"{line[:_BEFORE]}...{line[-_AFTER:]}"


def draw_wrapped(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "NONE") -> None:
    """Labels that show ``text`` whole in the region's width; the first has the icon."""
    scale = context.preferences.system.ui_scale
    width = (context.region.width / scale if context.region else 300) - _MARGIN - (_ICON if icon != "NONE" else 0)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(textwrap.wrap(text, max(int(width / _LETTER), 12)) or [""]):
        column.label(text=line, icon=icon if number == 0 else ("BLANK1" if icon != "NONE" else "NONE"))
