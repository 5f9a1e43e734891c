# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's page in Blender's preferences, and the engine's part that the sidebar shows too."""

from __future__ import annotations

from typing import Any

import bpy

from ..engine.caches import readable_size
from ..engine.model_files import ModelFile, model_files
from ..operators.engine import package_source, setup
from ..operators.preferences_caches import measured
from ..operators.session import session
from ..properties.places import ROOT_PACKAGE, engine_folder, engine_python, environment_python, is_outdated, log_folder
from ..properties.preferences import (
    EnginePreferences,
    chosen_index,
    chosen_python,
    index_problem,
    own_preferences,
)
from .text import draw_wrapped, shortened

OUTDATED = "This version of the add-on needs other packages than the engine has: set it up again."


class NEXTGENFACE_AP_preferences(EnginePreferences, bpy.types.AddonPreferences):
    """Kept for all files."""

    bl_idname = ROOT_PACKAGE

    def draw(self, context: bpy.types.Context) -> None:
        """The engine, the files of models, what is kept on disk, and help."""
        for title, (draw, closed) in SECTIONS.items():
            identifier = f"nextgenface_{title.lower().replace(' ', '_')}"
            header, body = self.layout.panel(identifier, default_closed=closed)
            header.label(text=title)
            if body is not None:
                draw(body, context)


def draw_engine(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Which Python runs the engine, the buttons, and what they found."""
    python = engine_python(chosen_python(context))
    draw_wrapped(layout, context, f"Python: {python}" if python else "The engine is not set up yet.", "CONSOLE")
    if python and is_outdated(python):
        draw_wrapped(layout, context, OUTDATED, "ERROR")
    if setup.is_running():
        _draw_setup(layout, context)
        return
    column = layout.column(align=True)
    column.operator("nextgenface.setup_engine", icon="IMPORT", text="Set Up Engine")
    if python:
        column.operator("nextgenface.check_engine", icon="CHECKMARK")
    elif not bpy.app.online_access and not package_source(context).offline:
        draw_wrapped(layout, context, "Allow Online Access in Preferences > System first.", "INTERNET_OFFLINE")
    own = own_preferences(context)
    if own:
        layout.prop(own, "engine_python", text="", placeholder="Or choose a Python that has it")
    if setup.current is not None and setup.current.message:
        draw_wrapped(layout, context, setup.current.message, "INFO" if setup.current.ok else "ERROR")
        if not setup.current.ok:
            button = layout.operator("nextgenface.open_file", text="Open Log", icon="TEXT")
            button.path, button.what = str(setup.current.log), f"the log of the set-up, {setup.current.log}"
    _draw_check(layout, context)


def _draw_setup(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    current = setup.current
    layout.progress(factor=current.fraction, text=current.title)
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
    text = shortened(f"{line.get('name', '')}: {line.get('detail', '')}")
    draw_wrapped(layout, context, text, icon)
    if line.get("remedy") and not good and not session.check.ok:
        draw_wrapped(layout, context, str(line["remedy"]), "RIGHTARROW_THIN")


def _draw_engine_and_fan(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The sidebar's part, and the landmark detector that few need."""
    draw_engine(layout, context)
    own = own_preferences(context)
    if own is None:
        return
    layout.prop(own, "packages_folder")
    column = layout.column()
    problem = index_problem(chosen_index(context))
    column.alert = bool(problem)
    column.prop(own, "torch_index", placeholder="https://")
    if problem:
        draw_wrapped(column, context, f"{problem}.", "ERROR")
    row = layout.row()
    row.prop(own, "with_fan")
    if engine_python(own.engine_python) == environment_python(engine_folder()):
        row.operator("nextgenface.add_fan", icon="ADD")


def _draw_models(layout: bpy.types.UILayout, _context: bpy.types.Context) -> None:
    """The files that do not come along: what needs them, whose they are, where they belong."""
    layout.label(text="The bundled head needs none of these. They are read from your own copies", icon="INFO")
    for file in model_files():
        _draw_model(layout.box().column(align=True), file)


def _draw_model(column: bpy.types.UILayout, file: ModelFile) -> None:
    """The name with its ways out beside it; below, what is missing, for what, under which terms, and where it belongs."""
    folder = file.found or file.folders[0]
    row = column.row()
    row.label(text=file.title, icon="CHECKMARK" if file.found else "DOT")
    row.operator("wm.url_open", text="", icon="URL").url = file.page
    row.operator("nextgenface.open_folder", text="", icon="FILE_FOLDER").path = str(folder)
    column.label(text=f"License: {file.licence}. Needed for {file.setting}", icon="BLANK1")
    column.label(text=f"{'Found' if file.found else 'Not found'}: {file.name}", icon="BLANK1")
    column.label(text=f"in {folder}", icon="BLANK1")


def _draw_caches(layout: bpy.types.UILayout, _context: bpy.types.Context) -> None:
    """Sizes, and the buttons that make them nought."""
    for cache, size in measured():
        row = layout.row()
        row.label(text=cache.title)
        row.label(text=readable_size(size) if size else "Empty")
        button = row.row()
        button.enabled = size > 0
        button.operator("nextgenface.clear_cache", icon="TRASH").which = cache.name
    row = layout.row()
    row.label(text=f"Logs: {log_folder()}")
    row.operator("nextgenface.open_folder", text="", icon="FILE_FOLDER").path = str(log_folder())


def _draw_help(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The report for a bug report."""
    layout.operator("nextgenface.copy_report", icon="COPYDOWN")
    draw_wrapped(layout, context, "Versions, engine, last job and the end of its log; paths and names are left out.")


# Title -> what draws it, and whether it is closed at first.
SECTIONS = {
    "Engine": (_draw_engine_and_fan, False),
    "Model Files": (_draw_models, True),
    "Disk": (_draw_caches, True),
    "Help": (_draw_help, False),
}
CLASSES = (NEXTGENFACE_AP_preferences,)
