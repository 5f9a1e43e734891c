# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operators of the result panel ask for first, with words for the person where it is not there."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..engine.errors import EngineError
from .people import chosen_person, person_by_name, result_path

GONE = "The folder with the result is gone"


def need_person(context: bpy.types.Context, name: str) -> bpy.types.Collection:
    """The person ``name``, or without a name the one that the panel shows. Raises EngineError where there is none."""
    person = person_by_name(name) if name else chosen_person(context)
    if person is None:
        raise EngineError("This head is no longer in the file.", "Choose another one, or reconstruct its photo again.")
    return person


def need_result(person: bpy.types.Collection) -> Path:
    """The person's result.json. Raises EngineError where it is gone."""
    path = result_path(person)
    if path is None:
        raise EngineError(f"{GONE}.", "Put it back where it was, or reconstruct the photo again.")
    return path
