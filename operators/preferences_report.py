# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy Report: what a person can paste into a bug report."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import bpy

from ..engine.bug_report import Facts, end_of_log, report_text
from ..engine.errors import SettingsError
from ..engine.settings import Settings
from ..properties.places import ROOT, engine_folder, engine_python, environment_python, is_outdated, log_folder
from ..properties.preferences import chosen_python
from ..properties.settings import chosen_photos, engine_settings
from .session import session


def report_of_now(context: bpy.types.Context) -> str:
    """The report on the engine and the last job, with paths and names taken out."""
    facts = Facts(
        versions=_versions(),
        engine=_engine(context),
        check=session.check.lines,
        job=_job(),
        settings=_settings(context),
        log=end_of_log(_last_log()),
    )
    return report_text(facts, _roots(), _names(context))


def _versions() -> dict[str, str]:
    from .. import __version__

    return {
        "NextGenFace": __version__,
        "Blender": f"{bpy.app.version_string} {bpy.app.build_hash.decode()}",
        "Python": platform.python_version(),
        "System": f"{platform.platform()}, {platform.machine()}, {os.cpu_count()} cores",
    }


def _engine(context: bpy.types.Context) -> str:
    python = engine_python(chosen_python(context))
    if python is None:
        return "not set up"
    kind = "set up by the add-on" if python == environment_python(engine_folder()) else "a Python of one's own"
    state = "" if python.is_file() else ", which is not there"
    return kind + state + (", for another version of the add-on" if is_outdated(python) else "")


def _job() -> dict[str, str]:
    status = session.status
    return {
        "state": status.phase.value,
        "stage": status.stage,
        "message": status.message,
        "remedy": status.remedy,
        "seconds": f"{status.seconds:.1f}" if status.seconds else "",
        "built": status.summary,
        "notes": " ".join(status.warnings),
    }


def _settings(context: bpy.types.Context) -> dict[str, Any]:
    chosen = context.scene.nextgenface
    try:
        values = engine_settings(chosen)
    except SettingsError as error:
        return {"preset": chosen.preset, "error": str(error)}
    usual = Settings().to_dict()
    return {"preset": chosen.preset} | {name: value for name, value in values.items() if value != usual[name]}


def _last_log() -> Path:
    """The last job's log, else the newest one."""
    if session.status.log:
        return Path(session.status.log)
    logs = sorted(log_folder().glob("worker-*.log"))
    return logs[-1] if logs else Path()


def _roots() -> dict[str, str]:
    """Folders of programs, which tell nothing about anybody below them."""
    roots = {str(ROOT): "<add-on>", str(engine_folder()): "<engine>", bpy.utils.resource_path("LOCAL"): "<blender>"}
    return {root: placeholder for root, placeholder in roots.items() if root}


def _names(context: bpy.types.Context) -> list[str]:
    """The user's and the computer's, and those of the photos and of the file."""
    names = [Path.home().name, platform.node(), *(os.environ.get(name, "") for name in ("USER", "USERNAME", "LOGNAME"))]
    files = [*chosen_photos(context.scene.nextgenface), Path(bpy.data.filepath), Path(session.status.photo)]
    return [*names, *(file.name for file in files), *(file.stem for file in files)]


class NEXTGENFACE_OT_copy_report(bpy.types.Operator):
    """Copy versions, what works, how the last job ended and the end of its log, for a bug report. Paths and names are left out"""

    bl_idname = "nextgenface.copy_report"
    bl_label = "Copy Report"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Put it on the clipboard."""
        context.window_manager.clipboard = report_of_now(context)
        self.report({"INFO"}, "The report is on the clipboard. Read it before you paste it somewhere")
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_copy_report,)
