# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operators of the result panel ask for first, with words for the person where it is not there."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..engine.errors import EngineError
from .people import chosen_person, person_by_name, result_path
from .pump import redraw_panels

GONE = "The folder with the result is gone"


class PersonMixin:
    """For operators that change one person of the file: they give `change`."""

    person: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Change the person, or report why that is not possible."""
        try:
            end = self.change(context, need_person(context, self.person))
        except EngineError as error:
            self.report({"ERROR"}, f"{error.message} {error.remedy}".strip())
            return {"CANCELLED"}
        redraw_panels(context)
        return end

    def change(self, context: bpy.types.Context, person: bpy.types.Collection) -> set[str]:
        """What the operator does. Raises EngineError with the reason if it cannot."""
        raise NotImplementedError


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
