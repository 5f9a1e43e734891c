"""What of the engine works on this machine, one line per thing tried."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
from collections.abc import Callable, Iterator
from typing import Any

from .errors import EngineError
from .landmarks.fan_weights import readiness
from .protocol import EngineStatus

_INSTALL = "Set the engine up again, or choose another Python for it."
# These two take the first LLVM that they find when they are imported, and may end the process with it.
_RENDERER = ("mitsuba", "drjit")
# Import name, name on the package index.
_PACKAGES = (
    ("numpy", "numpy"),
    ("scipy", "scipy"),
    ("PIL", "pillow"),
    ("cv2", "opencv-python-headless"),
    ("torch", "torch"),
    ("mitsuba", "mitsuba"),
    ("drjit", "drjit"),
    ("mediapipe", "mediapipe"),
)
FACES = "face landmarks"

Line = dict[str, Any]


def engine_status(thorough: bool = True, tried: Callable[[str], None] = lambda _: None) -> EngineStatus:
    """Import what the engine needs, render, and look for a face; never raises. Takes seconds.

    ``thorough``: try every renderer, not only until one works. ``tried`` is told the name of each thing before it is tried.
    The process can do a reconstruction afterwards.
    """
    tried("the renderer")
    renderers = _renderers(thorough)
    rendering = any(line["ok"] for line in renderers)
    needed = [_line("Python", True, platform.python_version()), *_packages(rendering, tried)]
    extra: list[Line] = []
    if all(line["ok"] for line in needed):
        tried(FACES)
        line, can_go_on = _faces()
        (extra if can_go_on else needed).append(line)
    tried("FAN")
    extra.append(_line("FAN", *readiness()))
    return _status(needed, renderers, extra)


def _status(needed: list[Line], renderers: list[Line], extra: list[Line]) -> EngineStatus:
    """All lines, and the first reason why the engine does not work, if it does not: one renderer is enough."""
    # Of renderers of which none works, the remedy of the processor's helps most people.
    none_works = not any(line["ok"] for line in renderers)
    helpful = sorted(renderers, key=lambda line: str(line["name"]) == "CUDA") if none_works else []
    wrong = next((line for line in [*needed, *helpful] if not line["ok"]), None)
    lines = [*needed, *renderers, *extra]
    if wrong is None:
        return EngineStatus(True, lines)
    return EngineStatus(False, lines, f"{wrong['name']}: {wrong['detail']}.", wrong["remedy"])


def _packages(rendering: bool, tried: Callable[[str], None]) -> Iterator[Line]:
    """One line per package; those that need a renderer are not touched where there is none."""
    for module, name in _PACKAGES:
        if rendering or module not in _RENDERER:
            tried(module)
            yield _package(module, name)


def _line(name: str, ok: bool, detail: str, remedy: str = "") -> Line:
    return {"name": name, "ok": ok, "detail": detail, "remedy": remedy}


def _package(module: str, name: str) -> Line:
    try:
        found = importlib.import_module(module)
    except Exception as error:  # A broken binary raises anything.
        return _line(module, False, _told(error), _INSTALL)
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        version = str(getattr(found, "__version__", ""))
    return _line(module, True, version)


def _faces() -> tuple[Line, bool]:
    """Whether MediaPipe can look for a face, in an empty picture; and whether a job can go on without.

    What it lacks a job tells itself, and need not be asked for: the settings may name another model, or FAN.
    """
    try:
        import numpy as np

        from .landmarks.choose import choose_detector
        from .settings import Settings

        choose_detector(Settings()).detect(np.zeros((64, 64, 3), np.uint8))
    except EngineError as error:
        return _line(FACES, False, error.message.rstrip("."), error.remedy), True
    except Exception as error:  # A broken binary raises anything.
        return _line(FACES, False, _told(error), _INSTALL), False
    return _line(FACES, True, "MediaPipe's models work"), True


def _renderers(thorough: bool) -> list[Line]:
    """One line per way to render; one that works is enough, and is set for this process."""
    try:
        variant = importlib.import_module(f"{__package__}.render.variant")
        lines = list(variant.describe(thorough))
        if any(line["ok"] for line in lines):
            variant.activate()
        return lines
    except EngineError as error:
        return [_line("renderer", False, error.message.rstrip("."), error.remedy)]
    except Exception as error:  # A broken binary raises anything.
        return [_line("renderer", False, _told(error), _INSTALL)]


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(".")
