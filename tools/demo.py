# SPDX-License-Identifier: GPL-3.0-or-later
"""Set up, then turn a portrait into maps, a mesh, a contact sheet, a .blend and a Cycles render beside the photo.

Run it with Python 3.11: ``python3.11 tools/demo.py``. Without ``--input`` it takes the portrait in ``tests/data``.
Standard library only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import environments
import setup_engine
from environments import ROOT, SetupError, say

PORTRAIT = ROOT / "tests/data/astronaut.png"
COMMAND = "nextgenface-reconstruct"
TAIL_LINES = 20
SIDE_BY_SIDE = "cycles_beside_photo.png"


class DemoError(Exception):
    """A step failed; the message says which."""


def reconstruct(photo: Path, output: Path, options: Sequence[str] = ()) -> None:
    """Run the shell command on ``photo`` with ``options`` of its own; raise `DemoError` if it fails."""
    say(f"Reconstructing {photo.name}")
    run(environments.command_in(setup_engine.ENGINE, COMMAND), "--input", photo, "--output", output, *options)


def build_in_blender(output: Path) -> None:
    """Write the .blend, render it with Cycles and lay the render beside the photo; raise `DemoError` or `SetupError`."""
    blender = setup_engine.blender(setup_engine.default_blender())
    blend, render = output / "face.blend", output / "cycles.png"
    say("Building the .blend")
    run_quietly(blender, ROOT / "tools/build_blend.py", output / "result.json", "-o", blend)
    say("Rendering it with Cycles")
    # The photo as it was read: upright, and of the render's size.
    photo, mask = output / "photo_0.png", output / "skinMask_0.png"
    compared = ("--photo", photo, "--mask", mask, "--over-photo")
    told = run_quietly(blender, ROOT / "tools/render_built_scene.py", blend, "-o", render, *compared)
    print(*(f"    {line}" for line in told.splitlines() if line.startswith("psnr_db")), sep="\n", flush=True)
    engine = environments.python_in(setup_engine.ENGINE)
    sheet = output / SIDE_BY_SIDE
    run(engine, ROOT / "tools/side_by_side.py", photo, render, "--around", mask, "-o", sheet)


def run(program: Path, *arguments: str | Path) -> None:
    """Run ``program``; raise `DemoError` unless it ends with exit code 0."""
    command = [program, *arguments]
    _need_success(subprocess.run(command, cwd=ROOT, env=environments.clean_environment()))


def run_quietly(program: Path, *arguments: str | Path) -> str:
    """Like `run`, but what is printed is returned, and shown only after a failure: Blender tells every sample."""
    command = [program, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environments.clean_environment(), capture_output=True, text=True)
    if done.returncode != 0:
        print(*(done.stdout + done.stderr).splitlines()[-TAIL_LINES:], sep="\n", file=sys.stderr)
    _need_success(done)
    return done.stdout


def _need_success(done: subprocess.CompletedProcess[str] | subprocess.CompletedProcess[bytes]) -> None:
    if done.returncode != 0:
        raise DemoError(f"This step failed ({done.returncode}): " + " ".join(str(part) for part in done.args))


def main() -> int:
    """Read the command line, do everything, list what there is, and return the exit code."""
    parser = argparse.ArgumentParser(description="Set up and reconstruct a portrait, all the way to a Cycles render.")
    parser.add_argument("--input", type=Path, default=PORTRAIT, help="default: the portrait in tests/data")
    parser.add_argument("--output", type=Path, default=ROOT / "out", help="default: out/ in the checkout")
    parser.epilog = f"Other options, such as --preset draft, go on to {COMMAND}."
    arguments, options = parser.parse_known_args()
    photo, output = arguments.input.resolve(), arguments.output.resolve()
    start = time.time()
    try:
        environments.check_python()
        setup_engine.engine()
        reconstruct(photo, output, options)
    except (SetupError, DemoError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    code = 0
    # Maps and mesh stand on their own, so what is missing for Blender is told and does not take them away.
    try:
        build_in_blender(output)
    except (SetupError, DemoError) as error:
        print(f"error: no .blend was made. {error}", file=sys.stderr)
        code = 1
    _list_files(output, start)
    return code


def _list_files(output: Path, start: float) -> None:
    say(f"\nIn {output}:")
    for path in sorted(output.iterdir()):
        if path.is_file() and path.stat().st_mtime >= start - 1.0:
            say(f"    {path.name:28} {path.stat().st_size / 1024:9.0f} KB")


if __name__ == "__main__":
    sys.exit(main())
