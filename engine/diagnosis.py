"""What of the engine works on this machine, one line per thing tried."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
from typing import Any

from .errors import EngineError
from .landmarks.fan_weights import readiness
from .landmarks.task_file import MODEL, has_bundled_models
from .protocol import EngineStatus
from .settings import Settings

_INSTALL = "Install the engine's packages again."
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


def engine_status() -> EngineStatus:
    """Import what the engine needs and start the renderer once; never raises. Takes seconds.

    The process can do a reconstruction afterwards.
    """
    renderers = _renderers()
    rendering = any(line["ok"] for line in renderers)
    lines = [_line("Python", True, platform.python_version())]
    lines += [_package(module, name) for module, name in _PACKAGES if rendering or module not in _RENDERER]
    lines.append(_face_model())
    ok = all(line["ok"] for line in lines) and rendering
    return EngineStatus(ok, [*lines, *renderers, _line("FAN", *readiness())])


def _line(name: str, ok: bool, detail: str, remedy: str = "") -> dict[str, Any]:
    return {"name": name, "ok": ok, "detail": detail, "remedy": remedy}


def _face_model() -> dict[str, Any]:
    """The models that find a face: MediaPipe's own, or a file, which is tried out."""
    if has_bundled_models():
        return _line("face landmarks", True, "MediaPipe's models")
    try:
        # Only now: it imports NumPy, and what is told here must be told where that is missing.
        choose = importlib.import_module(f"{__package__}.landmarks.choose")
        choose.choose_detector(Settings())
    except EngineError as error:
        return _line("face landmarks", False, error.message, error.remedy)
    except Exception as error:  # A broken binary raises anything.
        return _line("face landmarks", False, f"{type(error).__name__}: {error}", _INSTALL)
    return _line("face landmarks", True, MODEL.name)


def _package(module: str, name: str) -> dict[str, Any]:
    try:
        found = importlib.import_module(module)
    except Exception as error:  # A broken binary raises anything.
        return _line(module, False, f"{type(error).__name__}: {error}", _INSTALL)
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        version = str(getattr(found, "__version__", ""))
    return _line(module, True, version)


def _renderers() -> list[dict[str, Any]]:
    """One line per way to render; one that works is enough, and is set for this process."""
    try:
        variant = importlib.import_module(f"{__package__}.render.variant")
        lines = list(variant.describe())
        if any(line["ok"] for line in lines):
            variant.activate()
        return lines
    except EngineError as error:
        return [_line("renderer", False, error.message, error.remedy)]
    except Exception as error:  # A broken binary raises anything.
        return [_line("renderer", False, f"{type(error).__name__}: {error}", _INSTALL)]
