"""The worker is started away from the thread that asks for it, and whatever is asked in that moment is obeyed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from nextgenface.engine import client as client_module
from nextgenface.engine.client import WorkerProcess, WorkerStartError
from nextgenface.engine.protocol import Done, JobCancelled
from worker_process import ARGUMENTS, PATIENCE, STAND_IN, finals_of, is_gone, linux, wait_for_end


class SlowStart:
    """Stands in for `Popen`: the process comes when it is let go."""

    def __init__(self):
        self.go, self.asked, self.threads, self.made = threading.Event(), threading.Event(), [], []

    def __call__(self, *arguments, **options):
        self.threads.append(threading.current_thread())
        self.asked.set()
        assert self.go.wait(PATIENCE)
        self.made.append(REAL(*arguments, **options))
        return self.made[-1]


REAL = subprocess.Popen


@pytest.fixture
def slow(monkeypatch):
    stand_in = SlowStart()
    monkeypatch.setattr(client_module.subprocess, "Popen", stand_in)
    yield stand_in
    stand_in.go.set()


@pytest.fixture
def beginning(tmp_path, scratch, slow):
    """A worker whose process is only just being started."""
    worker = WorkerProcess(Path(sys.executable), ARGUMENTS, log_folder=tmp_path / "logs", cancel_seconds=0.1)
    worker.begin()
    assert slow.asked.wait(PATIENCE)
    yield worker
    slow.go.set()
    worker.close()


def test_nobody_waits_for_the_process(beginning, slow, job):
    assert beginning.is_alive
    assert beginning.pid == 0
    name = job(beginning, "good")
    assert beginning.drain() == []
    assert slow.threads != [threading.current_thread()]
    slow.go.set()
    assert isinstance(wait_for_end(beginning, name)[-1], Done)


def test_the_thread_that_started_it_lives_as_long_as_the_worker(beginning, slow, job):
    """On Linux the worker is killed when that thread ends."""
    slow.go.set()
    wait_for_end(beginning, job(beginning, "good"))
    assert slow.threads[0].is_alive()
    beginning.close()
    slow.threads[0].join(PATIENCE)
    assert not slow.threads[0].is_alive()


@linux
def test_a_job_that_is_cancelled_before_the_process_came_ends_and_leaves_no_process(beginning, slow, job):
    name = job(beginning, "stuck")
    beginning.cancel(name)
    # Longer than a cancelled job may take.
    assert beginning.wait(0.5) is None
    slow.go.set()
    assert wait_for_end(beginning, name)[-1] == JobCancelled(name)
    assert is_gone(slow.made[0].pid)


@linux
def test_a_worker_that_is_closed_before_the_process_came_leaves_no_process(beginning, slow, job, monkeypatch):
    monkeypatch.setattr(client_module, "TERMINATE_SECONDS", 0.1)
    name = job(beginning, "good")
    beginning.close(0.1)
    slow.go.set()
    assert finals_of(wait_for_end(beginning, name)) == [JobCancelled(name)]
    assert is_gone(slow.made[0].pid)


def test_a_path_that_no_system_takes_is_told(tmp_path):
    with pytest.raises(WorkerStartError, match="null byte"):
        WorkerProcess(Path("no\0python"), log_folder=tmp_path / "logs").start()


def test_a_python_that_is_not_there_ends_what_was_asked(tmp_path, job):
    worker = WorkerProcess(tmp_path / "no-python", log_folder=tmp_path / "logs")
    worker.begin()
    final = wait_for_end(worker, job(worker, "good"))[-1]
    with pytest.raises(WorkerStartError) as caught:
        WorkerProcess(tmp_path / "no-python", log_folder=tmp_path / "logs").start()
    assert (final.message, final.remedy) == (caught.value.message, caught.value.remedy)
    assert "no-python" in final.message


QUITTER = """
import os, sys
sys.path.insert(0, {tests!r})
import stand_in_engine
client = stand_in_engine.engine("client")
from pathlib import Path
worker = client.WorkerProcess(Path(sys.executable), {arguments!r}, log_folder=Path({logs!r}))
worker.begin()
if {killed}:
    os._exit(0)
"""


def processes_of(folder):
    """The processes whose command names something in ``folder``; those that have ended are left out."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (place / "cmdline").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


@linux
@pytest.mark.parametrize("killed", [False, True])
def test_a_starter_that_ends_in_that_moment_leaves_no_process(tmp_path, scratch, killed):
    code = QUITTER.format(tests=str(STAND_IN.parent), arguments=ARGUMENTS, logs=str(tmp_path / "logs"), killed=killed)
    for _ in range(3):
        assert subprocess.run([sys.executable, "-c", code], timeout=PATIENCE).returncode == 0
    end = time.monotonic() + PATIENCE
    while left := processes_of(tmp_path / "logs"):
        assert time.monotonic() < end, left
        time.sleep(0.05)
