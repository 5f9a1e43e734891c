"""What the commands for a shell share, outside of Blender and inside: exit codes, the row of people, Ctrl-C. Light."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

from .batch import Person
from .client import WorkerProcess
from .console import Console
from .hints import PhotoHints
from .presets import Loaded
from .protocol import CheckEngine, Done, EngineStatus, Failed, JobCancelled, Message, Ready
from .stages import Stages

# All results are there; it failed, of several people for one at least; the command was wrong; it was cancelled.
OK, FAILED, WRONG_USE, CANCELLED = 0, 1, 2, 130
EXIT_CODES = "Exit codes: 0 done, 1 failed (of several people: for one at least), 2 wrong use, 130 cancelled."
# How often a signal that came while nothing else happened is looked at.
_TICK_SECONDS = 0.1


class Interrupts:
    """Counts Ctrl-C and terminations while the block runs, instead of dying of them."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            # None stands for a handler that was not set from Python, as Blender's own.
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


class Workers:
    """One worker for all people, and another one when it has died. At the end its memory is free for Blender."""

    def __init__(self, python: Path, log_folder: Path | None = None) -> None:
        self._python, self._log_folder = python, log_folder
        self._worker: WorkerProcess | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._worker is not None:
            self._worker.close()

    def living(self) -> WorkerProcess:
        """A worker that takes jobs. Raises WorkerStartError where its Python cannot be run."""
        if self._worker is None or not self._worker.is_alive:
            self._worker = WorkerProcess(self._python, log_folder=self._log_folder)
            self._worker.start()
        return self._worker


def fit_people(
    people: Sequence[Person],
    asked: Loaded,
    wanted: Stages,
    workers: Workers,
    interrupts: Interrupts,
    console: Console,
    hints: Sequence[PhotoHints] = (),
) -> Iterator[Message]:
    """How the reconstruction of each ended, one after the other; a cancel is the last. ``hints``: of all photos in order."""
    said = iter(hints)
    for number, person in enumerate(people):
        if len(people) > 1:
            console.note(f"{number + 1} of {len(people)}: {person.photos[0].name}")
        worker = workers.living()
        job = worker.start_job(
            person.photos,
            person.output,
            asked.values,
            notices=asked.notices,
            checkpoint=wanted.checkpoint,
            skip=wanted.skip,
            hints=[hint.to_dict() for hint in islice(said, len(person.photos))],
        )
        end = follow(worker, job, interrupts, console)
        yield end
        if isinstance(end, JobCancelled):
            return


def follow(worker: WorkerProcess, job: str, interrupts: Interrupts, console: Console) -> Message:
    """Show the worker's messages until the job's last one; a first interrupt cancels, a second ends the worker now."""
    while True:
        message = worker.wait(_TICK_SECONDS)
        if interrupts.count == 1:
            worker.cancel(job)
        elif interrupts.count > 1:
            worker.close(0.0)
        if message is None:
            continue
        if not isinstance(message, EngineStatus):
            # What is wrong with the engine is told by the job's end.
            console.show(message)
        if isinstance(message, Done | JobCancelled | Failed) and message.job in (job, ""):
            return message


def exit_code(people: Sequence[Person], ends: Sequence[Message], console: Console) -> int:
    """The code for how all ``people`` ended; of several, a summary is told unless it was cancelled."""
    if any(isinstance(end, JobCancelled) for end in ends):
        return CANCELLED
    if len(people) > 1:
        sum_up(people, ends, console)
    return OK if all(isinstance(end, Done) for end in ends) else FAILED


def sum_up(people: Sequence[Person], ends: Sequence[Message], console: Console) -> None:
    """Say how many there are, and again what was wrong with the others."""
    failures = [(p, end) for p, end in zip(people, ends, strict=True) if isinstance(end, Failed)]
    console.told(f"{len(people) - len(failures)} of {len(people)} reconstructed.")
    for person, end in failures:
        console.told(f"Skipped {person.photos[0]}: {end.message} {end.remedy}".rstrip())


def check_engine(python: Path, console: Console, log_folder: Path | None = None) -> int:
    """Say what works on this machine; the exit code."""
    with Interrupts() as interrupts, WorkerProcess(python, log_folder=log_folder) as worker:
        worker.send(CheckEngine())
        while not interrupts.count:
            message = worker.wait(_TICK_SECONDS)
            if message is None or isinstance(message, Ready):
                continue
            console.show(message)
            if isinstance(message, EngineStatus):
                return OK if message.ok else FAILED
            if isinstance(message, Failed):
                return FAILED
    return CANCELLED
