"""The sidebar tab in a real window, with the stand-in engine (or the real one: ``NEXTGENFACE_WINDOW_REAL_ENGINE``).

Needs two commands in the environment: ``NEXTGENFACE_BLENDER_WINDOW`` starts Blender on a screen (arguments are appended),
``NEXTGENFACE_WINDOW_PICTURE`` saves a picture of that screen to the file that is appended. The pictures stay in pytest's
temporary folder, or in ``NEXTGENFACE_WINDOW_FOLDER``.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
BLENDER = shlex.split(os.environ.get("NEXTGENFACE_BLENDER_WINDOW", ""))
PICTURE = shlex.split(os.environ.get("NEXTGENFACE_WINDOW_PICTURE", ""))
PRESET = os.environ.get("NEXTGENFACE_WINDOW_PRESET", "default")
STAND_IN = "NEXTGENFACE_WINDOW_REAL_ENGINE" not in os.environ
PATIENCE = float(os.environ.get("NEXTGENFACE_WINDOW_SECONDS", "30"))

pytestmark = [
    pytest.mark.window,
    pytest.mark.skipif(
        not (BLENDER and PICTURE), reason="no NEXTGENFACE_BLENDER_WINDOW and NEXTGENFACE_WINDOW_PICTURE"
    ),
]


def run_story(photo: Path, folder: Path, engine: Path) -> dict:
    """Run `in_blender` and take the pictures that it asks for; its report."""
    environment = os.environ | {"NEXTGENFACE_ENGINE_PYTHON": str(engine)}
    if STAND_IN:
        environment["NEXTGENFACE_WORK_FUNCTION"] = f"{HERE.parent / 'stand_in_engine.py'}:reconstruct"
        shutil.copyfile(photo, folder / "slow.png")
    script = [
        "--factory-startup",
        "--python",
        str(HERE / "in_blender.py"),
        "--",
        str(photo),
        str(folder),
        str(PATIENCE),
        PRESET,
    ]
    process = subprocess.Popen([*BLENDER, *script], env=environment)
    until = time.monotonic() + 2 * PATIENCE + 120
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


@pytest.fixture(scope="module")
def report(tmp_path_factory, astronaut):
    folder = Path(os.environ.get("NEXTGENFACE_WINDOW_FOLDER") or tmp_path_factory.mktemp("window")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    engine = Path(os.environ.get("NEXTGENFACE_ENGINE_PYTHON") or sys.executable)
    return run_story(astronaut, folder, engine)


def test_a_job_runs_while_the_window_lives(report):
    assert "error" not in report, report["error"]
    moments = report["moments"]
    assert moments["idle"]["phase"] == "idle"
    assert moments["running"]["phase"] in ("running", "building", "done")
    assert moments["done"]["phase"] == "done", moments["done"]["message"]
    new = set(moments["done"]["objects"]) - set(moments["idle"]["objects"])
    assert len(new) == 3, "the head, its eyes and the camera"


def test_one_undo_takes_everything_back(report):
    assert report["moments"]["undone"]["objects"] == report["moments"]["idle"]["objects"]


def test_a_missing_photo_is_told_in_the_panel(report):
    assert "no photo.png" in report["missing photo"]


@pytest.mark.skipif(not STAND_IN, reason="needs a photo that the engine never ends with")
def test_cancel_and_another_file_end_the_job(report):
    assert "is being reconstructed" in report["second press"]
    for name in ("cancelled", "other_file"):
        assert report["moments"][name]["phase"] == "cancelled"
    assert "another file" in report["moments"]["other_file"]["message"]
    assert report["moments"]["other_file"]["objects"] == report["moments"]["idle"]["objects"]
