# SPDX-License-Identifier: GPL-3.0-or-later
"""What `try_install.py` has done in Blender's process: ``install_steps.py ACTION [ARGUMENT] ...``, one after the other.

Each prints a line of JSON with its seconds and what came of it. Run with a Python that has bpy.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

REPOSITORY = "user_default"
PRESET = "draft"
Facts = dict[str, Any]


def module_of(extension: str) -> str:
    """The module that Blender knows ``extension`` by."""
    return f"bl_ext.{REPOSITORY}.{extension}"


def is_enabled(extension: str) -> bool:
    """Whether Blender has it enabled."""
    return module_of(extension) in bpy.context.preferences.addons


def install(archive: str) -> Facts:
    """Install and enable a zip, as the button in the preferences does."""
    bpy.ops.extensions.package_install_files(filepath=archive, repo=REPOSITORY, enable_on_install=True)
    return {
        "enabled": [name for name in ("nextgenface", "neighbour") if is_enabled(name)],
        "online": bpy.app.online_access,
    }


def enable(extension: str) -> Facts:
    """Enable what an earlier process installed: that of a person would be enabled by their preferences."""
    bpy.ops.preferences.addon_enable(module=module_of(extension))
    return {"enabled": is_enabled(extension)}


def set_up() -> Facts:
    """Set Up Engine."""
    return {"ended": sorted(bpy.ops.nextgenface.setup_engine())}


def check() -> Facts:
    """Check Engine; versions of what the engine imports."""
    ended = sorted(bpy.ops.nextgenface.check_engine())
    found = importlib.import_module(f"{module_of('nextgenface')}.operators.session").session.check
    versions = {
        line["name"]: line["detail"] for line in found.lines if line["name"] in ("numpy", "scipy", "torch", "mediapipe")
    }
    return {"ended": ended, "works": found.ok, "engine": versions}


def reconstruct(photo: str) -> Facts:
    """Reconstruct Face with the quickest preset."""
    bpy.context.scene.nextgenface.photo = photo
    bpy.context.scene.nextgenface.preset = PRESET
    ended = sorted(bpy.ops.nextgenface.reconstruct())
    return {"ended": ended, "objects": sorted(item.name for item in bpy.data.objects)}


def ask_neighbour() -> Facts:
    """Versions and places of what the other extension imports."""
    return dict(importlib.import_module(module_of("neighbour")).said())


def remove(extension: str) -> Facts:
    """Uninstall, as the button in the preferences does."""
    repositories = bpy.context.preferences.extensions.repos
    index = next(number for number, each in enumerate(repositories) if each.module == REPOSITORY)
    bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id=extension)
    return {"enabled": is_enabled(extension)}


ACTIONS: dict[str, Callable[..., Facts]] = {
    each.__name__: each for each in (install, enable, set_up, check, reconstruct, ask_neighbour, remove)
}


def main(words: list[str]) -> int:
    """Do what the words ``ACTION`` or ``ACTION=ARGUMENT`` say; 0, or Blender's error where one fails."""
    for word in words:
        name, _, argument = word.partition("=")
        start = time.monotonic()
        facts = ACTIONS[name](*([argument] if argument else []))
        row = {
            "step": " ".join((name, Path(argument).name)).strip(),
            "seconds": round(time.monotonic() - start, 1),
            **facts,
        }
        print("STEP", json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
