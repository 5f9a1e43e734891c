"""Which face model a name stands for."""

from __future__ import annotations

from ..errors import FaceModelError
from ..settings import Settings
from . import bundled
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

        return bfm.load(settings)
    if name == "ict":
        from . import ict

        return ict.load(settings)
    if name != "bundled":
        raise FaceModelError(f"There is no face model named '{name}'.", f"Choose one of: {', '.join(NAMES)}.")
    return bundled.load()
