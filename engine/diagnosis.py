"""What of the engine works on this machine, one line per thing tried."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
from collections.abc import Callable
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

Line = dict[str, Any]


def engine_status(thorough: bool = True, tried: Callable[[str], None] = lambda _: None) -> EngineStatus:
    """Import what the engine needs, render, and look for a face; never raises. Takes seconds.

    ``thorough``: try every renderer, not only until one works. ``tried`` is told the name of each thing before it is tried.
    The process can do a reconstruction afterwards.
    """
    tried("the renderer")
    renderers = _renderers(thorough)
    rendering = any(line["ok"] for line in renderers)
    needed = [_line("Python", True, platform.python_version())]
    for module, name in _PACKAGES:
        if rendering or module not in _RENDERER:
            tried(module)
            needed.append(_package(module, name))
    if all(line["ok"] for line in needed):
        tried("MediaPipe's face model")
        needed += _face_model()
    tried("FAN")
    extra = _line("FAN", *readiness())
    wrong = [line for line in needed if not line["ok"]] or ([] if rendering else _worst(renderers))
    lines = [*needed, *renderers, extra]
    if not wrong:
        return EngineStatus(True, lines)
    return EngineStatus(False, lines, f"{wrong[0]['name']}: {wrong[0]['detail']}.", wrong[0]["remedy"])


def _worst(renderers: list[Line]) -> list[Line]:
    """Of renderers of which none works, the one whose remedy helps most people: the processor's."""
    return sorted(renderers, key=lambda line: str(line["name"]) == "CUDA")


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


def _face_model() -> list[Line]:
    """Whether MediaPipe can look for a face, in an empty picture; nothing where a model file has to be named first."""
    name = "MediaPipe's face model"
    try:
        import numpy as np

        from .landmarks.choose import choose_detector
        from .settings import Settings

        choose_detector(Settings()).detect(np.zeros((64, 64, 3), np.uint8))
    except EngineError:
        # A job says so itself, and need not use this one.
        return []
    except Exception as error:  # A broken binary raises anything.
        return [_line(name, False, _told(error), _INSTALL)]
    return [_line(name, True, "finds faces")]


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
