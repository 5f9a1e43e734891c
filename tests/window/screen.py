"""Starts Blender with a window for the tests, and takes the pictures that its script asks for.

Needs two commands in the environment: ``NEXTGENFACE_BLENDER_WINDOW`` starts Blender on a screen (arguments are appended),
``NEXTGENFACE_WINDOW_PICTURE`` saves a picture of that screen to the file that is appended. The pictures stay in pytest's
temporary folder, or in ``NEXTGENFACE_WINDOW_FOLDER``.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
STAND_IN_ENGINE = HERE.parent / "stand_in_engine.py"
STAND_IN = "NEXTGENFACE_WINDOW_REAL_ENGINE" not in os.environ
_BLENDER = shlex.split(os.environ.get("NEXTGENFACE_BLENDER_WINDOW", ""))
_PICTURE = shlex.split(os.environ.get("NEXTGENFACE_WINDOW_PICTURE", ""))
MARKS = [
    pytest.mark.window,
    pytest.mark.skipif(
        not (_BLENDER and _PICTURE), reason="no NEXTGENFACE_BLENDER_WINDOW and NEXTGENFACE_WINDOW_PICTURE"
    ),
]


def pictures_folder(tmp_path_factory, name):
    """An empty place for a story's pictures and its report."""
    kept = os.environ.get("NEXTGENFACE_WINDOW_FOLDER")
    folder = (Path(kept) / name if kept else tmp_path_factory.mktemp(name)).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for left in (*folder.glob("*.wanted"), *folder.glob("*.taken"), *folder.glob("report.json")):
        left.unlink()
    return folder


def run_script(name, folder, arguments, options=(), environment=None, seconds=120.0):
    """Run a script of this folder in a window, for ``seconds`` at most; what it reports."""
    engine = os.environ.get("NEXTGENFACE_ENGINE_PYTHON") or sys.executable
    variables = os.environ | {"NEXTGENFACE_ENGINE_PYTHON": engine} | (environment or {})
    script = ["--factory-startup", *options, "--python", str(HERE / name), "--", *map(str, arguments)]
    process = subprocess.Popen([*_BLENDER, *script], env=variables)
    until = time.monotonic() + seconds
    try:
        while process.poll() is None and time.monotonic() < until:
            for wanted in sorted(folder.glob("*.wanted")):
                subprocess.run([*_PICTURE, str(wanted.with_suffix(".png"))], check=True)
                wanted.rename(wanted.with_suffix(".taken"))
            time.sleep(0.1)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))
