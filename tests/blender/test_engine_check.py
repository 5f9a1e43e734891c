"""The check before the first job, as a person meets it: told where the button was pressed, and started again by a set-up."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
from nextgenface.engine import user_folders
from nextgenface.operators import engine as engine_operators
from nextgenface.operators.session import Phase, session
from nextgenface.properties import places
from snapshots import snapshot

pytestmark = pytest.mark.blender

STAND_IN = Path(__file__).resolve().parents[1] / "stand_in_check.py"


@pytest.fixture(autouse=True)
def fresh_session(tmp_path, monkeypatch):
    monkeypatch.setenv("NEXTGENFACE_CHECKS", str(tmp_path / "checks"))
    session.close()
    session.forget()
    yield
    session.close()
    session.forget()


@pytest.fixture
def check_with(monkeypatch):
    """Chooses what the engine's check comes to."""
    return lambda name: monkeypatch.setenv("NEXTGENFACE_CHECK_FUNCTION", f"{STAND_IN}:{name}")


def test_an_engine_that_does_not_work_is_told_where_the_button_was_pressed(add_on, photo, check_with, tmp_path):
    check_with("fails")
    before = snapshot(add_on)
    add_on.nextgenface.photo = str(photo())
    with pytest.raises(
        RuntimeError, match=r"does not work on this computer\. mitsuba: not installed\. Set the engine up"
    ):
        bpy.ops.nextgenface.reconstruct()
    assert (session.status.phase, session.status.remedy) == (Phase.FAILED, "Set the engine up again.")
    assert session.check.ok is False
    assert session.check.lines[0]["detail"] == "not installed", "the panel lists what was tried"
    assert snapshot(add_on) == before
    assert not list(tmp_path.glob("results/**/*.json"))
    check_with("works")
    session.close()
    assert bpy.ops.nextgenface.reconstruct() == {"FINISHED"}
    assert session.check.ok is True


def test_the_engine_is_tried_out_once(add_on, photo, check_with, tmp_path):
    check_with("works")
    add_on.nextgenface.photo = str(photo())
    for _ in range(2):
        assert bpy.ops.nextgenface.reconstruct() == {"FINISHED"}
    assert (tmp_path / "checks").read_text() == "tried\n"


def test_finding_faces_needs_an_engine_that_works_too(add_on, photo, check_with):
    check_with("fails")
    path = photo()
    bpy.ops.nextgenface.add_photos(directory=str(path.parent), files=[{"name": path.name}])
    with pytest.raises(RuntimeError, match="does not work on this computer"):
        bpy.ops.nextgenface.find_face()


def test_caches_go_with_the_add_on(monkeypatch, add_on, photo):
    """Removing it removes them, and its workers know where they are."""
    import nextgenface

    monkeypatch.delenv("NEXTGENFACE_CACHE", raising=False)
    mine = user_folders.cache_folder()
    assert mine == places.user_folder("cache")
    add_on.nextgenface.photo = str(photo())
    bpy.ops.nextgenface.reconstruct()
    assert (mine / "kernels").is_dir()
    nextgenface.unregister()
    assert user_folders.cache_folder() != mine
    nextgenface.register()


@pytest.mark.parametrize("ok", [True, False])
def test_a_set_up_that_ended_well_is_followed_by_a_check(monkeypatch, ok):
    calls = []
    monkeypatch.setattr(engine_operators, "check_engine", lambda: calls.append(1))
    monkeypatch.setattr(engine_operators, "redraw_panels", lambda _: None)
    ended = SimpleNamespace(running=False, ok=ok, message="Ended.")
    monkeypatch.setattr(engine_operators.setup, "current", ended)
    operator = SimpleNamespace(report=lambda *_: None)
    engine_operators._Install.tick(operator, bpy.context)
    assert len(calls) == ok


def test_without_a_window_the_next_job_does_it(add_on):
    engine_operators.check_engine()
    assert not session.check.running
