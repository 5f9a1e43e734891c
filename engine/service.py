"""The worker's inside: reads requests in a thread, runs one job at a time in the main thread, writes events.

Ends when its standard input ends, when told to, after idle minutes, and with its parent; never by itself during a job.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import logging
import os
import queue
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from . import check, gpu_lost, logs
from .caches import library_caches
from .channel import Channel
from .folders import TEMPORARY_PREFIX, OwnedFolder, sweep
from .jobs import Job, run_job
from .protocol import CancelJob, CheckEngine, DetectLandmarks, Failed, ProtocolError, Ready, Shutdown, StartJob, decode
from .reporter import Reporter
from .results.writing import give_up_open_results

_log = logging.getLogger("nextgenface.worker")
DEFAULT_WORK_FUNCTION = "fit.frugal:reconstruct"
DEFAULT_DETECT_FUNCTION = "landmarks.detection:look_at"
DEFAULT_CHECK_FUNCTION = "check:check_if_changed"
BUSY_MESSAGE, BUSY_REMEDY = "A reconstruction is already running.", "Wait for it to end, or cancel it first."


class Service:
    """State that the reading thread and the main thread share."""

    def __init__(
        self,
        channel: Channel,
        temp: OwnedFolder,
        log: Path,
        work: Callable[[], Any],
        detect: Callable[[], Any],
        check_first: Callable[[], Any] | None = None,
    ) -> None:
        self._channel = channel
        self._temp = temp
        self._log = log
        self._work, self._detect, self._check = work, detect, check_first
        self._requests: queue.SimpleQueue[Job | CheckEngine] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._job: Job | None = None

    def read(self, descriptor: int) -> None:
        """Take requests from ``descriptor`` until it ends; then end the process, whatever the main thread is doing."""
        try:
            with open(descriptor, encoding="utf-8", errors="replace") as stream:
                for line in stream:
                    if line.strip():
                        self._take(line)
        finally:
            self.end("standard input was closed")

    def _take(self, line: str) -> None:
        try:
            request = decode(line)
        except ProtocolError as error:
            self._channel.send(Failed(message=error.message, remedy=error.remedy, log=str(self._log)))
            return
        if isinstance(request, StartJob | DetectLandmarks):
            self._accept(request)
        elif isinstance(request, CancelJob):
            self._cancel(request.job)
        elif isinstance(request, CheckEngine):
            self._requests.put(request)
        elif isinstance(request, Shutdown):
            self.end("told to")
        else:
            self._channel.send(Failed(message=f"'{request.kind}' is no request.", log=str(self._log)))

    def _accept(self, request: StartJob | DetectLandmarks) -> None:
        with self._lock:
            busy = self._job is not None
            if not busy:
                self._job = Job(request)
                self._requests.put(self._job)
        if busy:
            self._channel.send(Failed(request.job, BUSY_MESSAGE, BUSY_REMEDY, str(self._log)))

    def _cancel(self, job: str) -> None:
        # A job that is not there any more has ended already and said so.
        with self._lock:
            if self._job is not None and self._job.id == job:
                self._job.cancelled.set()

    def serve(self, idle_seconds: float | None) -> None:
        """Work in this thread until nothing was asked for ``idle_seconds`` (None: for ever)."""
        while True:
            try:
                request = self._requests.get(timeout=idle_seconds)
            except queue.Empty:
                self.end("nothing to do")
            if isinstance(request, Job):
                self._run(request)
            else:
                self._channel.send(check.check_engine(thorough=True))

    def _run(self, job: Job) -> None:
        work = self._detect if isinstance(job.request, DetectLandmarks) else self._work
        final = run_job(job, work, self._channel, self._temp.path, self._log, self._make_sure)
        if job.gpu_lost:
            # No later job could use it. The starter tells this end by the exit code, once a new worker can be started.
            self.end("the GPU was lost", gpu_lost.EXIT_CODE)
        # Free first, told afterwards: who hears of the end may start the next job at once.
        with self._lock:
            self._job = None
        self._channel.send(final)

    def _make_sure(self, reporter: Reporter) -> None:
        """Try the engine out where that is due, and tell what came of it. Raises `EngineCheckError` where it does not work."""
        if self._check is None:
            return
        status = self._check()(reporter)
        if status is not None:
            self._channel.send(status)
        check.need(status)
        # What changes from here on does not reach this process any more.
        self._check = None

    def end(self, reason: str, status: int = 0) -> None:
        """End the process at once, with its temporary files and unfinished results. Not for signal handlers."""
        _log.info("The worker ends: %s.", reason)
        give_up_open_results()
        self._temp.remove()
        os._exit(status)

    def end_soon(self, reason: str) -> None:
        """`end` from a thread of its own: a signal may have come while this one holds a lock."""
        threading.Thread(target=self.end, args=(reason,), daemon=True).start()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker; returns only for wrong arguments (`SystemExit`)."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if options.die_with_parent:
        _die_with_parent()
    requests, events = _private_streams()
    log = options.log or logs.new_log()
    with contextlib.suppress(OSError):
        logs.redirect_output(log)
    sweep(Path(tempfile.gettempdir()), TEMPORARY_PREFIX)
    temp = OwnedFolder(Path(tempfile.gettempdir()), TEMPORARY_PREFIX)
    # PyTorch makes a folder for a compiler that is never called; it should go with the others.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(temp.path / "torch"))
    for variable, folder in library_caches().items():
        os.environ.setdefault(variable, folder)
    channel = Channel(events)
    work, detect = (partial(load_function, name) for name in (options.work_function, options.detect_function))
    service = Service(channel, temp, log, work, detect, _check_of(options))
    channel.on_broken = lambda: service.end("nobody reads its events")
    signal.signal(signal.SIGTERM, lambda *_: service.end_soon("terminated"))
    channel.send(Ready(engine=check.program_version(), pid=os.getpid(), log=str(log)))
    threading.Thread(target=service.read, args=(requests,), name="requests", daemon=True).start()
    service.serve(options.idle_minutes * 60 or None)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="worker", description="NextGenFace's engine; see engine/protocol.py.")
    parser.add_argument("--log", type=Path, help="file that everything printed goes to; a new one by default")
    parser.add_argument("--idle-minutes", type=float, default=15.0, help="end after so long without a job; 0: never")
    parser.add_argument("--die-with-parent", action="store_true", help="Linux: be killed when the starter dies")
    parser.add_argument(
        "--work-function",
        default=os.environ.get("NEXTGENFACE_WORK_FUNCTION", DEFAULT_WORK_FUNCTION),
        help="what a job calls: 'module:name' of the engine or of an installed module, or 'file.py:name'",
    )
    parser.add_argument(
        "--detect-function",
        default=os.environ.get("NEXTGENFACE_DETECT_FUNCTION", DEFAULT_DETECT_FUNCTION),
        help="the same for a detection",
    )
    parser.add_argument(
        "--check-function",
        default=os.environ.get("NEXTGENFACE_CHECK_FUNCTION", ""),
        help="what tries the engine out before its first job; by default only an engine with its own work function",
    )
    return parser


def _check_of(options: argparse.Namespace) -> Callable[[], Any] | None:
    """What gives the check; None where there is none: another work function may need something else."""
    own = DEFAULT_CHECK_FUNCTION if options.work_function == DEFAULT_WORK_FUNCTION else ""
    name = options.check_function or own
    return partial(load_function, name) if name else None


def load_function(name: str) -> Any:
    """The function that ``module:name`` or ``file.py:name`` names; modules of the engine are found first."""
    place, _, attribute = name.rpartition(":")
    if place.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(place).stem, place)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    elif name in (DEFAULT_WORK_FUNCTION, DEFAULT_DETECT_FUNCTION, DEFAULT_CHECK_FUNCTION):
        module = importlib.import_module(f"{__package__}.{place}")
    else:
        module = importlib.import_module(place)
    return getattr(module, attribute)


def _private_streams() -> tuple[int, int]:
    """Own descriptors for requests and events, which no child process inherits; 0 and 1 lead nowhere."""
    requests, events = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return requests, events


def _die_with_parent() -> None:
    """Linux: have the kernel kill this process when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG).

    The closed standard input does the same everywhere, but needs the interpreter's lock, which a library may hold.
    """
    if sys.platform != "linux":
        return
    import ctypes

    pr_set_pdeathsig = 1
    if ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL) != 0:
        _log.warning("prctl failed with error %d.", ctypes.get_errno())
