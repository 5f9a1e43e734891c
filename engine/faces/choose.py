"""Which face model a name stands for."""

from __future__ import annotations

from dataclasses import replace

from ..errors import FaceModelError
from ..settings import Settings
from . import bundled
from .ibug_embedding import embed_ibug
from .model import FaceModel

NAMES = ("bundled", "bfm2017", "ict")


def load_model(name: str, settings: Settings | None = None) -> FaceModel:
    """The face model called ``name``; ``settings`` say where its files are and how many modes are wanted.

    Raises:
        FaceModelError: there is none of that name, or its files are missing or cannot be read.
    """
    settings = settings or Settings()
    if name == "bfm2017":
        from . import bfm

        return _with_all_points(bfm.load(settings))
    if name == "ict":
        from . import ict

        return _with_all_points(ict.load(settings))
    if name != "bundled":
        raise FaceModelError(f"There is no face model named '{name}'.", f"Choose one of: {', '.join(NAMES)}.")
    return bundled.load()


def _with_all_points(model: FaceModel) -> FaceModel:
    """``model``, whose points of MediaPipe's mesh are known, with those of the other detectors."""
    return replace(model, landmarks={**model.landmarks, "fan": embed_ibug(model)})
