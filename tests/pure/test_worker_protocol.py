"""What the worker and its starter tell each other, and what the starter does when the worker does not answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nextgenface.engine.client import WorkerProcess, WorkerStartError
from nextgenface.engine.processes import clean_environment
from nextgenface.engine.protocol import (
    PROTOCOL_VERSION,
    CheckEngine,
    Done,
    EngineStatus,
    Failed,
    JobCancelled,
    Progress,
    Ready,
    Result,
    StartJob,
    decode,
    encode,
)
from worker_process import (
    PATIENCE,
    bare_worker,
    finals_of,
    in_stage,
    linux,
    posix,
    until,
    wait_for_end,
)


def test_a_second_job_at_once_is_refused_with_its_own_end(worker, job):
    first = job(worker, "slow")
    until(worker, in_stage)
    second = job(worker, "good")
    refused = wait_for_end(worker, second)[-1]
    assert isinstance(refused, Failed)
    assert refused.message == "A reconstruction is already running."
    assert worker.is_busy
    worker.cancel(first)
    assert wait_for_end(worker, first)[-1] == JobCancelled(first)
    assert not worker.is_busy


@posix
def test_what_a_job_prints_goes_to_the_log_and_not_between_the_messages(worker, job):
    messages = wait_for_end(worker, job(worker, "prints"))
    assert isinstance(messages[-1], Done)
    assert messages[-1].job != "forged"
    assert not [message for message in messages if isinstance(message, Failed)]
    text = worker.log.read_text()
    for printed in ("forged", "to the original stream", "descriptor 1", "descriptor 2", "from C", "from a child"):
        assert printed in text


@posix
def test_prints_do_not_disturb_the_messages_where_there_can_be_no_log(tmp_path, scratch):
    process = bare_worker(tmp_path, "--log", str(tmp_path / "missing" / "log"))
    photo = tmp_path / "prints.png"
    photo.write_bytes(b"photo")
    process.stdin.write(encode(StartJob("a", [str(photo)], str(tmp_path / "out"), {})).encode() + b"\n")
    process.stdin.flush()
    kinds = []
    while kinds[-1:] not in (["done"], ["failed"]):
        message = decode(process.stdout.readline().decode())
        kinds.append(message.kind)
    assert message.job == "a"
    assert kinds[-1] == "done"
    process.stdin.close()
    assert process.wait(PATIENCE) == 0
    process.stdout.close()


def test_one_job_is_one_person_in_all_its_photos(worker, tmp_path):
    photos = [tmp_path / name for name in ("good.png", "left.png", "right.png")]
    for photo in photos:
        photo.write_bytes(b"photo")
    done = wait_for_end(worker, worker.start_job(photos, tmp_path / "out", {}))[-1]
    assert isinstance(done, Done)
    assert len(Result.from_json(Path(done.result).read_text("utf-8")).photos) == 3
    photos[2].unlink()
    failed = wait_for_end(worker, worker.start_job(photos, tmp_path / "again", {}))[-1]
    assert "right.png" in failed.message
    assert not (tmp_path / "again").exists()


def test_a_line_that_is_no_message_is_answered_and_survived(tmp_path, scratch):
    process = bare_worker(tmp_path)
    process.stdin.write(b"hello\n\n\xff\xfe\n" + encode(Ready()).encode() + b"\n")
    process.stdin.flush()
    for _ in range(3):
        assert b'"failed"' in process.stdout.readline()
    process.stdin.close()
    assert process.wait(PATIENCE) == 0
    process.stdout.close()


@pytest.mark.parametrize(
    ("settings", "photos", "said"),
    [
        ({"sead": 1}, ["good.png"], "no setting named 'sead'"),
        ({}, ["missing.png"], "no photo"),
        ({}, [], "No photo was chosen"),
    ],
)
def test_a_request_that_cannot_be_met_is_told_before_anything_is_loaded(worker, tmp_path, settings, photos, said):
    (tmp_path / "good.png").write_bytes(b"photo")
    name = worker.start_job([tmp_path / photo for photo in photos], tmp_path / "out", settings)
    messages = wait_for_end(worker, name)
    assert said in messages[-1].message
    assert not [message for message in messages if isinstance(message, Progress)]


def test_an_output_that_cannot_be_written_is_told_before_anything_is_loaded(worker, tmp_path):
    photo = tmp_path / "good.png"
    photo.write_bytes(b"photo")
    name = worker.start_job([photo], photo / "out", {})
    final = wait_for_end(worker, name)[-1]
    assert isinstance(final, Failed)
    assert str(photo / "out") in final.message
    assert final.remedy


@linux
def test_a_disk_that_fills_up_during_the_job_is_told_and_left_empty(worker, tmp_path, request):
    disk = tmp_path / "disk"
    disk.mkdir()
    # The check before the job asks for room for three of the smallest maps and a photo.
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no rights to mount a file system")
    request.addfinalizer(lambda: subprocess.run(["umount", str(disk)], check=True))
    photo = tmp_path / "fills.png"
    photo.write_bytes(b"photo")
    name = worker.start_job([photo], disk / "out", {"texture_size": 256})
    final = wait_for_end(worker, name)[-1]
    assert isinstance(final, Failed)
    assert "disk is full" in final.message
    assert list(disk.iterdir()) == []
    too_large = worker.start_job([photo], disk / "out", {"texture_size": 8192})
    assert "are needed" in wait_for_end(worker, too_large)[-1].message
    assert list(disk.iterdir()) == []


def test_a_work_function_that_cannot_be_imported_is_told(tmp_path, scratch, job):
    with WorkerProcess(
        Path(sys.executable), ["--work-function", "no_such_package:run"], log_folder=tmp_path / "logs"
    ) as worker:
        final = wait_for_end(worker, job(worker, "good"))[-1]
    assert "package of the engine is missing or broken (no_such_package)" in final.message


def test_the_engine_s_state_is_told_even_where_its_packages_are_missing(tmp_path, scratch):
    """Without site-packages: -S is what the wrapper adds."""
    if os.name != "posix":
        pytest.skip("a shell script stands in for Python")
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    import numpy

    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "numpy").symlink_to(Path(numpy.__file__).parent)
    libraries = Path(numpy.__file__).parents[1] / "numpy.libs"
    if libraries.exists():
        (packages / "numpy.libs").symlink_to(libraries)
    with WorkerProcess(bare, ["--packages", str(packages)], log_folder=tmp_path / "logs") as worker:
        worker.send(CheckEngine())
        status = until(worker, lambda message: isinstance(message, EngineStatus | Failed))[-1]
    lines = {line["name"]: line for line in status.lines}
    assert not status.ok
    assert lines["numpy"]["ok"]
    assert not lines["torch"]["ok"]
    assert lines["torch"]["remedy"]


def test_a_python_that_is_not_there_is_told(tmp_path):
    worker = WorkerProcess(tmp_path / "no-python", log_folder=tmp_path / "logs")
    with pytest.raises(WorkerStartError) as caught:
        worker.start()
    assert "no-python" in caught.value.message
    assert caught.value.remedy
    assert not worker.is_alive


@posix
def test_a_python_that_does_not_start_the_worker_is_told_and_its_words_are_in_the_log(tmp_path, job):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho broken >&2\nexit 5\n")
    broken.chmod(0o755)
    with WorkerProcess(broken, log_folder=tmp_path / "logs") as worker:
        final = wait_for_end(worker, job(worker, "good"))[-1]
    assert "exit code 5" in final.message
    assert "broken" in Path(final.log).read_text()


@posix
def test_an_engine_of_another_version_is_told(tmp_path, job):
    other = tmp_path / "python"
    line = encode(Ready(protocol=PROTOCOL_VERSION + 1)).replace('"', '\\"')
    other.write_text(f'#!/bin/sh\necho "{line}"\nread line\nread line\nread line\n')
    other.chmod(0o755)
    with WorkerProcess(other, log_folder=tmp_path / "logs") as worker:
        final = wait_for_end(worker, job(worker, "good"))[-1]
    assert f"speaks version {PROTOCOL_VERSION + 1}" in final.message
    assert "Install" in final.remedy


def test_closing_during_a_job_ends_it_as_cancelled(worker, job):
    name = job(worker, "slow")
    until(worker, in_stage)
    worker.close()
    assert not worker.is_alive
    assert finals_of(worker.drain()) == [JobCancelled(name)]


@posix
def test_closing_a_worker_that_ignores_everything_takes_no_longer_than_allowed(worker, job):
    job(worker, "stuck")
    until(worker, in_stage)
    os.kill(worker.pid, signal.SIGSTOP)
    begin = time.monotonic()
    worker.close(0.3)
    assert time.monotonic() - begin < 2.0
    assert not worker.is_alive


def test_the_worker_sees_no_packages_of_its_starter(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("PYTHONHOME", "nowhere")
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    cleaned = clean_environment(os.environ)
    assert cleaned["OMP_WAIT_POLICY"] == "PASSIVE"
    assert int(cleaned["GOMP_SPINCOUNT"]) < 20000, "so long a wait takes the cores of whoever works beside"
    assert clean_environment({"OMP_WAIT_POLICY": "ACTIVE"})["OMP_WAIT_POLICY"] == "ACTIVE"
    assert "PYTHONPATH" not in cleaned
    assert "PYTHONHOME" not in cleaned
    assert cleaned["PYTHONNOUSERSITE"] == "1"


def test_a_full_pipe_does_not_block_the_starter(tmp_path, scratch):
    """A worker that reads nothing: what is sent waits in our queue."""
    if os.name != "posix":
        pytest.skip("a shell script stands in for Python")
    deaf = tmp_path / "python"
    deaf.write_text("#!/bin/sh\nexec sleep 600\n")
    deaf.chmod(0o755)
    worker = WorkerProcess(deaf, log_folder=tmp_path / "logs")
    worker.start()
    begin = time.monotonic()
    for _ in range(20):
        worker.send(StartJob("a" * 20_000))
    worker.cancel()
    assert worker.drain() == []
    worker.close(0.1)
    assert time.monotonic() - begin < 2.0
    assert not worker.is_alive
