"""What a worker may try out before its first job, without an engine: ``--check-function tests/stand_in_check.py:works``.

Each call adds a line to the file that ``NEXTGENFACE_CHECKS`` names. Standard library only.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from stand_in_engine import engine


def works(reporter):
    """Tried out, and good."""
    return _status(reporter, True, "")


def passed_before(_reporter):
    """Remembered: nothing is tried."""
    _note("remembered")


def fails(reporter):
    """Something is missing."""
    return _status(reporter, False, "mitsuba: not installed.")


def never_ends(reporter):
    """Takes long, and can be cancelled."""
    reporter.progress("check", 1, 11)
    while True:
        reporter.check()
        threading.Event().wait(0.01)


def _status(reporter, ok, message):
    _note("tried")
    reporter.progress("check", 1, 11)
    line = {"name": "mitsuba", "ok": ok, "detail": "3.9.1" if ok else "not installed", "remedy": ""}
    return engine("protocol").EngineStatus(ok, [line], message, "" if ok else "Set the engine up again.")


def _note(word):
    place = os.environ.get("NEXTGENFACE_CHECKS")
    if place:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(f"{word}\n")
