"""The real worker process with a stand-in for the fit: every job has one end, and a cancel ends it."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest
from nextgenface.engine import client as client_module
from nextgenface.engine.protocol import (
    PROTOCOL_VERSION,
    Done,
    Failed,
    JobCancelled,
    Preview,
    Progress,
    Ready,
    Result,
    Warned,
)
from worker_process import (
    finals_of,
    in_stage,
    is_gone,
    linux,
    posix,
    until,
    wait_for_end,
)


def test_a_good_job_tells_its_way_and_leaves_a_whole_result(worker, job, tmp_path):
    name = job(worker, "good")
    messages = wait_for_end(worker, name)
    assert messages[0] == Ready(PROTOCOL_VERSION, "0.1.0", worker.pid, str(worker.log))
    assert [type(message) for message in finals_of(messages)] == [Done]
    progress = [message for message in messages if isinstance(message, Progress)]
    assert [step.fraction for step in progress] == sorted(step.fraction for step in progress)
    assert [(step.stage, step.step) for step in progress if step.step == step.steps][-1] == ("stage3", 20)
    assert Warned(name, "This is the stand-in engine.") in messages
    picture = next(message for message in messages if isinstance(message, Preview))
    assert (picture.width, picture.height) == (24, 32)
    assert Path(picture.path).read_bytes().startswith(b"\x89PNG")
    result = Result.from_json(Path(messages[-1].result).read_text())
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {result.head, result.mesh, result.photos[0].light}
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("fails", "No face was found"),
        ("raises", "fault in the program (KeyError)"),
        ("exits", "fault in the program (SystemExit)"),
        ("memory", "ran out of memory"),
        ("full", "disk is full"),
    ],
)
def test_a_job_that_fails_is_told_with_a_remedy_and_the_worker_lives_on(worker, job, tmp_path, mode, said):
    name = job(worker, mode)
    final = wait_for_end(worker, name)[-1]
    assert isinstance(final, Failed)
    assert said in final.message
    assert final.remedy
    assert final.log == str(worker.log)
    assert "Traceback" in worker.log.read_text()
    assert "Traceback" not in final.message + final.remedy
    assert not (tmp_path / "out").exists()
    assert isinstance(wait_for_end(worker, job(worker, "good"))[-1], Done)


@posix
@pytest.mark.parametrize(
    ("mode", "said"), [("dies", "signal 9, SIGKILL"), ("leaves", "exit code 3"), ("segfaults", "signal 11, SIGSEGV")]
)
def test_a_worker_that_dies_is_told_as_a_failure_of_its_job(worker, job, tmp_path, mode, said):
    name = job(worker, mode)
    final = wait_for_end(worker, name)[-1]
    assert isinstance(final, Failed)
    assert final.message == f"The engine ended unexpectedly ({said})."
    assert final.remedy
    assert Path(final.log) == worker.log
    assert not (tmp_path / "out").exists()


@posix
def test_a_crash_leaves_its_place_in_the_log(worker, job):
    wait_for_end(worker, job(worker, "segfaults"))
    assert "stand_in_engine.py" in worker.log.read_text()


@posix
def test_what_a_dying_worker_had_half_written_is_removed(worker, job, tmp_path):
    assert isinstance(wait_for_end(worker, job(worker, "dies_writing"))[-1], Failed)
    assert not (tmp_path / "out").exists()


def test_a_job_for_a_worker_that_has_ended_fails_at_once(worker, job):
    wait_for_end(worker, job(worker, "leaves"))
    worker.close()
    name = job(worker, "good")
    assert [message.job for message in finals_of(worker.drain())] == [name]


def test_a_cancelled_job_ends_and_the_worker_lives_on(worker, job, tmp_path):
    name = job(worker, "slow")
    until(worker, in_stage)
    worker.cancel(name)
    assert wait_for_end(worker, name)[-1] == JobCancelled(name)
    assert worker.is_alive
    assert not (tmp_path / "out").exists()
    assert isinstance(wait_for_end(worker, job(worker, "good"))[-1], Done)


def test_an_error_after_a_cancel_is_the_cancel(worker, job):
    name = job(worker, "sulks")
    until(worker, in_stage)
    worker.cancel(name)
    assert wait_for_end(worker, name)[-1] == JobCancelled(name)


@posix
def test_a_job_that_ignores_a_cancel_is_terminated_in_time(worker, job):
    name = job(worker, "hangs")
    until(worker, in_stage)
    begin = time.monotonic()
    worker.cancel(name)
    assert time.monotonic() - begin < 0.25, "waited for the worker"
    assert wait_for_end(worker, name) == [JobCancelled(name)]
    # 0.3 s for the message, then the signal.
    assert 0.25 < time.monotonic() - begin < 2.0


@linux
def test_a_job_that_ignores_signals_too_is_killed_with_what_it_started(worker, job, monkeypatch):
    monkeypatch.setattr(client_module, "TERMINATE_SECONDS", 0.3)
    name = job(worker, "stuck")
    messages = until(worker, lambda message: in_stage(message))
    child = int(next(message for message in messages if isinstance(message, Warned)).message.split()[1])
    worker.cancel(name)
    assert wait_for_end(worker, name) == [JobCancelled(name)]
    assert is_gone(worker.pid)
    assert is_gone(child)


def test_a_cancel_while_results_are_written_leaves_the_earlier_ones(worker, job, tmp_path):
    assert isinstance(wait_for_end(worker, job(worker, "good"))[-1], Done)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    name = job(worker, "writing")
    until(worker, in_stage)
    worker.cancel(name)
    assert wait_for_end(worker, name)[-1] == JobCancelled(name)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_cancel_at_any_moment_gives_one_end_and_all_or_nothing(worker, job, tmp_path):
    chance = random.Random(1)
    ends = set()
    for _ in range(25):
        name = job(worker, "good")
        threading.Timer(chance.uniform(0.0, 0.08), worker.cancel, [name]).start()
        finals = finals_of(wait_for_end(worker, name))
        assert [final.job for final in finals] == [name]
        ends.add(type(finals[0]))
        whole = (tmp_path / "out" / "result.json").exists()
        assert whole == isinstance(finals[0], Done)
        if whole:
            for path in (tmp_path / "out").iterdir():
                assert not path.name.startswith(".")
                path.unlink()
            (tmp_path / "out").rmdir()
        else:
            assert not (tmp_path / "out").exists()
    assert JobCancelled in ends


def test_a_cancel_of_another_job_does_nothing(worker, job):
    name = job(worker, "good")
    worker.cancel("another")
    assert isinstance(wait_for_end(worker, name)[-1], Done)
    worker.cancel(name)
    assert isinstance(wait_for_end(worker, job(worker, "good"))[-1], Done)
