# SPDX-License-Identifier: GPL-3.0-or-later
"""The one job that may run, its worker, and the status that the panel draws. Knows no Blender; nothing here is saved."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from ..engine.client import WorkerProcess
from ..engine.errors import EngineError
from ..engine.protocol import (
    CheckEngine,
    Done,
    EngineStatus,
    Failed,
    JobCancelled,
    Message,
    Preview,
    Progress,
    Ready,
    Warned,
)
from .detection import SEARCHING, Detection

BUSY = "A face is being reconstructed. Wait for it to finish, or cancel it"


class Phase(Enum):
    """Where a job is."""

    IDLE = "idle"
    RUNNING = "running"
    CANCELLING = "cancelling"
    BUILDING = "building"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


ACTIVE = (Phase.RUNNING, Phase.CANCELLING, Phase.BUILDING)


@dataclass
class Status:
    """What the panel shows of the latest job."""

    phase: Phase = Phase.IDLE
    photo: str = ""
    photos: list[str] = field(default_factory=list)
    stage: str = ""
    step: int = 0
    steps: int = 0
    loss: float | None = None
    fraction: float = 0.0
    seconds_left: float = -1.0
    preview: str = ""
    warnings: list[str] = field(default_factory=list)
    message: str = ""
    remedy: str = ""
    log: str = ""
    bad_photo: str = ""
    result: str = ""
    seconds: float = 0.0
    build_seconds: float = 0.0
    summary: str = ""
    collection: str = ""
    in_the_way: list[str] = field(default_factory=list)


@dataclass
class EngineCheck:
    """What the panel shows of the engine itself."""

    running: bool = False
    ok: bool | None = None
    lines: list[dict[str, Any]] = field(default_factory=list)


class Session:
    """Starts jobs on one worker that stays warm between them, and turns its messages into `status`."""

    def __init__(self) -> None:
        self.status = Status()
        self.check = EngineCheck()
        self.detection = Detection()
        self._worker: WorkerProcess | None = None
        self._worker_python = Path()
        self._job = ""

    @property
    def is_active(self) -> bool:
        """True from the start of a job until its result is built or it ended otherwise."""
        return self.status.phase in ACTIVE

    @property
    def job(self) -> str:
        """The id of the job that is active; empty where there is none."""
        return self._job

    def start(
        self,
        python: Path,
        photos: list[Path],
        output: Path,
        settings: Mapping[str, Any],
        log_folder: Path,
        notices: Sequence[str] = (),
        checkpoint: Path | None = None,
        skip: Sequence[int] = (),
        hints: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """Start a job and return its id; ``notices`` are shown with its warnings. ``checkpoint``, ``skip``, ``hints``: see
        `StartJob`.

        Raises:
            EngineError: another one is active. The status is as before then.
        """
        if self.is_active:
            raise EngineError(f"{BUSY}.")
        worker = self._living_worker(python, log_folder)
        self.status = Status(Phase.RUNNING, photo=photos[0].name, stage="Starting the engine", log=str(worker.log))
        self.status.photos = [str(photo) for photo in photos]
        self.status.warnings += notices
        self._job = worker.start_job(
            photos, output, settings, checkpoint=checkpoint, skip=skip, notices=notices, hints=hints
        )
        return self._job

    def start_detection(self, python: Path, photos: list[Path], settings: Mapping[str, Any], log_folder: Path) -> None:
        """Have the faces in ``photos`` found; what is found comes into `detection`. Raises EngineError as `start`."""
        if self.is_active:
            raise EngineError(f"{BUSY}.")
        worker = self._living_worker(python, log_folder)
        self.detection = Detection(worker.start_detection(photos, settings))

    def cancel_detection(self) -> None:
        """Ask for the end of the search; what was found so far stays."""
        if self.detection.is_running and self._worker is not None:
            self.detection.cancelling = True
            self._worker.cancel(self.detection.job)

    def abandon_detection(self) -> None:
        """End the search now as far as Blender is concerned: its photos are no longer there."""
        self.cancel_detection()
        self.detection = Detection()

    def start_check(self, python: Path, log_folder: Path) -> None:
        """Ask the engine what works; the answer comes into `check`. Raises EngineError while it looks for faces."""
        worker = self._living_worker(python, log_folder)
        self.check = EngineCheck(running=True)
        worker.send(CheckEngine())

    def pump(self) -> bool:
        """Take in what the worker said since the last call; True if something changed."""
        messages = self._worker.drain() if self._worker else []
        for message in messages:
            self._take(message)
        return bool(messages)

    def wait(self, seconds: float) -> bool:
        """`pump`, after waiting up to ``seconds`` for the worker's next message."""
        message = self._worker.wait(seconds) if self._worker else None
        if message is None:
            return False
        self._take(message)
        self.pump()
        return True

    def cancel(self) -> None:
        """Ask for the end of the active job; it ends when the worker says so."""
        if self.status.phase is Phase.RUNNING and self._worker is not None:
            self.status.phase = Phase.CANCELLING
            self._worker.cancel(self._job)

    def abandon(self, message: str, remedy: str) -> None:
        """End the active job now as far as Blender is concerned: whatever the worker still says of it is ignored."""
        if not self.is_active:
            return
        if self._worker is not None:
            self._worker.cancel(self._job)
        self._job = ""
        self.status = Status(Phase.CANCELLED, photo=self.status.photo, message=message, remedy=remedy)

    def fail(self, message: str, remedy: str) -> None:
        """End the active job with an error of Blender's side."""
        self._job = ""
        self.status.phase, self.status.message, self.status.remedy = Phase.FAILED, message, remedy

    def refuse(self, message: str, remedy: str) -> None:
        """Tell why no job was started; a job that is active is not touched."""
        if not self.is_active:
            self.status = Status(Phase.FAILED, message=message, remedy=remedy)

    def finish(self, collection: str, summary: str, in_the_way: list[str]) -> None:
        """End the active job well: ``collection`` was built; objects by the names ``in_the_way`` hide or light it."""
        self._job = ""
        self.status.phase, self.status.summary = Phase.DONE, summary
        self.status.collection, self.status.in_the_way = collection, in_the_way

    def forget(self) -> None:
        """Clear the status of an ended job."""
        if not self.is_active:
            self.status = Status()

    def close(self) -> None:
        """End the worker; returns when it is gone (seconds at most)."""
        worker, self._worker = self._worker, None
        self.abandon("The reconstruction was stopped because the add-on ended.", "Start it again.")
        self.check.running = False
        self.detection = Detection()
        if worker is not None:
            worker.close()

    def _living_worker(self, python: Path, log_folder: Path) -> WorkerProcess:
        """The warm worker, or a new one where there is none, it has ended, is still busy ending, or another Python is asked.

        Raises EngineError while it looks for faces.
        """
        if self.detection.is_running:
            raise EngineError(f"{SEARCHING}.")
        old = self._worker
        if old is not None and (not old.is_alive or old.is_busy or self._worker_python != python):
            self._worker = None
            # Up to some seconds; nobody needs to wait for it.
            threading.Thread(target=old.close, name="worker_close").start()
        if self._worker is None:
            worker = WorkerProcess(python, log_folder=log_folder)
            # Blender goes on meanwhile; a Python that cannot be run is told as the job's end.
            worker.begin()
            self._worker, self._worker_python = worker, python
        return self._worker

    # --- messages ---------------------------------------------------------------------------------------------------

    def _take(self, message: Message) -> None:
        if isinstance(message, Ready):
            return
        if isinstance(message, EngineStatus):
            self.check = EngineCheck(ok=message.ok, lines=message.lines)
        elif isinstance(message, Failed) and not message.job and self.check.running:
            line = {"name": "Engine", "ok": False, "detail": message.message, "remedy": message.remedy}
            self.check = EngineCheck(ok=False, lines=[line])
        elif self._job and getattr(message, "job", "") == self._job:
            self._take_of_job(message)
        elif self.detection.job and getattr(message, "job", "") == self.detection.job:
            self.detection.take(message)

    def _take_of_job(self, message: Message) -> None:
        status = self.status
        if isinstance(message, Progress):
            status.stage, status.fraction = message.stage, message.fraction
            status.step, status.steps, status.loss = message.step, message.steps, message.loss
            status.seconds_left = message.seconds_left
        elif isinstance(message, Preview):
            status.preview = message.path
        elif isinstance(message, Warned):
            status.warnings.append(message.message)
        elif isinstance(message, Done):
            status.phase, status.fraction = Phase.BUILDING, 1.0
            status.result, status.seconds = message.result, message.seconds
        elif isinstance(message, JobCancelled):
            self._job = ""
            self.status = Status(Phase.CANCELLED, photo=status.photo, message="Cancelled. Nothing was changed.")
        elif isinstance(message, Failed):
            self.fail(message.message, message.remedy)
            self.status.log = message.log or status.log
            self.status.bad_photo = message.photo


session = Session()
atexit.register(lambda: session.close())
