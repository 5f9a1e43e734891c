"""Makes a .blend of finished results, by Blender or by a Python that has bpy, in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import Cancelled, OutputError
from .logs import new_log

SCRIPT = Path(__file__).resolve().parents[1] / "tools" / "build_blend.py"
_REMEDY = "Install Blender 4.2 or newer, or give its path with --blender."


@dataclass(frozen=True)
class BlendBuilder:
    """The start of the command that makes a .blend."""

    command: tuple[str, ...]

    def build(self, result: Path, target: Path, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Write ``target`` from ``result`` (a result.json); a file of that name stays as it is unless all goes well.

        Raises:
            OutputError: the program fails; its output is in the log that the remedy names.
            Cancelled: as soon as ``cancelled`` says so.
        """
        folder = target.absolute().parent
        folder.mkdir(parents=True, exist_ok=True)
        log = new_log()
        with tempfile.TemporaryDirectory(prefix=".nextgenface-blend-", dir=folder) as place:
            made = Path(place) / target.name
            arguments = [*self.command, str(result.absolute()), "-o", str(made)]
            code = _run(arguments, log, cancelled)
            if code != 0 or not made.is_file():
                raise OutputError(f"The .blend could not be made (exit code {code}).", f"See the log: {log}")
            made.replace(target)


def find_builder(given: Path | None = None) -> BlendBuilder:
    """``given`` (a Blender, or a Python with bpy), else this Python if it has bpy, else a Blender on the search path.

    Raises:
        OutputError: there is none.
    """
    if not SCRIPT.is_file():
        raise OutputError("A .blend can only be made from a checkout of NextGenFace.", "Leave --blend away.")
    if given is not None:
        found = shutil.which(given)
        if found is None:
            raise OutputError(f"There is no program '{given}'.", _REMEDY)
        is_python = Path(found).name.lower().startswith("python")
        return _python(found) if is_python else _blender(found)
    if importlib.util.find_spec("bpy") is not None:
        return _python(sys.executable)
    blender = os.environ.get("BLENDER") or shutil.which("blender")
    if not blender:
        raise OutputError("No Blender was found for the .blend.", _REMEDY)
    return _blender(blender)


def _python(path: str) -> BlendBuilder:
    return BlendBuilder((path, str(SCRIPT), "--"))


def _blender(path: str) -> BlendBuilder:
    return BlendBuilder((path, "-b", "--factory-startup", "--python-exit-code", "1", "--python", str(SCRIPT), "--"))


def _run(arguments: list[str], log: Path, cancelled: Callable[[], bool]) -> int:
    with log.open("ab") as output:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        while True:
            try:
                return process.wait(0.1)
            except subprocess.TimeoutExpired:
                if cancelled():
                    raise Cancelled from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
