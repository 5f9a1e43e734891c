"""No worker outlives its starter, its input or its reader, and none leaves files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from nextgenface.engine import client as client_module
from worker_process import (
    ARGUMENTS,
    PATIENCE,
    STAND_IN,
    bare_worker,
    is_gone,
    linux,
    posix,
)


@pytest.mark.parametrize("mode", [None, "hangs", "slow", "writing"])
def test_the_end_of_standard_input_ends_the_worker_and_leaves_nothing(tmp_path, scratch, mode):
    process = bare_worker(tmp_path, mode=mode)
    process.stdin.close()
    assert process.wait(PATIENCE) == 0
    process.stdout.close()
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "out").exists()


@posix
def test_the_friendly_signal_ends_it_and_leaves_nothing(tmp_path, scratch):
    process = bare_worker(tmp_path, mode="writing")
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "out").exists()
    process.stdin.close()
    process.stdout.close()


def test_the_end_of_its_reader_ends_the_worker(tmp_path, scratch):
    process = bare_worker(tmp_path, mode="slow")
    process.stdout.close()
    assert process.wait(PATIENCE) == 0
    process.stdin.close()


def test_an_idle_worker_ends(tmp_path, scratch):
    process = bare_worker(tmp_path, "--idle-minutes", "0.001")
    assert process.wait(PATIENCE) == 0
    process.stdin.close()
    process.stdout.close()


PARENT = """
import sys, time
sys.path.insert(0, {tests!r})
import stand_in_engine
client = stand_in_engine.engine("client")
from pathlib import Path
worker = client.WorkerProcess(Path(sys.executable), {arguments!r}, log_folder=Path({logs!r}))
worker.start()
job = worker.start_job([Path({photo!r})], Path({output!r}), {{}})
while not getattr(worker.wait(60), "stage", "start") != "start":
    pass
print(worker.pid, flush=True)
time.sleep(600)
"""


@linux
@pytest.mark.parametrize("mode", ["slow", "stuck"])
def test_a_worker_does_not_outlive_a_killed_parent(tmp_path, scratch, mode):
    photo = tmp_path / f"{mode}.png"
    photo.write_bytes(b"photo")
    code = PARENT.format(
        tests=str(STAND_IN.parent),
        arguments=ARGUMENTS,
        logs=str(tmp_path),
        photo=str(photo),
        output=str(tmp_path / "o"),
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    try:
        assert is_gone(pid)
    finally:
        # The stand-in's own child, which only the parent would have ended.
        with_group = Path(f"/proc/{pid}")
        if mode == "stuck" or with_group.exists():
            os.killpg(pid, signal.SIGKILL)


BETWEEN = """
import subprocess, sys
worker = subprocess.Popen([sys.executable, *sys.argv[2:]], stdin=int(sys.argv[1]), stdout=subprocess.PIPE)
worker.stdout.readline()
print(worker.pid, flush=True)
sys.stdin.read()
"""


@linux
def test_the_kernel_ends_a_worker_whose_input_somebody_else_holds_open(tmp_path, scratch):
    reading, writing = os.pipe()
    command = [str(client_module.WORKER_FILE), "--log", str(tmp_path / "log"), "--die-with-parent", *ARGUMENTS]
    parent = subprocess.Popen(
        [sys.executable, "-c", BETWEEN, str(reading), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[reading],
    )
    os.close(reading)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    try:
        assert is_gone(pid)
    finally:
        os.close(writing)
