"""Whether the engine works on this machine: tried out in a process of its own, and remembered by what that depends on.

Standard library only. What is tried is in `diagnosis`, which imports everything; if that ends the process, the process that
asked lives on and can say at what.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .caches import ENGINE_CHECKS
from .errors import EngineError
from .plain_json import parsed, read_text
from .protocol import EngineStatus, ProtocolError, decode
from .render.cuda import driver_summary
from .render.llvm import candidates
from .reporter import Reporter
from .user_folders import cache_folder
from .whole_files import write_whole

PROGRAM = Path(__file__).with_name("check_program.py")
STAGE = "check"
# A library that is found for the first time is tried for up to two minutes, and there may be several.
SECONDS = 600.0
INSTALL = "Set the engine up again, or choose another Python for it."
# Several engines may take turns: those of two Blenders, or of a checkout and an add-on.
_KEPT = 20
_TICK_SECONDS = 0.2


class EngineCheckError(EngineError):
    """The engine does not work on this machine."""


def check_if_changed(reporter: Reporter) -> EngineStatus | None:
    """Try the engine out unless it passed before and nothing that counts has changed since (None then).

    Raises `Cancelled` by ``reporter``, which is told of every thing that is tried.
    """
    state = state_of_engine()
    if state in _passed():
        return None
    count = 0

    def tried(_name: str) -> None:
        nonlocal count
        reporter.progress(STAGE, count, max(TRIALS, count + 1))
        count += 1

    return check_engine(False, tried, reporter.check)


def check_engine(
    thorough: bool, tried: Callable[[str], None] = lambda _: None, wait: Callable[[], None] = lambda: None
) -> EngineStatus:
    """Try the engine out in a child process, and remember how that ended.

    Args:
        thorough: try every renderer there is, not only until one works.
        tried: told the name of each thing that is tried next.
        wait: called many times a second; may raise to stop it all.
    """
    state = state_of_engine()
    status = _ask_child(thorough, tried, wait)
    _remember(state, status.ok)
    return status


def need(status: EngineStatus | None) -> None:
    """Raise `EngineCheckError` with the reason where ``status`` tells of an engine that does not work."""
    if status is not None and not status.ok:
        raise EngineCheckError(f"The engine does not work on this computer. {status.message}", status.remedy)


# --- the child --------------------------------------------------------------------------------------------------------


def _ask_child(thorough: bool, tried: Callable[[str], None], wait: Callable[[], None]) -> EngineStatus:
    command = [
        sys.executable,
        "-s",
        "-X",
        "utf8",
        str(PROGRAM),
        json.dumps(sys.path),
        *(["--thorough"] if thorough else []),
    ]
    last, status = "Python", None
    try:
        with _running(command) as process:
            for line in _lines(process, wait):
                if line.startswith(TRYING):
                    last = line.removeprefix(TRYING).strip()
                    tried(last)
                else:
                    status = _decoded(line) or status
            code = process.poll()
    except OSError as error:
        return _broken("Python", f"cannot be started: {error.strerror or error}")
    return status or _broken(last, _ending(code))


# What the child says before the name of the next thing; the last line that it says is the status.
TRYING = "trying "
# How many things it tries, for the bar.
TRIALS = 11


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The child; it is ended with the block, and ends by itself if this process dies, for its standard input closes then."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace"
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _lines(process: subprocess.Popen[str], wait: Callable[[], None]) -> Iterator[str]:
    """What ``process`` says, until it ends or its time is over; ``wait`` is called meanwhile."""
    said: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.put(line)
        process.wait()
        said.put(None)

    threading.Thread(target=read, name="check_read", daemon=True).start()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        wait()
        try:
            line = said.get(timeout=_TICK_SECONDS)
        except queue.Empty:
            continue
        if line is None:
            return
        yield line


def _decoded(line: str) -> EngineStatus | None:
    """The status in a line; None where a library said something of its own."""
    try:
        message = decode(line)
    except ProtocolError:
        return None
    return message if isinstance(message, EngineStatus) else None


def _ending(code: int | None) -> str:
    if code is None:
        return f"gave no answer within {SECONDS / 60:.0f} minutes"
    if code >= 0:
        return f"ended the process with code {code}"
    with contextlib.suppress(ValueError):
        return f"ended the process with signal {-code}, {signal.Signals(-code).name}"
    return f"ended the process with signal {-code}"


def _broken(name: str, detail: str) -> EngineStatus:
    """The status where the child could not finish: at what, and how."""
    line = {"name": name, "ok": False, "detail": detail, "remedy": INSTALL}
    return EngineStatus(False, [line], f"{name} {detail}.", INSTALL)


# --- what was found before ----------------------------------------------------------------------------------------------


def state_of_engine() -> str:
    """A digest of all that the answer depends on: the program's version, Python, packages, LLVM libraries and GPU driver."""
    parts = [program_version(), sys.executable, sys.version, os.environ.get("DRJIT_LIBLLVM_PATH", ""), driver_summary()]
    parts += [_stamp(path) for path in candidates()]
    parts += [_stamp(path) for entry in sys.path for path in sorted(Path(entry or ".").glob("*.dist-info"))]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def program_version() -> str:
    """This program's version; empty where the engine is used without it."""
    root = sys.modules.get((__package__ or "").rpartition(".")[0])
    return str(getattr(root, "__version__", ""))


def _stamp(path: Path) -> str:
    """Path, time and size; a package's folder gets a new time when it is installed again."""
    try:
        state = path.stat()
    except OSError:
        return str(path)
    return f"{path} {state.st_mtime_ns} {state.st_size}"


def _file() -> Path:
    return cache_folder() / ENGINE_CHECKS


def _passed() -> dict[str, Any]:
    """States of engines that worked, the oldest first; a damaged file counts as none."""
    try:
        values = parsed(read_text(_file()))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _remember(state: str, ok: bool) -> None:
    """Keep or drop one state. Without a writable cache the engine is simply tried again by the next worker."""
    values = _passed()
    values.pop(state, None)
    if ok:
        values[state] = time.strftime("%Y-%m-%d %H:%M:%S")
    text = json.dumps(dict(list(values.items())[-_KEPT:]), indent=1)
    with contextlib.suppress(OSError):
        write_whole(_file(), lambda stream: stream.write(text.encode()))
