"""One reconstruction or detection in the worker: its reporter, and how its end, whatever that is, becomes one final message."""

from __future__ import annotations

import errno
import logging
import math
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .channel import Channel
from .errors import Cancelled, EngineError, PhotoError
from .gpu_lost import is_gpu_lost
from .hints import PhotoHints
from .memory import is_out_of_memory, release_memory
from .progress import ProgressMeter
from .protocol import (
    DetectLandmarks,
    Done,
    Failed,
    JobCancelled,
    Message,
    PhotoSeen,
    Preview,
    Progress,
    StartJob,
    Warned,
)
from .reporter import Reporter
from .results.png import write_png
from .results.writing import check_output
from .settings import Settings
from .stages import Stages

_log = logging.getLogger("nextgenface.worker")
_PROGRESS_SECONDS = 0.1
_PREVIEW_SECONDS = 0.5
_PREVIEWS_KEPT = 3
_SAY_IT = "Please report this with the log."


class Job:
    """A request that was accepted, whether its end was asked for, and whether the GPU was lost in it."""

    def __init__(self, request: StartJob | DetectLandmarks) -> None:
        self.id = request.job
        self.request = request
        self.cancelled = threading.Event()
        self.gpu_lost = False


class ChannelReporter:
    """`engine.reporter.Reporter` that sends messages: progress at most 10 times a second, previews at most twice."""

    def __init__(self, job: Job, channel: Channel, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._job = job
        self._channel = channel
        self._folder = folder
        self._clock = clock
        self._meter = ProgressMeter(clock=clock)
        self._held: Progress | None = None
        self._told = self._shown = -math.inf
        self._stage = ""
        self._previews: list[Path] = []

    def progress(self, stage: str, step: int, steps: int, loss: float | None = None) -> None:
        """Tell it: a new stage and a stage's last step at once, others in time; raises `Cancelled`."""
        self.check()
        fraction = self._meter.update(stage, step, steps)
        finite = float(loss) if loss is not None and math.isfinite(loss) else None
        left = self._meter.seconds_left()
        self._held = Progress(self._job.id, stage, int(step), int(steps), finite, fraction, left)
        now = self._clock()
        if stage != self._stage or step >= steps or now - self._told >= _PROGRESS_SECONDS:
            self._stage, self._told = stage, now
            self.flush()

    def flush(self) -> None:
        """Send the progress that was held back, if any."""
        if self._held is not None:
            self._channel.send(self._held)
            self._held = None

    def preview(self, image: NDArray[np.uint8]) -> None:
        """Write the picture to the job's folder and tell it, or drop it if the last one is young; raises `Cancelled`."""
        self.check()
        now = self._clock()
        if now - self._shown < _PREVIEW_SECONDS:
            return
        self._shown = now
        path = self._folder / f"preview_{time.monotonic_ns():020d}.png"
        try:
            self._write(path, image)
        except OSError as error:
            _log.warning("A preview could not be written: %s", error)
            return
        self._channel.send(Preview(self._job.id, str(path), image.shape[1], image.shape[0]))

    def _write(self, path: Path, image: NDArray[np.uint8]) -> None:
        part = path.with_suffix(".part")
        write_png(part, image, level=1)
        part.replace(path)
        self._previews.append(path)
        while len(self._previews) > _PREVIEWS_KEPT:
            self._previews.pop(0).unlink(missing_ok=True)

    def warn(self, message: str) -> None:
        """Tell it at once."""
        _log.warning("%s", message)
        self._channel.send(Warned(self._job.id, message))

    def check(self) -> None:
        """Raise `Cancelled` if the person asked for the end."""
        if self._job.cancelled.is_set():
            raise Cancelled


def run_job(
    job: Job,
    work: Callable[[], Any],
    channel: Channel,
    temp: Path,
    log: Path,
    ready: Callable[[Reporter], None] = lambda _: None,
) -> Message:
    """Run ``job`` and return its one final message, which the caller sends. Never raises.

    Args:
        job: the request.
        work: returns ``reconstruct(photos, output, settings, reporter, stages, hints) -> path of result.json``, for a
            detection ``look_at(photo, settings, reporter) -> PhotoSeen``; called late, because it imports everything.
        channel: for what is told on the way.
        temp: folder for the job's previews; the previous job's are deleted only now, when nobody looks at them any
            more.
        log: named in a failure.
        ready: called before ``work``; raises where no work can be done.
    """
    begin = time.monotonic()
    try:
        request = job.request
        if isinstance(request, DetectLandmarks):
            result = _detect(job, request, work, channel, temp, ready)
        else:
            result = str(_reconstruct(job, request, work, channel, temp, ready))
        _log.info("Job %s is done: %s", job.id, result)
        return Done(job.id, result, round(time.monotonic() - begin, 3))
    except Cancelled:
        return JobCancelled(job.id)
    except (Exception, SystemExit) as error:
        _log.exception("Job %s failed", job.id)
        job.gpu_lost = is_gpu_lost(error)
        if job.cancelled.is_set():
            return JobCancelled(job.id)
        message, remedy = told(error)
        photo = error.photo if isinstance(error, PhotoError) else ""
        return Failed(job.id, message, remedy, str(log), photo)
    finally:
        release_memory()


def _detect(
    job: Job,
    request: DetectLandmarks,
    work: Callable[[], Any],
    channel: Channel,
    temp: Path,
    ready: Callable[[Reporter], None],
) -> str:
    """Look at each photo; one that is of no use is told in its own message and does not keep the others from being seen."""
    settings = Settings.from_dict(request.settings)
    reporter = ChannelReporter(job, channel, temp)
    reporter.progress("start", 0, 1)
    ready(reporter)
    look_at = work()
    for index, photo in enumerate(request.photos):
        reporter.progress("landmarks", index, len(request.photos))
        try:
            seen = look_at(Path(photo), settings, reporter)
        except PhotoError as error:
            seen = PhotoSeen(message=error.message, remedy=error.remedy)
        channel.send(replace(seen, job=job.id, index=index, photo=photo))
    reporter.flush()
    return ""


def _reconstruct(
    job: Job,
    request: StartJob,
    work: Callable[[], Any],
    channel: Channel,
    temp: Path,
    ready: Callable[[Reporter], None],
) -> Path:
    settings = Settings.from_dict(request.settings)
    stages = Stages.of_request(request.checkpoint, request.skip)
    hints = [PhotoHints.from_dict(said) for said in request.hints]
    photos = [Path(photo) for photo in request.photos]
    _check_photos(photos)
    output = Path(request.output)
    check_output(output, needed_bytes(settings, len(photos)))
    folder = temp / "previews"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    reporter = ChannelReporter(job, channel, folder)
    reporter.progress("start", 0, 1)
    ready(reporter)
    reconstruct = work()
    reporter.progress("start", 1, 1)
    _log.info("Job %s: %s -> %s", job.id, ", ".join(map(str, photos)), output)
    for notice in request.notices:
        _log.info("Settings: %s", notice)
    result = Path(reconstruct(photos, output, settings, reporter, stages, hints))
    reporter.flush()
    if not result.is_file():
        raise RuntimeError(f"the fit named a result that is not there: {result}")
    return result


def needed_bytes(settings: Settings, photos: int) -> int:
    """A generous guess of what the results need on disk: three maps without compression, 40 MB per photo, and the maps as
    floating-point numbers in the checkpoints, which hold at most 1024 x 1024 texels.
    """
    checkpoints = 44 * min(1024, settings.texture_size) ** 2 if settings.checkpoints else 0
    return 7 * settings.texture_size**2 + 40_000_000 * photos + checkpoints


def _check_photos(photos: list[Path]) -> None:
    """Tell of a missing photo now, before the seconds that the imports take."""
    if not photos:
        raise PhotoError("No photo was chosen.", "Choose a photo of a face.")
    for photo in photos:
        if not _is_file(photo):
            raise PhotoError(f"There is no photo '{photo}'.", "Check the path, or choose another photo.")


def _is_file(path: Path) -> bool:
    """Whether ``path`` is a file that can be looked at; a name that the system cannot have is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def told(error: BaseException) -> tuple[str, str]:
    """The sentence and the remedy for whatever ended a job."""
    if isinstance(error, EngineError):
        return error.message, error.remedy
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return "The disk is full.", "Make room on the disk and reconstruct again."
    if is_out_of_memory(error):
        return "The computer ran out of memory.", "Close other programs, or choose a smaller fit and texture size."
    if isinstance(error, ImportError):
        missing = f" ({error.name})" if error.name else ""
        return f"A package of the engine is missing or broken{missing}.", "Install the engine's packages again."
    if isinstance(error, OSError):
        return f"A file could not be read or written: {error}.", "Check the file and its folder."
    return f"The reconstruction failed because of a fault in the program ({type(error).__name__}).", _SAY_IT
