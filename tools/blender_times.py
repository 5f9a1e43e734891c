# SPDX-License-Identifier: GPL-3.0-or-later
"""How long this add-on holds up Blender: building a result, and each tick of the timer while a job runs.

    .venv-blender/bin/python tools/blender_times.py out/result.json
    .venv-blender/bin/python tools/blender_times.py out/result.json --texture 2048

Each tick of the running job takes in progress and a new picture of noise, which no compression makes small, and which an
Image Editor shows too.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import in_blender

PREVIEW_SIZE = 384


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="blender_times.py", description="Measure what holds up Blender.")
    parser.add_argument("result", type=Path, help="the result.json of a finished reconstruction")
    parser.add_argument("--texture", type=int, default=0, help="scale the maps to this many pixels before building")
    parser.add_argument("--repeat", type=int, default=3, help="how often the result is built")
    parser.add_argument("--ticks", type=int, default=200, help="how many ticks are measured")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Measure and print; the exit code."""
    options = parse(arguments)
    in_blender.import_package()
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    sys.modules["nextgenface"].register()
    with tempfile.TemporaryDirectory() as folder:
        result = (
            scaled(bpy, options.result.resolve(), options.texture, Path(folder)) if options.texture else options.result
        )
        seconds = [build(bpy, result.resolve()) for _ in range(options.repeat)]
        print(f"build: {min(seconds):.2f} s at best, {max(seconds):.2f} s at worst, of {len(seconds)}")
        ticks = [1000 * seconds for seconds in run_ticks(bpy, Path(folder), options.ticks)]
    print(
        f"tick with a picture of {PREVIEW_SIZE} pixels: {statistics.median(ticks):.1f} ms, {max(ticks):.1f} ms at most"
    )
    return 0


def scaled(bpy: Any, result: Path, texture: int, folder: Path) -> Path:
    """A copy of the result in ``folder`` with maps of ``texture`` pixels; its result.json."""
    copy = folder / "scaled"
    shutil.copytree(result.parent, copy)
    for name in ("diffuseMap_0", "specularMap_0", "roughnessMap_0", "normalMap_0"):
        path = copy / f"{name}.png"
        if not path.is_file():
            continue
        image = bpy.data.images.load(str(path))
        image.scale(texture, texture)
        image.save()
        bpy.data.images.remove(image)
    return copy / result.name


def build(bpy: Any, result: Path) -> float:
    """Build in an empty file; seconds."""
    from nextgenface.operators.build_scene import BuildOptions, build_result

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return build_result(bpy.context.scene, result, BuildOptions()).seconds


def run_ticks(bpy: Any, folder: Path, count: int) -> list[float]:
    """Seconds of each tick of a job that tells much."""
    from nextgenface.engine.protocol import Preview, Progress
    from nextgenface.operators.live_preview import IMAGE_NAME, live_preview
    from nextgenface.operators.picture_files import refresh, write_picture
    from nextgenface.operators.session import Phase, Status, session

    random = np.random.default_rng(0)
    session._job, session.status = "job", Status(Phase.RUNNING)
    times = []
    for number in range(count):
        path = folder / f"preview_{number}.png"
        write_picture(path, random.random((PREVIEW_SIZE, PREVIEW_SIZE, 4), np.float32))
        begin = time.perf_counter()
        session._take(Progress("job", "stage2", number, count, 1.0, number / count, 1.0))
        session._take(Preview("job", str(path), PREVIEW_SIZE, PREVIEW_SIZE))
        live_preview().follow(bpy.context, session.status.preview)
        times.append(time.perf_counter() - begin)
        path.unlink()
        if number == 0:
            refresh(IMAGE_NAME)
    session._job, session.status = "", Status()
    return times


if __name__ == "__main__":
    in_blender.run(main)
