# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits photos in one warm worker, as the add-on does, and takes the time and the memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextgenface.engine.client import WorkerProcess
from nextgenface.engine.protocol import Done, Failed, JobCancelled, Progress

_TICK_SECONDS = 1.0
# Writing this to a Linux process's clear_refs makes the peak of its memory begin anew (man 5 proc_pid_clear_refs).
_RESET_PEAK = "5"


class FitError(Exception):
    """A fit ended without a result; the message is the worker's."""


@dataclass(frozen=True)
class Timing:
    """What one fit took.

    Attributes:
        seconds: from asking for it to its last message; None where its worker was started for it and so was not warm.
        started_seconds: from the start of its worker to its last message; None where the worker was there before.
        peak_memory_mb: of the worker during this job, in units of 1,000,000 bytes; None where the system does not tell.
    """

    seconds: float | None
    started_seconds: float | None
    peak_memory_mb: float | None

    def __str__(self) -> str:
        seconds = f"{self.started_seconds:.1f} s with start-up" if self.seconds is None else f"{self.seconds:.1f} s"
        return seconds if self.peak_memory_mb is None else f"{seconds}, {self.peak_memory_mb:.0f} MB"


class Fitter:
    """Gives jobs to one worker, and to another one where that has died. To be used in a ``with`` block."""

    def __init__(self, python: Path, settings: Mapping[str, Any], tell: Callable[[str], None]) -> None:
        """Nothing is started yet.

        Args:
            python: the engine's interpreter.
            settings: of all fits (`Settings.to_dict`).
            tell: is given the name of each stage that begins.
        """
        self._python, self._settings, self._tell = python, dict(settings), tell
        self._worker: WorkerProcess | None = None

    def __enter__(self) -> Fitter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._worker is not None:
            self._worker.close()

    def fit(self, photos: Sequence[Path], output: Path, changes: Mapping[str, Any] | None = None) -> Timing:
        """Fit ``photos`` into the folder ``output``, with some settings of its own.

        Raises:
            FitError: the worker says that it failed, or dies.
        """
        begin = time.perf_counter()
        worker, is_new = self._living_worker()
        _reset_peak(worker.pid)
        asked = time.perf_counter()
        job = worker.start_job(photos, output, {**self._settings, **(changes or {})})
        self._follow(worker, job)
        end = time.perf_counter()
        if is_new:
            return Timing(None, end - begin, _peak_mb(worker.pid))
        return Timing(end - asked, None, _peak_mb(worker.pid))

    def _living_worker(self) -> tuple[WorkerProcess, bool]:
        if self._worker is not None and self._worker.is_alive:
            return self._worker, False
        self._worker = WorkerProcess(self._python)
        self._worker.start()
        return self._worker, True

    def _follow(self, worker: WorkerProcess, job: str) -> None:
        stage = ""
        while True:
            message = worker.wait(_TICK_SECONDS)
            if isinstance(message, Progress) and message.stage != stage:
                stage = message.stage
                self._tell(stage)
            elif isinstance(message, Failed) and message.job in (job, ""):
                raise FitError(f"{message.message} {message.remedy}".strip())
            elif isinstance(message, JobCancelled):
                raise FitError("The fit was cancelled.")
            elif isinstance(message, Done) and message.job == job:
                return


def _reset_peak(pid: int) -> None:
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)


def _peak_mb(pid: int) -> float | None:
    """Largest resident memory of a process since `_reset_peak`, in units of 1,000,000 bytes; None where nothing tells."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return kilobytes[0] * 1024 / 1e6 if kilobytes else None
