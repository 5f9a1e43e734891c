"""Each fault that `docs/faults.md` lists, injected: a clear sentence, nothing half-written, and the next job runs."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from nextgenface.engine.client import CANCEL_SECONDS, WorkerProcess
from nextgenface.engine.errors import EngineError
from nextgenface.engine.faces.computed import computed_once
from nextgenface.engine.gpu_lost import is_gpu_lost
from nextgenface.engine.progress import STAGE_SHARES
from nextgenface.engine.protocol import Done, Failed, JobCancelled
from nextgenface.engine.results.checkpoints import read_checkpoint
from nextgenface.engine.results.writing import clean_up
from nextgenface.engine.whole_files import write_whole
from worker_process import ARGUMENTS, finals_of, in_stage, is_gone, linux, posix, until, wait_for_end


@pytest.fixture
def again(tmp_path, scratch):
    """Says whether a job succeeds on this worker, or on a new one where this one has ended, as the add-on starts it."""

    def run(worker, job):
        if worker.is_alive:
            return isinstance(wait_for_end(worker, job(worker, "good"))[-1], Done)
        with WorkerProcess(Path(sys.executable), ARGUMENTS, log_folder=tmp_path / "logs") as fresh:
            return isinstance(wait_for_end(fresh, job(fresh, "good"))[-1], Done)

    return run


def _files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@posix
@pytest.mark.parametrize("stage", STAGE_SHARES)
def test_a_worker_killed_in_any_stage_leaves_only_whole_checkpoints(worker, tmp_path, scratch, stage, job, again):
    photo, output = tmp_path / "stages.png", tmp_path / stage
    photo.write_bytes(b"photo")
    final = wait_for_end(worker, worker.start_job([photo], output, {}))[-1]
    assert isinstance(final, Failed)
    assert "SIGKILL" in final.message
    assert final.remedy
    done = [n for n in (1, 2, 3) if list(STAGE_SHARES).index(f"stage{n}") < list(STAGE_SHARES).index(stage)]
    names = [f"checkpoints/stage{n}_output.npz" for n in done]
    assert sorted(_files(output) if output.exists() else {}) == names
    assert [read_checkpoint(output / name).stage for name in names] == done
    assert is_gone(worker.pid)
    worker.close()
    assert list(scratch.iterdir()) == []
    assert again(worker, job)


@posix
@pytest.mark.parametrize(
    ("mode", "said", "remedy"),
    [
        ("gpu", "the GPU stopped working", "device to 'cpu'"),
        ("aborts", "SIGABRT", "device to 'cpu'"),
        ("removes", "cannot be written to", "another folder"),
        ("removes_late", "cannot be written to", "another folder"),
        pytest.param("takes_memory", "ran out of memory", "smaller", marks=linux),
    ],
)
def test_a_fault_is_told_leaves_nothing_and_the_next_job_runs(worker, job, tmp_path, mode, said, remedy, again):
    final = wait_for_end(worker, job(worker, mode))[-1]
    assert isinstance(final, Failed)
    assert said in final.message
    assert remedy in final.remedy
    assert not (tmp_path / "out").exists()
    worker.drain()
    # A worker that ended has to be seen as ended before the next job asks for it.
    if mode in ("gpu", "aborts"):
        worker.close()
    assert again(worker, job)


def test_a_lost_gpu_is_told_apart_from_a_full_one_and_from_a_fault():
    caused = RuntimeError("drjit.eval() failed")
    caused.__cause__ = RuntimeError("cuda_check(): API error 0700 (CUDA_ERROR_ILLEGAL_ADDRESS)")
    assert is_gpu_lost(caused)
    assert is_gpu_lost(RuntimeError("CUDA error: unspecified launch failure"))
    assert not is_gpu_lost(RuntimeError("CUDA error: out of memory"))
    assert not is_gpu_lost(RuntimeError("shapes do not fit"))
    assert not is_gpu_lost(EngineError("The photo 'CUDA error.png' is damaged."))


def test_fifty_cancels_at_random_moments_leave_the_earlier_result_or_a_whole_new_one(worker, job, tmp_path, scratch):
    # On a busy machine an obedient worker may need longer than the tests of disobedient ones have the patience for.
    worker._cancel_seconds = CANCEL_SECONDS
    assert isinstance(wait_for_end(worker, job(worker, "good"))[-1], Done)
    names, chance, ends = set(_files(tmp_path / "out")), random.Random(6), []
    for _ in range(50):
        name = job(worker, "unhurried")
        threading.Timer(chance.uniform(0.0, 0.2), worker.cancel, [name]).start()
        finals = finals_of(wait_for_end(worker, name))
        assert [final.job for final in finals] == [name]
        ends.append(type(finals[0]))
        assert set(_files(tmp_path / "out")) == names
    assert {JobCancelled, Done} == set(ends)
    assert worker.is_alive
    assert isinstance(wait_for_end(worker, job(worker, "good"))[-1], Done)


@linux
@pytest.mark.slow
def test_two_hundred_jobs_in_a_row_take_no_more_handles_threads_or_memory(worker, job, tmp_path):
    def counts():
        place = Path(f"/proc/{worker.pid}")
        pages = int((place / "statm").read_text().split()[1])
        return len(list((place / "fd").iterdir())), len(list((place / "task").iterdir())), pages

    seen = []
    for number in range(200):
        # One of ten fails, so that its traces are counted too.
        wait_for_end(worker, job(worker, "fails" if number % 10 == 9 else "good"))
        seen.append(counts())
    handles, threads, pages = zip(*seen, strict=True)
    assert max(handles[20:]) <= handles[20]
    assert max(threads[20:]) <= threads[20]
    assert pages[-1] < 1.05 * pages[20]
    assert len(list(Path(f"/proc/{os.getpid()}/fd").iterdir())) < 100


# --- files ------------------------------------------------------------------------------------------------------------


def _compute_slowly(folder, number, barrier):
    barrier.wait()
    computed_once(folder, "model", ("a",), lambda: {"a": np.full(100_000, number)})


def test_two_processes_that_fill_one_cache_at_once_leave_one_whole_file(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    several = [context.Process(target=_compute_slowly, args=(tmp_path, number, barrier)) for number in range(4)]
    for process in several:
        process.start()
    for process in several:
        process.join(60)
        assert process.exitcode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]
    kept = computed_once(tmp_path, "model", ("a",), lambda: pytest.fail("computed again"))["a"]
    assert len(kept) == 100_000
    assert len(set(kept.tolist())) == 1


def test_a_cache_of_any_bytes_is_made_anew(tmp_path):
    chance = random.Random(2)
    np.savez_compressed(tmp_path / "good.npz", a=np.arange(100))
    good = (tmp_path / "good.npz").read_bytes()
    for number in range(200):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "x.npz").write_bytes(data if number % 2 else chance.randbytes(50))
        assert list(computed_once(tmp_path, "x", ("a",), lambda: {"a": np.arange(100)})) == ["a"]


def test_a_disk_that_is_full_leaves_the_earlier_file_and_no_other(tmp_path):
    path = tmp_path / "kept.json"
    write_whole(path, lambda stream: stream.write(b"old"))

    def write(stream):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_whole(path, write)
    assert [(item.name, item.read_bytes()) for item in tmp_path.iterdir()] == [("kept.json", b"old")]


def test_a_photo_replaced_after_it_was_read_keeps_the_hash_of_what_was_read(tmp_path, astronaut):
    pytest.importorskip("cv2")
    from nextgenface.engine.photos.reading import read_photo

    path = tmp_path / "photo.png"
    path.write_bytes(astronaut.read_bytes())
    photo = read_photo(path)
    path.write_bytes(b"another")
    assert photo.sha256 == hashlib.sha256(astronaut.read_bytes()).hexdigest()
    assert photo.srgb8.shape == (512, 512, 3)


@posix
def test_a_photo_that_is_a_pipe_or_a_device_is_refused_and_not_waited_for(tmp_path):
    pytest.importorskip("cv2")
    from nextgenface.engine.errors import PhotoError
    from nextgenface.engine.photos.reading import read_photo

    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero")):
        with pytest.raises(PhotoError, match="is no file"):
            read_photo(path)


def test_what_a_dead_process_left_cannot_name_folders_elsewhere(tmp_path):
    precious, output = tmp_path / "precious", tmp_path / "out"
    precious.mkdir()
    partial = output / ".nextgenface-partial-x"
    partial.mkdir(parents=True)
    (partial / "lock").touch()
    (partial / "made.json").write_text(f'["{precious.as_posix()}", "{output.as_posix()}"]')
    clean_up(output)
    assert precious.is_dir()
    assert not output.exists()


@posix
def test_a_worker_that_hangs_is_ended_by_a_cancel_and_the_next_job_runs(worker, job, again):
    name = job(worker, "hangs")
    until(worker, in_stage)
    worker.cancel(name)
    assert wait_for_end(worker, name)[-1] == JobCancelled(name)
    worker.close()
    assert again(worker, job)
    assert not hasattr(signal, "SIGKILL") or is_gone(worker.pid)
