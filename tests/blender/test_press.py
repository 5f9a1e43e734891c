"""Pressing the button: what takes long is done elsewhere, and whatever is pressed meanwhile is obeyed."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import bpy
import pytest
from nextgenface.engine import client
from nextgenface.engine.progress import stage_name
from nextgenface.operators import reconstruct
from nextgenface.operators.session import Phase, session

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("fresh_session")]
REAL = subprocess.Popen
SECONDS = 20


@pytest.fixture
def go(monkeypatch):
    """Starting a process takes until this is set; its ``threads`` are those that started one, ``made`` the processes."""
    event = threading.Event()
    event.threads, event.made = [], []

    def start(*arguments, **options):
        event.threads.append(threading.current_thread())
        assert event.wait(SECONDS)
        event.made.append(REAL(*arguments, **options))
        return event.made[-1]

    monkeypatch.setattr(client.subprocess, "Popen", start)
    yield event
    event.set()


@pytest.fixture
def pressed(add_on, photo, go):
    """The job's id as the modal operator has it, while the engine is still being started."""
    add_on.nextgenface.photo = str(photo())
    return reconstruct.start_job(bpy.context, add_on)


def wait_for_end():
    while session.is_active and session.status.phase is not Phase.BUILDING:
        assert session.wait(SECONDS), "the worker says nothing"


def test_the_engine_is_started_by_another_thread_and_the_panel_says_so(pressed, go):
    assert (session.status.phase, stage_name(session.status.stage)) == (Phase.RUNNING, "Starting the engine")
    assert not session.pump()
    go.set()
    wait_for_end()
    assert session.status.phase is Phase.BUILDING
    assert go.threads and threading.main_thread() not in go.threads


def test_cancel_while_the_engine_is_started(pressed, go):
    assert bpy.ops.nextgenface.cancel() == {"FINISHED"}
    assert session.status.phase is Phase.CANCELLING
    go.set()
    wait_for_end()
    assert session.status.phase is Phase.CANCELLED


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_the_add_on_ends_while_the_engine_is_started(pressed, go, monkeypatch):
    monkeypatch.setattr(client, "TERMINATE_SECONDS", 0.1)
    worker = session._worker
    session.close()
    assert session.status.phase is Phase.CANCELLED
    go.set()
    assert worker._ended.wait(SECONDS)
    assert go.made[0].poll() is not None


def test_an_engine_that_cannot_be_started_is_told(add_on, photo, tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text("not a program")
    monkeypatch.setenv("NEXTGENFACE_ENGINE_PYTHON", str(python))
    add_on.nextgenface.photo = str(photo())
    with pytest.raises(RuntimeError, match=r"cannot be run.*Install the engine again"):
        bpy.ops.nextgenface.reconstruct()
    assert session.status.phase is Phase.FAILED
    assert "cannot be run" in session.status.message and session.status.remedy
    with pytest.raises(RuntimeError, match="cannot be run"):
        bpy.ops.nextgenface.find_face()
    bpy.ops.nextgenface.check_engine()
    assert session.check.ok is False and "cannot be run" in session.check.lines[0]["detail"]
