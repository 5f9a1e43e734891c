# SPDX-License-Identifier: GPL-3.0-or-later
"""From photos to a .blend in one go, without a window:

    blender -b --python tools/reconstruct_in_blender.py -- photo.jpg -o face.blend

It uses the engine that is set in the add-on's preferences, or the Python given by ``--engine`` or NEXTGENFACE_ENGINE_PYTHON.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import in_blender


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="reconstruct_in_blender.py", description="Turn photos of a face into a .blend."
    )
    parser.add_argument("photos", type=Path, nargs="+", metavar="photo", help="one photo, or several of one person")
    parser.add_argument("--different-people", action="store_true", help="each photo shows another person")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .blend to write")
    parser.add_argument("--results", type=Path, help="folder for maps, mesh and report (default: beside the .blend)")
    parser.add_argument("--preset", default="", help="a preset of configs/ (default: the default one)")
    parser.add_argument("--textures", choices=("512", "1024", "2048", "4096"), help="side of the maps in pixels")
    parser.add_argument("--engine", help="the Python that has the engine's packages")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Reconstruct, build and save; the exit code: 0 when the .blend is written."""
    options = parse(arguments)
    if options.engine:
        os.environ["NEXTGENFACE_ENGINE_PYTHON"] = options.engine
    import bpy

    own = not hasattr(bpy.types.Scene, "nextgenface")
    bpy.ops.wm.read_factory_settings(use_empty=True) if own else bpy.ops.wm.read_homefile(use_empty=True)
    if own:
        in_blender.import_package()
        sys.modules["nextgenface"].register()
    try:
        return _reconstruct(bpy, options)
    finally:
        if own:
            sys.modules["nextgenface"].unregister()


def _reconstruct(bpy: Any, options: argparse.Namespace) -> int:
    """Fill in the panel's settings and press its button."""
    chosen = bpy.context.scene.nextgenface
    chosen.photo = str(options.photos[0].absolute())
    for photo in options.photos[1:]:
        chosen.more_photos.add().path = str(photo.absolute())
    chosen.people = "SEVERAL" if options.different_people else "ONE"
    chosen.output = str((options.results or options.output.parent).absolute())
    try:
        if options.preset:
            chosen.preset = options.preset
        if options.textures:
            chosen.texture_size = options.textures
        check_place(options.output)
        bpy.context.scene.render.engine = "CYCLES"
        bpy.ops.nextgenface.reconstruct()
        bpy.ops.wm.save_as_mainfile(filepath=str(options.output.absolute()), check_existing=False)
    except (RuntimeError, TypeError, OSError) as error:
        print(f"error: {str(error).removeprefix('Error: ').strip()}", file=sys.stderr)
        return 1
    print(f"{options.output}: done")
    return 0


def check_place(path: Path) -> None:
    """Raise OSError where ``path`` cannot be written: to be told before the work and not after it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent):
        pass


if __name__ == "__main__":
    in_blender.run(main)
