"""How child processes are started and how they ended. Standard library only."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from .gpu_lost import EXIT_CODE as GPU_LOST

RESTART = "Start the reconstruction again."
_ON_CPU = "Start again. If it happens again, update the graphics driver, or set the device to 'cpu'."
_MEMORY = "Most often the computer ran out of memory: close other programs, or choose a smaller fit and texture size."


def clean_environment(env: Mapping[str, str]) -> dict[str, str]:
    """``env`` without what would make another Python's packages visible to the worker."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "__PYVENV_LAUNCHER__")
    # PyTorch's threads otherwise spin while they wait: beside a busy Blender the fit took twice as long. Not at all is
    # as bad for the many short steps of stages 2 and 3. With 2000 turns (GNU's library, which Linux has, counts them)
    # they took 0.82 of the time on two idle cores, and 1.12 of it beside a program that kept one core busy.
    patient = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "2000"}
    return patient | {name: value for name, value in env.items() if name not in hidden} | {"PYTHONNOUSERSITE": "1"}


def own_group() -> dict[str, Any]:
    """Arguments of `Popen`: no console window, and no Ctrl-C of the starter's terminal, which decides itself what to do then."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def ending(code: int | None) -> tuple[str, str]:
    """How a process ended, in words, and what to do about it."""
    if code is None:
        return "it was not running", RESTART
    if code == GPU_LOST:
        return "the GPU stopped working", _ON_CPU
    if code >= 0:
        return f"exit code {code}", RESTART
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = ""
    # Dr.Jit and LLVM abort where they cannot go on.
    remedy = {"SIGKILL": _MEMORY, "SIGABRT": _ON_CPU}.get(name, RESTART)
    return f"signal {-code}{f', {name}' if name else ''}", remedy
