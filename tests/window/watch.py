"""Runs inside a Blender with a window and touches nothing: writes down, twice a second, what is there, for a test that uses the mouse.

The argument after ``--`` is the folder for state.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import bpy

FOLDER = Path(sys.argv[sys.argv.index("--") + 1])
ADDON = "bl_ext.user_default.nextgenface"
SECONDS = 0.5


def part(name):
    """A module of the add-on, if that is there."""
    return sys.modules.get(f"{ADDON}.{name}")


def state():
    """What a person could see too."""
    found = {
        "enabled": ADDON in bpy.context.preferences.addons,
        "online": bpy.app.online_access,
        "objects": sorted(item.name for item in bpy.data.objects),
    }
    if (engine := part("operators.engine")) and (setup := engine.setup.current):
        found["setup"] = {name: getattr(setup, name) for name in ("running", "ok", "title", "line", "message")}
    if session := part("operators.session"):
        status = session.session.status
        found["job"] = {"phase": status.phase.value, "stage": status.stage, "message": status.message}
    if ADDON in bpy.context.preferences.addons:
        chosen = bpy.context.scene.nextgenface
        found |= {"photos": len(chosen.photos), "preset": chosen.preset}
    return found


def look():
    """Write it whole."""
    new = FOLDER / "state.new"
    new.write_text(json.dumps(state()), encoding="utf-8")
    new.replace(FOLDER / "state.json")
    return SECONDS


bpy.app.timers.register(look, persistent=True)
