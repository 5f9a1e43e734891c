"""Check Engine: what it tells, and that the worker which told it can still do a reconstruction."""

from __future__ import annotations

import subprocess
import sys

import pytest
from nextgenface.engine import check
from nextgenface.engine.reporter import SilentReporter

pytestmark = pytest.mark.engine

CHECK_THEN_WORK = """
from nextgenface.engine.diagnosis import engine_status
from nextgenface.engine.render.variant import activate

status = engine_status()
names = [line["name"] for line in status.lines]
print(status.ok, {"Python", "numpy", "torch", "mitsuba", "drjit", "mediapipe", "face landmarks"} <= set(names))
print(activate().name)
"""

NO_RENDERER = """
import sys
from nextgenface.engine import diagnosis
from nextgenface.engine.render import variant

cuda = {"name": "CUDA", "ok": False, "detail": "no NVIDIA GPU", "remedy": "None needed."}
variant.describe = lambda _: [cuda, {"name": "LLVM", "ok": False, "detail": "no library found", "remedy": "Install it."}]
status = diagnosis.engine_status()
print(status.ok, "drjit" in sys.modules)
print(status.message, status.remedy)
"""


def said_by(code):
    """The lines that a fresh Python prints: what is tested depends on the order of imports."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_a_process_that_was_checked_can_still_render():
    good, variant = said_by(CHECK_THEN_WORK)
    assert good == "True True"
    assert variant in ("llvm_ad_rgb", "cuda_ad_rgb")


NO_MODEL = """
from nextgenface.engine import diagnosis
from nextgenface.engine.errors import SettingsError
from nextgenface.engine.landmarks import choose

def lacking(_):
    raise {}

choose.choose_detector = lacking
status = diagnosis.engine_status(thorough=False)
line = next(line for line in status.lines if line["name"] == "face landmarks")
print(status.ok, line["ok"], line["detail"], line["remedy"])
"""


def test_a_missing_model_is_told_and_left_to_the_job_a_broken_one_is_not():
    missing = "SettingsError('This MediaPipe brings no face models.', 'Choose one.')"
    assert said_by(NO_MODEL.format(missing)) == ["True False This MediaPipe brings no face models Choose one."]
    (said,) = said_by(NO_MODEL.format("RuntimeError('broken')"))
    assert said.startswith("False False RuntimeError: broken")


def test_without_a_renderer_nothing_is_imported_that_could_end_the_process():
    assert said_by(NO_RENDERER) == ["False False", "LLVM: no library found. Install it."]


def test_the_whole_engine_is_tried_in_a_process_of_its_own_and_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("NEXTGENFACE_CACHE", str(tmp_path))
    names = []
    status = check.check_engine(False, names.append)
    assert status.ok, status
    assert len(names) == check.TRIALS
    assert {"the renderer", "torch", "face landmarks"} <= set(names)
    assert check.check_if_changed(SilentReporter()) is None
    assert sum(line["name"].startswith("LLVM") and line["ok"] for line in status.lines) <= 1, "one renderer is enough"
