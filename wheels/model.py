# SPDX-License-Identifier: GPL-3.0-or-later
"""The face landmarker's file, for the versions of MediaPipe that bring no models. Standard library and the engine's downloads."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
# The last MediaPipe whose wheel has the models.
_LAST_WITH_MODELS = (0, 10, 21)


class ModelError(Exception):
    """The file could not be had; the message says why and what to do."""


def is_needed(versions: Iterable[tuple[str, str]]) -> bool:
    """Whether one of these packages, as name and version, is a MediaPipe without models."""
    return any(name == "mediapipe" and _numbers(version) > _LAST_WITH_MODELS for name, version in versions)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())


def file_name() -> str:
    """What the file is called."""
    return str(_engine("landmarks.task_file").MODEL.name)


def title() -> str:
    """The file, its makers and its terms, for people."""
    return f"{file_name()}, MediaPipe's face landmarker, license {_engine('landmarks.task_file').LICENCE}"


def is_whole(folder: Path) -> bool:
    """Whether the very file that is pinned lies in ``folder``; reads all of it."""
    model, path = _engine("landmarks.task_file").MODEL, folder / file_name()
    return path.is_file() and _engine("downloads").sha256_of(path) == model.sha256


def download(folder: Path) -> None:
    """Fetch the file into ``folder`` from where its makers have it.

    Raises:
        ModelError: it could not be had, or another file came.
    """
    model = _engine("landmarks.task_file").MODEL
    try:
        _engine("downloads").download(model, folder, lambda _have, _whole: None)
    except _engine("errors").EngineError as error:
        raise ModelError(str(error)) from error


def install(folder: Path) -> Path:
    """Put the file from ``folder`` into the environment of the Python that runs this; where it lies then."""
    target: Path = _engine("landmarks.task_file").engine_models() / file_name()
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / file_name(), target)
    return target


def _engine(module: str) -> ModuleType:
    """A light module of the engine, which lies beside this folder."""
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    return importlib.import_module(f"engine.{module}")
