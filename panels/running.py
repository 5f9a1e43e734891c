# SPDX-License-Identifier: GPL-3.0-or-later
"""What the main panel shows while a job runs."""

from __future__ import annotations

import bpy

from ..engine.progress import duration, stage_name
from ..operators.live_preview import live_preview
from ..operators.session import Phase, Status
from .pictures import pictures
from .text import draw_wrapped

PICTURE_SCALE = 8.0


def draw_running(layout: bpy.types.UILayout, context: bpy.types.Context, status: Status) -> None:
    """Picture, stage, bar, figures, warnings, and the way to stop it."""
    _draw_picture(layout, status)
    cancelling = status.phase is Phase.CANCELLING
    column = layout.column(align=True)
    column.label(text="Cancelling..." if cancelling else stage_name(status.stage))
    column.progress(factor=status.fraction, text=_bar_text(status))
    if status.steps > 1 and not cancelling:
        _draw_figures(column, status)
    for warning in status.warnings[-3:]:
        draw_wrapped(layout, context, warning, "INFO")
    row = layout.row()
    row.scale_y = 1.3
    row.operator("nextgenface.cancel", icon="X")


def _draw_picture(layout: bpy.types.UILayout, status: Status) -> None:
    """The fit, or before its first picture the photo."""
    watched = bool(status.preview) and live_preview().picture is not None
    icon = live_preview().icon if watched else pictures().thumbnail(status.photos[0] if status.photos else "")
    if icon:
        layout.template_icon(icon_value=icon, scale=PICTURE_SCALE)
    if watched:
        layout.operator("nextgenface.show_preview", icon="IMAGE")


def _bar_text(status: Status) -> str:
    left = f", {duration(status.seconds_left)} left" if status.seconds_left >= 0 else ""
    return f"{status.fraction:.0%}{left}"


def _draw_figures(layout: bpy.types.UILayout, status: Status) -> None:
    """Step and loss, small and grey: they tell that it goes on, and whether it still gets better."""
    row = layout.row()
    row.active = False
    row.label(text=f"Step {status.step} of {status.steps}")
    if status.loss is not None:
        right = row.row()
        right.alignment = "RIGHT"
        right.label(text=f"Loss {status.loss:.4g}")
