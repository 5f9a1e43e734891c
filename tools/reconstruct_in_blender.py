# SPDX-License-Identifier: GPL-3.0-or-later
"""``blender -c nextgenface`` for where the extension is not installed, and for a Python that has the bpy module:

    blender -b --python tools/reconstruct_in_blender.py -- photo.jpg -o face.blend

It takes the same options (``--help``). Without ``--engine`` it uses the engine that is set in the add-on's preferences, or
the Python in NEXTGENFACE_ENGINE_PYTHON.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import in_blender

INSTALLED = "NEXTGENFACE_PT_face"


def main(arguments: list[str]) -> int:
    """Run the command; its exit code."""
    import bpy

    panel = getattr(bpy.types, INSTALLED, None)
    if panel is not None:
        package = panel.__module__.rpartition(".panels")[0]
        return importlib.import_module(f"{package}.operators.command").run_command(arguments)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    in_blender.import_package()
    import nextgenface
    from nextgenface.operators.command import run_command

    nextgenface.register()
    try:
        return run_command(arguments, prog="reconstruct_in_blender.py")
    finally:
        nextgenface.unregister()


if __name__ == "__main__":
    in_blender.run(main)
