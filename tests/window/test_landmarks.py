"""Edit Landmarks in a real window; see `test_sidebar` for what it needs."""

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
BLENDER = shlex.split(os.environ.get("NEXTGENFACE_BLENDER_WINDOW", ""))
PICTURE = shlex.split(os.environ.get("NEXTGENFACE_WINDOW_PICTURE", ""))
STAND_IN = "NEXTGENFACE_WINDOW_REAL_ENGINE" not in os.environ

pytestmark = [
    pytest.mark.window,
    pytest.mark.skipif(
        not (BLENDER and PICTURE), reason="no NEXTGENFACE_BLENDER_WINDOW and NEXTGENFACE_WINDOW_PICTURE"
    ),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory, astronaut):
    folder = Path(os.environ.get("NEXTGENFACE_WINDOW_FOLDER") or tmp_path_factory.mktemp("window")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    engine = os.environ.get("NEXTGENFACE_ENGINE_PYTHON") or sys.executable
    environment = os.environ | {"NEXTGENFACE_ENGINE_PYTHON": engine}
    if STAND_IN:
        environment["NEXTGENFACE_DETECT_FUNCTION"] = f"{HERE.parent / 'stand_in_engine.py'}:look_at"
    script = ["--factory-startup", "--enable-event-simulate", "--python", str(HERE / "edit_landmarks.py"), "--"]
    process = subprocess.Popen([*BLENDER, *script, str(astronaut), str(folder)], env=environment)
    until = time.monotonic() + 120
    try:
        while process.poll() is None and time.monotonic() < until:
            for wanted in sorted(folder.glob("*.wanted")):
                subprocess.run([*PICTURE, str(wanted.with_suffix(".png"))], check=True)
                wanted.rename(wanted.with_suffix(".taken"))
            time.sleep(0.1)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_a_point_is_dragged_in_a_window_of_its_own_and_kept(report):
    assert "error" not in report, report["error"]
    assert report["dragging"]
    assert 0 in report["placed"] and len(report["placed"]) < 478
    assert (report["windows while editing"], report["windows after"]) == (2, 1)
    assert 0.4 < report["face over view"] < 1.0, "the face fills the view"


def test_one_undo_takes_it_back(report):
    assert report["placed after undo"] == []
    assert report["placed after redo"] == report["placed"]


def test_another_file_ends_it(report):
    assert not report["editing in the other file"]
