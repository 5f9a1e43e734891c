# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's page in Blender's preferences, and the engine's part that the sidebar shows too."""

from __future__ import annotations

import textwrap
from typing import Any

import bpy

from ..operators.engine import setup
from ..operators.session import session
from ..properties.places import ROOT_PACKAGE, engine_python, is_outdated, log_folder
from ..properties.preferences import EnginePreferences, chosen_python
from .text import draw_wrapped


class NEXTGENFACE_AP_preferences(EnginePreferences, bpy.types.AddonPreferences):
    """Kept for all files."""

    bl_idname = ROOT_PACKAGE

    def draw(self, context: bpy.types.Context) -> None:
        """The engine's Python, its set-up and its check."""
        layout = self.layout
        draw_engine(layout, context)
        row = layout.row()
        row.label(text=f"Logs: {log_folder()}")
        button = row.operator("nextgenface.open_file", text="", icon="FILE_FOLDER")
        button.path, button.what = str(log_folder()), "the folder with the logs"


def draw_engine(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Which Python runs the engine, the buttons, and what they found."""
    python = engine_python(chosen_python(context))
    draw_wrapped(layout, context, f"Python: {python}" if python else "The engine is not set up yet.", "CONSOLE")
    if python and is_outdated(python):
        draw_wrapped(layout, context, "It was set up for another version of this add-on: set it up again.", "ERROR")
    if setup.is_running():
        _draw_setup(layout, context)
        return
    column = layout.column(align=True)
    column.operator("nextgenface.setup_engine", icon="IMPORT", text="Set Up Engine")
    if python:
        column.operator("nextgenface.check_engine", icon="CHECKMARK")
    elif not bpy.app.online_access:
        draw_wrapped(layout, context, "Allow Online Access in Preferences > System first.", "INTERNET_OFFLINE")
    addon = context.preferences.addons.get(ROOT_PACKAGE)
    if addon and addon.preferences:
        layout.prop(addon.preferences, "engine_python", text="", placeholder="Or choose a Python that has it")
    if setup.current is not None and setup.current.message:
        draw_wrapped(layout, context, setup.current.message, "INFO" if setup.current.ok else "ERROR")
        if not setup.current.ok:
            button = layout.operator("nextgenface.open_file", text="Open Log", icon="TEXT")
            button.path, button.what = str(setup.current.log), f"the log of the set-up, {setup.current.log}"
    _draw_check(layout, context)


def _draw_setup(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    current = setup.current
    layout.progress(factor=(current.number + 0.5) / current.count, text=current.title)
    draw_wrapped(layout, context, current.line[:80])
    layout.operator("nextgenface.cancel_setup", icon="X")


def _draw_check(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    if session.check.running:
        layout.label(text="Checking...", icon="SORTTIME")
    for line in session.check.lines:
        _draw_check_line(layout, context, line)


def _draw_check_line(layout: bpy.types.UILayout, context: bpy.types.Context, line: dict[str, Any]) -> None:
    """One thing that was tried; what fails is no error where the engine works all the same."""
    good = bool(line.get("ok"))
    icon = "CHECKMARK" if good else ("DOT" if session.check.ok else "ERROR")
    text = textwrap.shorten(f"{line.get('name', '')}: {line.get('detail', '')}", 90, placeholder="...")
    draw_wrapped(layout, context, text, icon)
    if line.get("remedy") and not good and not session.check.ok:
        draw_wrapped(layout, context, str(line["remedy"]), "RIGHTARROW_THIN")


CLASSES = (NEXTGENFACE_AP_preferences,)
