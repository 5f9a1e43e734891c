"""Log files: where they lie, how many are kept, how a process's output is sent to one. Standard library only."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TextIO

_KEPT = 20


def default_folder() -> Path:
    """Where the system keeps a program's logs for this user; not made yet."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData/Local") / "nextgenface" / "logs"
    if sys.platform == "darwin":
        return home / "Library/Logs/nextgenface"
    return Path(os.environ.get("XDG_STATE_HOME") or home / ".local/state") / "nextgenface" / "logs"


def new_log(folder: Path | None = None) -> Path:
    """Make a new, empty log file in ``folder`` (None: `default_folder`) and delete the oldest beyond twenty.

    Where the folder cannot be written, the file is made in the system's folder for temporary files.
    """
    name = time.strftime("worker-%Y%m%d-%H%M%S-")
    for place in (folder or default_folder(), Path(tempfile.gettempdir())):
        try:
            place.mkdir(parents=True, exist_ok=True)
            descriptor, path = tempfile.mkstemp(suffix=".log", prefix=name, dir=place)
        except OSError:
            continue
        os.close(descriptor)
        _thin_out(place)
        return Path(path)
    return Path(os.devnull)


def _thin_out(folder: Path) -> None:
    for path in sorted(folder.glob("worker-*.log"))[:-_KEPT]:
        # A log that another process still has open cannot be deleted on Windows.
        with contextlib.suppress(OSError):
            path.unlink()


def redirect_output(path: Path) -> None:
    """Send file descriptors 1 and 2 and Python's logging to ``path``: prints from C libraries go there too."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout, sys.stderr = _line_by_line(sys.stdout, 1), _line_by_line(sys.stderr, 2)
    faulthandler.enable(sys.stderr)
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, stream=sys.stderr, force=True)


def _line_by_line(stream: TextIO | None, descriptor: int) -> TextIO:
    """A text stream that keeps nothing back; a new one in a process without a console (pythonw), which has none."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
        return stream
    return open(descriptor, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)
