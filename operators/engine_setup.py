# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the engine's private environment in a child process that can be watched and cancelled. Knows no Blender."""

from __future__ import annotations

import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..engine.processes import clean_environment, own_group

# In the folder once all went well; what it says is up to the caller.
COMPLETE = "complete"
# What pip said last, for the reason of a failure.
LINES_KEPT = 8
# Read by wheels/install.py.
TORCH_INDEX_VARIABLE = "NEXTGENFACE_TORCH_INDEX"
# The Pythons that `wheels/lock.json` has packages for: of Blender 4.2 to 5.0, and of later ones.
PYTHONS = ((3, 11), (3, 13))


def find_python(own: str = sys.executable, versions: Sequence[tuple[int, int]] = PYTHONS) -> Path | None:
    """A Python of one of ``versions``: Blender's own where it is one, else the system's; None where there is none."""
    names = [*(f"python{major}.{minor}" for major, minor in versions), "python3", "python"]
    candidates = [own, *(shutil.which(name) for name in names)]
    return next((Path(path) for path in candidates if path and _version(path) in versions), None)


def names_of(versions: Iterable[tuple[int, int]]) -> str:
    """For people: ``3.11 or 3.13``."""
    return " or ".join(f"{major}.{minor}" for major, minor in versions)


def _version(python: str) -> tuple[int, ...]:
    command = [python, "-I", "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, env=clean_environment(os.environ))
        return tuple(int(part) for part in done.stdout.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        return ()


@dataclass(frozen=True)
class Source:
    """Where the files of the packages come from.

    Attributes:
        folder: where they are, or are downloaded to.
        offline: all of them are there, and nothing is downloaded.
        torch_index: address of a package index that has PyTorch's CPU build; empty: pip's own, or the variable's.
    """

    folder: Path
    offline: bool
    torch_index: str = ""

    def variables(self) -> dict[str, str]:
        """For the environment of the installer: an address is no argument that other users could see."""
        return {TORCH_INDEX_VARIABLE: self.torch_index} if self.torch_index else {}

    @property
    def pythons(self) -> tuple[tuple[int, int], ...]:
        """The Pythons that the files are for: all where they are downloaded, or where nothing tells."""
        names = [path.name for path in self.folder.glob("numpy-*.whl")] if self.offline else []
        found = tuple(python for python in PYTHONS if any("-cp{}{}-".format(*python) in name for name in names))
        return found or PYTHONS


def being_made(folder: Path) -> Path:
    """Where the environment is made that becomes ``folder`` once it is whole."""
    return folder.with_name(f"{folder.name}.new")


def steps(
    python: Path, folder: Path, environment: Path, wheels: Path, source: Source, with_fan: bool = False
) -> list[tuple[str, list[str]]]:
    """What is run, each with a title for the panel. ``environment`` is the interpreter of the new environment ``folder``."""
    return [
        # Debian's Python cannot bring its pip; the installer does.
        ("Making a private Python", [str(python), "-I", "-m", "venv", "--clear", "--without-pip", str(folder)]),
        ("Installing the engine's packages", _install(environment, wheels, source)),
        *(fan_steps(environment, wheels, source) if with_fan else ()),
    ]


def fan_steps(environment: Path, wheels: Path, source: Source) -> list[tuple[str, list[str]]]:
    """What adds the landmark detector FAN to an environment that is set up."""
    return [("Installing FAN", _install(environment, wheels, source, "fan"))]


def _install(environment: Path, wheels: Path, source: Source, *lists: str) -> list[str]:
    where = ["--offline" if source.offline else "--keep", str(source.folder)]
    return [str(environment), "-I", str(wheels / "install.py"), *where, *(["--lists", *lists] if lists else [])]


class EngineSetup:
    """Runs the steps one after the other in a thread; the panel reads the public attributes."""

    def __init__(
        self,
        commands: Sequence[tuple[str, list[str]]],
        folder: Path,
        log: Path,
        stamp: str = "",
        adds: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            commands: titles and commands, as `steps` gives them; they fill `being_made` of ``folder``.
            folder: where the environment is put once it is whole; what was there stays until then.
            log: where all output goes.
            stamp: what `COMPLETE` in ``folder`` says at the end.
            adds: something is added to an environment that is whole, and that stays whatever happens.
            variables: set for the commands, beside the environment of this process.
        """
        self.title, self.line, self.message = "", "", ""
        self.number, self.count = 0, len(commands)
        self.fraction = 0.0
        self.log = log
        self.running = True
        self.ok = False
        self._commands, self._folder, self._stamp, self._adds = commands, folder, stamp, adds
        self._environment = clean_environment({**os.environ, **(variables or {})})
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine_setup", daemon=True)

    def start(self) -> None:
        """Begin; `running` turns False at the end."""
        self._thread.start()

    def cancel(self) -> None:
        """End the running step; what was made so far is removed, and what was downloaded whole is kept."""
        self._cancelled.set()
        process = self._process
        if process is not None and process.poll() is None:
            _end(process)

    def join(self, seconds: float | None = None) -> None:
        """Wait for the end."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self.ok = all(self._step(number, *step) for number, step in enumerate(self._commands))
            if self.ok and not self._adds:
                (being_made(self._folder) / COMPLETE).write_text(self._stamp, encoding="utf-8")
                _replace(self._folder, being_made(self._folder))
            if self.ok:
                self.message = "The engine is set up."
        except OSError as error:
            self.ok, self.message = False, f"The engine could not be set up: {error}."
        finally:
            if not self.ok and not self._adds:
                shutil.rmtree(being_made(self._folder), ignore_errors=True)
            self.running = False

    def _step(self, number: int, title: str, command: list[str]) -> bool:
        """Run one command, its output to the log; True if it ended well."""
        if self._cancelled.is_set():
            self.message = "Cancelled."
            return False
        self.number, self.title, self.fraction = number, title, number / self.count
        last: collections.deque[str] = collections.deque(maxlen=LINES_KEPT)
        with self.log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, encoding="utf-8", errors="replace", env=self._environment, **own_group(),
            )  # fmt: skip
            assert self._process.stdout is not None
            if self._cancelled.is_set():
                _end(self._process)
            for line in self._process.stdout:
                log.write(line)
                self._follow(line.strip())
                last.append(self.line)
        if self._process.wait() == 0:
            return True
        self.message = "Cancelled." if self._cancelled.is_set() else f"{title} failed. {reason_of(last)}".strip()
        return False

    def _follow(self, line: str) -> None:
        """Take in what a step said; lines such as ``3 of 38: torch`` tell how far it is."""
        self.line = line
        if found := re.match(r"(\d+) of (\d+): ", line):
            self.fraction = (self.number + (int(found[1]) - 1) / int(found[2])) / self.count


def _replace(folder: Path, new: Path) -> None:
    """Put ``new`` in the place of ``folder``; where that fails, the old one is there again."""
    old = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def reason_of(lines: Iterable[str]) -> str:
    """The one of pip's last ``lines`` that says why it failed; where it could not connect, it names a package instead."""
    lines = list(lines)
    if any(sign in line for line in lines for sign in ("connection broken", "Could not fetch URL")):
        return "The package index could not be reached. Check the connection, then try again."
    errors = [line for line in lines if "error" in line.lower()] or lines
    return errors[-1] if errors else ""


def _end(process: subprocess.Popen[str]) -> None:
    """End the process and what it started: the installer starts pip, and that starts more."""
    if sys.platform == "win32":
        tree = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(tree, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGTERM)
