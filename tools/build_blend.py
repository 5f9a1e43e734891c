# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a .blend from a finished result, with factory settings.

Runs with the bpy module or inside Blender:

    python tools/build_blend.py out/result.json -o out/face.blend
    blender -b --factory-startup --python tools/build_blend.py -- out/result.json -o out/face.blend
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def import_package() -> None:
    """Make this checkout importable as `nextgenface`, whatever its folder is called and wherever it is not installed."""
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


def own_arguments(arguments: list[str]) -> list[str]:
    """What stands behind ``--`` where Blender runs this script, else all of it."""
    return arguments[arguments.index("--") + 1 :] if "--" in arguments else arguments[1:]


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="build_blend.py", description="Build a .blend from a finished result.")
    parser.add_argument("result", type=Path, help="the result.json of a finished reconstruction")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .blend to write")
    parser.add_argument("--no-pack", action="store_true", help="keep the images as files beside the .blend")
    return parser.parse_args(own_arguments(arguments))


def main(arguments: list[str]) -> int:
    """Build and save. Returns the exit code: 0 when the .blend is written."""
    options = parse(arguments)
    import_package()
    import bpy
    from nextgenface.engine.errors import EngineError
    from nextgenface.operators.build_scene import BuildOptions, build_result
    from nextgenface.operators.save_blend import save_blend

    bpy.ops.wm.read_factory_settings(use_empty=True)
    try:
        save = save_blend(options.output) if options.no_pack else None
        built = build_result(bpy.context.scene, options.result.resolve(), BuildOptions(pack_images=not options.no_pack))
        save = save_blend(options.output)
    except EngineError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"{save}: {built.collection} with {built.vertices} vertices and {built.shape_keys} shape keys")
    return 0


if __name__ == "__main__":
    code = main(sys.argv)
    # Blender ignores a script's return value, and sys.exit(0) would skip its own clean-up in background mode.
    if code:
        sys.exit(code)
