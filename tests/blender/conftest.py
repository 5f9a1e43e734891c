"""Tests of the Blender side: run them in an environment that has the bpy module and pytest, one per Blender version.

The worker is run by any Python that has NumPy: by default this one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "tests"), str(ROOT / "tools")]

import in_blender  # noqa: E402

in_blender.import_package()

_ended: list[int] = []


def pytest_sessionfinish(exitstatus):
    """Remember how the tests ended."""
    _ended.append(int(exitstatus))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    """Leave as the tests ended: the bpy module of Blender 4.2 crashes while it takes itself apart, see `in_blender.run`."""
    sys.stdout.flush()
    sys.stderr.flush()
    if _ended:
        os._exit(_ended[-1])


@pytest.fixture
def fresh_session():
    """No worker before the test nor after it, and nothing known of jobs."""
    from nextgenface.operators.session import session

    session.close()
    session.forget()
    yield
    session.close()


@pytest.fixture
def empty_file():
    """Factory settings and nothing in the file; the user's own preferences are never read."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


@pytest.fixture
def scene(empty_file):
    """A scene that has something in it that must survive."""
    mine = bpy.data.objects.new("Mine", bpy.data.meshes.new("Mine"))
    empty_file.collection.objects.link(mine)
    mine.select_set(True)
    bpy.context.view_layer.objects.active = mine
    empty_file.world = bpy.data.worlds.new("My World")
    empty_file.view_settings.exposure = 1.5
    return empty_file


@pytest.fixture
def add_on(scene, monkeypatch, tmp_path):
    """The scene with the add-on registered and the stand-in engine behind it."""
    import nextgenface

    monkeypatch.setenv("NEXTGENFACE_ENGINE_PYTHON", sys.executable)
    monkeypatch.setenv("NEXTGENFACE_WORK_FUNCTION", f"{ROOT / 'tests' / 'stand_in_engine.py'}:reconstruct")
    monkeypatch.setenv("NEXTGENFACE_DETECT_FUNCTION", f"{ROOT / 'tests' / 'stand_in_engine.py'}:look_at")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    entry = bpy.context.preferences.addons.new()
    entry.module = "nextgenface"
    nextgenface.register()
    scene.nextgenface.output = str(tmp_path / "results")
    yield scene
    nextgenface.unregister()


@pytest.fixture
def photo(tmp_path):
    """Makes a photo under a name, which tells the stand-in engine what to do."""
    from small_result import save_picture

    def make(name="portrait"):
        import numpy as np

        path = tmp_path / f"{name}.png"
        save_picture(path, np.full((48, 64, 3), 0.5, np.float32))
        return path

    return make
