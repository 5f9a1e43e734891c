"""The engine check: in a process of its own, remembered by what it depends on, and the first step of a worker's first job."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from nextgenface.engine import check
from nextgenface.engine.caches import ENGINE_CHECKS
from nextgenface.engine.client import WorkerProcess
from nextgenface.engine.errors import Cancelled
from nextgenface.engine.protocol import Done, EngineStatus, Failed, JobCancelled, PhotoSeen, Progress, encode
from nextgenface.engine.reporter import SilentReporter
from worker_process import ARGUMENTS, finals_of, is_gone, until, wait_for_end

STAND_IN = Path(__file__).resolve().parents[1] / "stand_in_check.py"
GOOD = EngineStatus(True, [{"name": "numpy", "ok": True, "detail": "1", "remedy": ""}])
BAD = EngineStatus(
    False, [{"name": "numpy", "ok": False, "detail": "gone", "remedy": "Get it."}], "numpy: gone.", "Get it."
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEXTGENFACE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Gives the check a program of a test's own, which also notes that it ran."""
    runs = tmp_path / "runs"

    def use(code):
        program = tmp_path / "program.py"
        note = f"import os, sys, time; open({str(runs)!r}, 'a').write(str(os.getpid()) + ' '); "
        program.write_text(f"{note}{code}", encoding="utf-8")
        monkeypatch.setattr(check, "PROGRAM", program)
        return runs

    return use


def says(status):
    return f"print('trying numpy'); print('hello from a library'); print({encode(status)!r})"


class Told(SilentReporter):
    """Keeps what it is told; is cancelled once ``enough`` things were tried."""

    def __init__(self, enough=100):
        self.steps, self._enough = [], enough

    def progress(self, stage, step, steps, loss=None):
        self.steps.append((stage, step))

    def check(self):
        if len(self.steps) >= self._enough:
            raise Cancelled


def test_what_passed_is_not_tried_again_until_something_changes(child, monkeypatch):
    runs = child(says(GOOD))
    told = Told()
    assert check.check_if_changed(told) == GOOD
    assert told.steps == [("check", 0)]
    assert check.check_if_changed(told) is None
    assert len(runs.read_text().split()) == 1
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "/another/libLLVM.so")
    assert check.check_if_changed(told) == GOOD
    assert len(runs.read_text().split()) == 2
    monkeypatch.delenv("DRJIT_LIBLLVM_PATH")
    assert check.check_if_changed(told) is None, "the other one is not forgotten"


def test_what_failed_is_tried_again(child):
    runs = child(says(BAD))
    for _ in range(2):
        assert check.check_if_changed(Told()) == BAD
    assert len(runs.read_text().split()) == 2
    child(says(GOOD))
    assert check.check_engine(thorough=True) == GOOD
    assert check.check_if_changed(Told()) is None, "what Check Engine found counts too"
    child(says(BAD))
    check.check_engine(thorough=True)
    assert check.check_if_changed(Told()) == BAD


def test_the_answer_depends_on_all_that_counts(tmp_path, monkeypatch):
    """Version of the add-on, Python, packages, LLVM libraries and their files, GPU driver."""
    library, site = tmp_path / "libLLVM.so", tmp_path / "site"
    package = site / "one-1.0.dist-info"
    package.mkdir(parents=True)
    library.touch()
    monkeypatch.setattr(check, "candidates", lambda: [library])
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    states = [check.state_of_engine()]
    assert check.state_of_engine() == states[0]

    def changed():
        states.append(check.state_of_engine())

    library.write_bytes(b"another build")
    changed()
    package.rename(site / "one-1.1.dist-info")
    changed()
    monkeypatch.setattr(check, "driver_summary", lambda: "driver 1, 1 GPU(s)")
    changed()
    monkeypatch.setattr(check, "program_version", lambda: "9.9.9")
    changed()
    monkeypatch.setattr(sys, "executable", "/another/python")
    changed()
    assert len(set(states)) == len(states)


def test_a_library_that_ends_the_process_is_named(child):
    child("print('trying numpy'); print('trying mitsuba', flush=True); os.abort()")
    status = check.check_if_changed(Told())
    assert not status.ok
    assert status.message == "mitsuba ended the process with signal 6, SIGABRT."
    assert status.remedy
    assert status.lines[0]["name"] == "mitsuba"
    with pytest.raises(check.EngineCheckError, match=r"does not work on this computer\. mitsuba ended"):
        check.need(status)


def test_a_check_that_hangs_is_ended(child, monkeypatch):
    runs = child("print('trying torch', flush=True); time.sleep(600)")
    monkeypatch.setattr(check, "SECONDS", 1.0)
    assert check.check_if_changed(Told()).message.startswith("torch gave no answer")
    assert is_gone(int(runs.read_text()))


def test_a_check_can_be_cancelled_and_leaves_no_process(child):
    runs = child("print('trying torch', flush=True); time.sleep(600)")
    with pytest.raises(Cancelled):
        check.check_if_changed(Told(enough=1))
    assert is_gone(int(runs.read_text()))
    assert not (check.cache_folder() / ENGINE_CHECKS).exists()


@pytest.mark.parametrize("damage", ["", "[", "[]", '{"a": [1'])
def test_a_damaged_memory_counts_as_none(child, damage):
    child(says(GOOD))
    file = check.cache_folder() / ENGINE_CHECKS
    file.parent.mkdir()
    file.write_text(damage, encoding="utf-8")
    assert check.check_if_changed(Told()) == GOOD
    assert check.check_if_changed(Told()) is None


def test_the_real_program_tells_what_is_missing(monkeypatch, tmp_path):
    """Packages are hidden from the child, as from an engine that was not set up."""
    plain = [entry for entry in sys.path if "site-packages" not in entry and "dist-packages" not in entry]
    monkeypatch.setattr(sys, "path", plain)
    names = []
    status = check.check_engine(False, names.append)
    assert not status.ok
    assert status.message.startswith("numpy: ModuleNotFoundError")
    assert status.remedy == check.INSTALL
    assert names[0] == "the renderer"


def worker(name):
    return WorkerProcess(Path(sys.executable), worker_args=[*ARGUMENTS, "--check-function", f"{STAND_IN}:{name}"])


@pytest.fixture
def checks(tmp_path, monkeypatch):
    """The file that stand-in checks write to."""
    monkeypatch.setenv("NEXTGENFACE_CHECKS", str(tmp_path / "checks"))
    return tmp_path / "checks"


@pytest.fixture
def photo(tmp_path):
    (tmp_path / "portrait.png").touch()
    return tmp_path / "portrait.png"


def test_the_first_job_tries_the_engine_out_and_the_next_one_does_not(checks, photo, tmp_path):
    with worker("works") as process:
        messages = wait_for_end(process, process.start_job([photo], tmp_path / "one", {}))
        assert isinstance(messages[-1], Done)
        stages = list(dict.fromkeys(m.stage for m in messages if isinstance(m, Progress)))
        assert stages[:3] == ["start", "check", "stage1"]
        assert [m.ok for m in messages if isinstance(m, EngineStatus)] == [True]
        assert isinstance(wait_for_end(process, process.start_job([photo], tmp_path / "two", {}))[-1], Done)
    assert checks.read_text() == "tried\n"


def test_what_passed_before_is_not_told(checks, photo, tmp_path):
    with worker("passed_before") as process:
        messages = wait_for_end(process, process.start_job([photo], tmp_path / "one", {}))
    assert isinstance(messages[-1], Done)
    assert not any(isinstance(m, EngineStatus) for m in messages)


def test_a_failed_check_starts_no_job_and_the_next_one_tries_again(checks, photo, tmp_path):
    with worker("fails") as process:
        for _ in range(2):
            messages = wait_for_end(process, process.start_job([photo], tmp_path / "one", {}))
            (end,) = finals_of(messages)
            assert isinstance(end, Failed)
            assert end.message == "The engine does not work on this computer. mitsuba: not installed."
            assert end.remedy == "Set the engine up again."
            assert not any(isinstance(m, Progress) and m.stage == "stage1" for m in messages)
    assert checks.read_text() == "tried\ntried\n"
    assert not (tmp_path / "one").exists() or not list((tmp_path / "one").iterdir())


def test_a_search_for_faces_tries_it_out_too(checks, photo):
    with worker("fails") as process:
        messages = wait_for_end(process, process.start_detection([photo], {}))
    assert isinstance(messages[-1], Failed)
    assert not any(isinstance(m, PhotoSeen) for m in messages)


def test_the_check_is_cancelled_with_its_job(photo, tmp_path):
    with worker("never_ends") as process:
        job = process.start_job([photo], tmp_path / "one", {})
        until(process, lambda m: isinstance(m, Progress) and m.stage == "check")
        process.cancel(job)
        assert isinstance(wait_for_end(process, job)[-1], JobCancelled)
        assert process.is_alive


def test_a_worker_that_dies_after_an_unasked_status_still_answers_a_check(photo, tmp_path):
    """The count of open questions is not disturbed."""
    with worker("works") as process:
        wait_for_end(process, process.start_job([photo], tmp_path / "one", {}))
        assert process._checks == 0
