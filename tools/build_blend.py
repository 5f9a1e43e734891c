# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a .blend from a finished result, with factory settings.

Runs with the bpy module or inside Blender:

    python tools/build_blend.py out/result.json -o out/face.blend
    blender -b --factory-startup --python tools/build_blend.py -- out/result.json -o out/face.blend
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import in_blender


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="build_blend.py", description="Build a .blend from a finished result.")
    parser.add_argument("result", type=Path, help="the result.json of a finished reconstruction")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .blend to write")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Build and save; the exit code: 0 when the .blend is written."""
    options = parse(arguments)
    in_blender.import_package()
    import bpy
    from nextgenface.engine.errors import EngineError
    from nextgenface.operators.build_scene import BuildOptions, build_result
    from nextgenface.operators.save_blend import save_blend

    bpy.ops.wm.read_factory_settings(use_empty=True)
    # The file remembers who was built in it by the add-on's properties.
    sys.modules["nextgenface"].register()
    bpy.context.scene.render.engine = "CYCLES"
    try:
        built = build_result(bpy.context.scene, options.result.resolve(), BuildOptions())
        save_blend(options.output)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    made = f"{built.vertices} vertices and {built.shape_keys} shape keys, built in {built.seconds:.1f} s"
    print(f"{options.output}: {built.collection} with {made}")
    return 0


if __name__ == "__main__":
    in_blender.run(main)
