"""Which face model a name stands for."""

from __future__ import annotations

from ..errors import FaceModelError
from . import bundled
from .model import FaceModel


def load_model(name: str) -> FaceModel:
    """The face model called ``name``.

    Raises:
        FaceModelError: there is none of that name, or its files cannot be read.
    """
    if name != "bundled":
        raise FaceModelError(f"There is no face model named '{name}'.", "Choose 'bundled'.")
    return bundled.load()
