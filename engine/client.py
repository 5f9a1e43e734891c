"""The starter's side of the worker: starts it, sends requests, collects its messages, ends it. Never blocks its caller.

Standard library only, and no knowledge of Blender: used by the add-on, the shell command and the tests.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import EngineError
from .folders import TEMPORARY_PREFIX, sweep
from .logs import new_log
from .processes import RESTART, clean_environment, ending, own_group
from .protocol import (
    PROTOCOL_VERSION,
    CancelJob,
    CheckEngine,
    DetectLandmarks,
    Done,
    EngineStatus,
    Failed,
    JobCancelled,
    Message,
    ProtocolError,
    Ready,
    Shutdown,
    StartJob,
    decode,
    encode,
)
from .results.writing import clean_up
from .user_folders import CACHE_VARIABLE, cache_folder

WORKER_FILE = Path(__file__).resolve().with_name("worker.py")
# Seconds between the message, the friendly signal and the one that nothing survives.
CANCEL_SECONDS, TERMINATE_SECONDS = 5.0, 2.0


class WorkerStartError(EngineError):
    """The worker's Python cannot be run."""


class WorkerProcess:
    """One worker. Make another one when it has ended.

    Every job given to `start_job` gets exactly one final message out of `drain`, whatever happens to the process: a
    worker that dies is told as `Failed`, one that had to be killed because it did not obey a cancel as `JobCancelled`.
    """

    def __init__(
        self,
        python: Path,
        worker_args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        log_folder: Path | None = None,
        cancel_seconds: float = CANCEL_SECONDS,
    ) -> None:
        """Nothing is started yet.

        Args:
            python: the interpreter of the engine's environment.
            worker_args: more arguments of ``engine/worker.py``, for instance ``["--packages", folder]``.
            env: the environment to start from (None: this process's own); see `clean_environment`.
            log_folder: where the log goes; None: `logs.default_folder`.
            cancel_seconds: how long a cancelled job may take to end before its worker is terminated.
        """
        self.log = new_log(log_folder)
        self._command = [str(python), "-I", "-X", "utf8", str(WORKER_FILE), "--log", str(self.log), *worker_args]
        # The worker keeps its caches where its starter looks for them.
        kept = {CACHE_VARIABLE: str(cache_folder())}
        self._env = clean_environment(kept | dict(os.environ if env is None else env))
        self._cancel_seconds = cancel_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._begun, self._unwanted = False, False
        self._start_error: WorkerStartError | None = None
        self._events: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._outgoing: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        # Of every open job, the folder that it writes into, if any.
        self._outputs: dict[str, Path | None] = {}
        self._cancelled: set[str] = set()
        self._checks = 0
        self._reason = ""
        # Whether the process was started, or could not be.
        self._started = threading.Event()
        self._ended = threading.Event()
        self._changed = threading.Condition(self._lock)

    def begin(self) -> None:
        """Start the process, without waiting for it: another thread does it. Requests may be sent at once.

        Where the interpreter cannot be run, every request ends as `Failed` with the words of `WorkerStartError`.
        """
        self._begun = True
        self._command.append("--die-with-parent")
        threading.Thread(target=self._serve, name="worker_serve", daemon=True).start()

    def start(self) -> None:
        """Start the process, and return when it runs.

        Raises:
            WorkerStartError: the interpreter cannot be run.
        """
        self.begin()
        self._started.wait()
        if self._start_error is not None:
            self._ended.wait()
            raise self._start_error

    @property
    def is_alive(self) -> bool:
        """True from `begin` or `start` until the process has ended and its last message is in the queue."""
        return self._begun and not self._ended.is_set()

    @property
    def pid(self) -> int:
        """The process's number; 0 as long as there is none."""
        return self._process.pid if self._process else 0

    @property
    def is_busy(self) -> bool:
        """True while a job has not got its final message."""
        return bool(self._outputs)

    def start_job(
        self,
        photos: Sequence[Path],
        output: Path,
        settings: Mapping[str, Any],
        job: str = "",
        checkpoint: Path | None = None,
        skip: Iterable[int] = (),
        notices: Sequence[str] = (),
        hints: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """Ask for a reconstruction (settings: `Settings.to_dict`); the job's id, a new one if none is given.

        ``checkpoint``, ``skip``, ``notices`` and ``hints``: see `StartJob`.
        """
        name = job or uuid.uuid4().hex
        state = "" if checkpoint is None else str(Path(checkpoint).absolute())
        target, said = str(Path(output).absolute()), [dict(hint) for hint in hints]
        self.send(StartJob(name, _absolute(photos), target, dict(settings), state, sorted(skip), list(notices), said))
        return name

    def start_detection(self, photos: Sequence[Path], settings: Mapping[str, Any], job: str = "") -> str:
        """Ask where the faces in ``photos`` are; the job's id. It ends as a reconstruction does."""
        name = job or uuid.uuid4().hex
        self.send(DetectLandmarks(name, _absolute(photos), dict(settings)))
        return name

    def send(self, message: Message) -> None:
        """Hand a request to the worker. A job for a worker that has ended fails at once."""
        with self._lock:
            if isinstance(message, StartJob):
                self._outputs[message.job] = Path(message.output)
            elif isinstance(message, DetectLandmarks):
                self._outputs[message.job] = None
            elif isinstance(message, CheckEngine):
                self._checks += 1
            ended = self._ended.is_set()
        if ended:
            self._tell_the_end()
        else:
            self._outgoing.put(message)

    def drain(self) -> list[Message]:
        """All messages that came since the last call, in order."""
        messages: list[Message] = []
        with contextlib.suppress(queue.Empty):
            while True:
                messages.append(self._events.get_nowait())
        return messages

    def wait(self, seconds: float) -> Message | None:
        """The next message, or None after ``seconds``. For callers that have nothing else to do."""
        try:
            return self._events.get(timeout=seconds)
        except queue.Empty:
            return None

    def cancel(self, job: str = "") -> None:
        """Ask for the end of ``job`` (empty: all). A worker that does not obey in time is terminated, then killed."""
        with self._lock:
            jobs = [name for name in self._outputs if job in ("", name)]
            fresh = [name for name in jobs if name not in self._cancelled]
            self._cancelled.update(fresh)
        for name in fresh:
            self.send(CancelJob(name))
        if fresh:
            threading.Thread(target=self._insist, args=(fresh,), name="worker_cancel", daemon=True).start()

    def _insist(self, jobs: list[str]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not any(job in self._outputs for job in jobs), self._cancel_seconds)
            obeyed = not any(job in self._outputs for job in jobs)
        if not obeyed:
            self._stop(TERMINATE_SECONDS)

    def close(self, seconds: float = 2.0) -> None:
        """End the worker; returns when it is gone, after ``seconds`` and a kill at the latest. May be called again."""
        if not self.is_alive:
            return
        with self._lock:
            self._cancelled.update(self._outputs)
        self.send(Shutdown())
        self._outgoing.put(None)
        if not self._ended.wait(seconds):
            self._kill()
            self._ended.wait(TERMINATE_SECONDS)

    def __enter__(self) -> WorkerProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- threads ----------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        """All of the process's life in one thread: on Linux the worker is killed when the thread that started it ends."""
        try:
            self._launch()
        finally:
            # Whatever happened, nobody waits for ever.
            self._started.set()
        if self._process is not None:
            threading.Thread(target=self._write, name="worker_write", daemon=True).start()
            self._read()
        self._tell_the_end()
        self._ended.set()
        # What came in between the two lines above found the worker alive.
        self._tell_the_end()

    def _launch(self) -> None:
        try:
            process = self._spawn()
        except (OSError, ValueError, RuntimeError, MemoryError) as error:
            reason = getattr(error, "strerror", None) or error
            self._start_error = WorkerStartError(
                f"The engine's Python '{self._command[0]}' cannot be run: {reason}.",
                "Install the engine again, or choose another Python.",
            )
            return
        with self._lock:
            self._process, unwanted = process, self._unwanted
        if unwanted:
            self._kill()

    def _spawn(self) -> subprocess.Popen[bytes]:
        # Until the worker has taken over its own output, what Python itself complains of belongs in the log too.
        with open(self.log, "ab") as log:  # noqa: PTH123  (os.devnull on Windows is no path)
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._env,
                **own_group(),
            )

    def _write(self) -> None:
        assert self._process is not None and self._process.stdin is not None
        # A worker that died breaks the pipe; the reading thread tells it.
        with contextlib.suppress(OSError), self._process.stdin as stream:
            while (message := self._outgoing.get()) is not None:
                stream.write(encode(message).encode() + b"\n")
                stream.flush()

    def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._receive(line.decode("utf-8", "replace"))
        self._process.wait()
        self._outgoing.put(None)
        # One that was killed could not do it itself.
        sweep(Path(tempfile.gettempdir()), TEMPORARY_PREFIX)

    def _receive(self, line: str) -> None:
        try:
            message = decode(line)
        except ProtocolError as error:
            message = Failed(message=error.message, remedy=RESTART, log=str(self.log))
        if isinstance(message, Ready) and message.protocol != PROTOCOL_VERSION:
            self._reason = f"it speaks version {message.protocol} of the protocol, not {PROTOCOL_VERSION}"
            self._kill()
            return
        with self._changed:
            if isinstance(message, EngineStatus):
                # A job may tell it too, without having been asked.
                self._checks = max(self._checks - 1, 0)
            if isinstance(message, Done | JobCancelled | Failed):
                self._forget(message.job)
        self._events.put(message)

    def _forget(self, job: str) -> None:
        self._outputs.pop(job, None)
        self._cancelled.discard(job)
        self._changed.notify_all()

    def _tell_the_end(self) -> None:
        """Give every open request its end, after the process is gone."""
        with self._changed:
            jobs, cancelled, checks = dict(self._outputs), set(self._cancelled), self._checks
            self._checks = 0
            for job in jobs:
                self._forget(job)
        for job, output in jobs.items():
            if output is not None:
                with contextlib.suppress(OSError):
                    clean_up(output)
            self._events.put(JobCancelled(job) if job in cancelled else self._crash(job))
        for _ in range(checks):
            self._events.put(self._crash(""))

    def _crash(self, job: str) -> Failed:
        if self._start_error is not None:
            return Failed(job, self._start_error.message, self._start_error.remedy, str(self.log))
        how, remedy = ending(self._process.returncode if self._process else None)
        if self._reason:
            how, remedy = self._reason, "Install the engine of this version of NextGenFace."
        return Failed(job, f"The engine ended unexpectedly ({how}).", remedy, str(self.log))

    # --- ends -------------------------------------------------------------------------------------------------------

    def _stop(self, seconds: float) -> None:
        process = self._wanted_no_more()
        if process is not None:
            with contextlib.suppress(OSError):
                process.terminate()
            if not self._ended.wait(seconds):
                self._kill()

    def _kill(self) -> None:
        """Kill the worker, and on POSIX the processes that it started."""
        process = self._wanted_no_more()
        if process is None or process.poll() is not None:
            return
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)

    def _wanted_no_more(self) -> subprocess.Popen[bytes] | None:
        """The process; one that is only just being started is killed as soon as it runs."""
        with self._lock:
            self._unwanted = True
            return self._process


def _absolute(paths: Sequence[Path]) -> list[str]:
    """The worker's current folder is its own affair."""
    return [str(Path(path).absolute()) for path in paths]
