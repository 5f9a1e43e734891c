# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripts share that run with the bpy module or inside Blender, where this project is not installed."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def import_package() -> None:
    """Make this checkout importable as `nextgenface`, whatever its folder is called."""
    if "nextgenface" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        "nextgenface", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"No package in {ROOT}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["nextgenface"] = module
    spec.loader.exec_module(module)


def own_arguments() -> list[str]:
    """What stands behind ``--`` where Blender runs the script, else all arguments."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]


def run(main: Callable[[list[str]], int]) -> None:
    """Call ``main`` with the script's arguments and end the process with its exit code."""
    try:
        code = main(own_arguments())
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Blender goes on after a script and ends with 0, whatever the script returned. The bpy module of Blender 4.2 crashes while it
    # takes itself apart, as soon as there was a property with a Python function.
    bpy = sys.modules.get("bpy")
    if code or bpy is None or not bpy.app.binary_path:
        os._exit(code)
