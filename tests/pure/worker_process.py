"""What the tests of the worker process share: how it is started and waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nextgenface.engine import client as client_module
from nextgenface.engine.protocol import FINAL_EVENTS, Progress, StartJob, encode

STAND_IN = Path(__file__).resolve().parents[1] / "stand_in_engine.py"
ARGUMENTS = ["--work-function", f"{STAND_IN}:reconstruct", "--detect-function", f"{STAND_IN}:look_at"]
# Far more than anything here takes; reached only when something is broken.
PATIENCE = 30.0
posix = pytest.mark.skipif(os.name != "posix", reason="uses signals")
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def wait_for_end(worker, job):
    """All messages until ``job``'s final one, which is the last; fewer if nothing comes in time."""
    until = time.monotonic() + PATIENCE
    messages = []
    while (left := until - time.monotonic()) > 0:
        message = worker.wait(left)
        if message is not None:
            messages.append(message)
        if isinstance(message, FINAL_EVENTS) and message.job == job:
            break
    return messages


def until(worker, wanted):
    """Wait for the first message that ``wanted`` accepts; the messages up to it."""
    messages = []
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        message = worker.wait(PATIENCE)
        messages.append(message)
        if wanted(message):
            return messages
    raise AssertionError(f"not told: {messages}")


def in_stage(message):
    return isinstance(message, Progress) and message.stage != "start"


def finals_of(messages):
    return [message for message in messages if isinstance(message, FINAL_EVENTS)]


def is_gone(pid):
    """True when the process has ended (a zombie of somebody else's counts as ended); waits for it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def bare_worker(tmp_path, *arguments, mode=None):
    """A worker without the client, its protocol on our pipes."""
    command = [sys.executable, str(client_module.WORKER_FILE), "--log", str(tmp_path / "log"), *ARGUMENTS, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert b'"ready"' in process.stdout.readline()
    if mode:
        photo = tmp_path / f"{mode}.png"
        photo.write_bytes(b"photo")
        request = StartJob("a", [str(photo)], str(tmp_path / "out"), {})
        process.stdin.write(encode(request).encode() + b"\n")
        process.stdin.flush()
        while b"stage" not in process.stdout.readline().replace(b'"stage": "start"', b""):
            pass
    return process
