# SPDX-License-Identifier: GPL-3.0-or-later
"""Rebuild: builds a person again from the result's folder, in place of what is there or beside it."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import ClassVar

import bpy

from ..engine.errors import EngineError
from ..properties.results import uid_of
from .build_scene import Built, build_result
from .build_transaction import KINDS
from .people import chosen_person, result_path
from .reconstruct import REPORT_IT, build_options, hide, summary_of
from .result_needs import GONE, PersonMixin, need_result
from .result_remove import remove_person


def build_again(scene: bpy.types.Scene, person: bpy.types.Collection) -> tuple[Built, bpy.types.Collection]:
    """Build the person once more with the scene's present choices; both stay. Raises EngineError where that fails."""
    memory = person.nextgenface
    sources = [Path(photo.source) for photo in memory.photos if photo.source]
    built = build_result(scene, need_result(person), build_options(scene), sources)
    again = bpy.data.collections[built.collection]
    # What the scene had before the first of them is what it gets back after the last.
    again.nextgenface.previous_world = memory.previous_world
    again.nextgenface.previous_camera = memory.previous_camera
    return built, again


def take_place(old: bpy.types.Collection, new: bpy.types.Collection) -> None:
    """Remove ``old`` and give ``new`` its name; the names of data-blocks follow where they can."""
    name, prefix = old.name, new.name
    remove_person(old)
    uid = new.nextgenface.uid
    for kind in KINDS[1:]:
        blocks = getattr(bpy.data, kind)
        for block in [block for block in blocks if uid_of(block) == uid and block.name.startswith(f"{prefix} ")]:
            wanted = name + block.name[len(prefix) :]
            if wanted not in blocks:
                block.name = wanted
    new.name = name


class NEXTGENFACE_OT_rebuild(PersonMixin, bpy.types.Operator):
    """Build this head again from the result's folder, with what is chosen under Settings now"""

    bl_idname = "nextgenface.rebuild"
    bl_label = "Rebuild"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    replace: bpy.props.BoolProperty(
        name="Replace",
        description="Remove the head that is there now. Changes that were made to it are lost",
        default=True,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """The button's tooltip."""
        text = "with what is chosen under Settings now"
        if properties.replace:
            return f"Build this head again from the result's folder, {text}. Changes that were made to it are lost"
        return f"Build a second head from the result's folder, {text}, and hide this one"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """In Object Mode, with a person whose result is still there."""
        person = chosen_person(context)
        if context.mode != "OBJECT":
            cls.poll_message_set("Go to Object Mode first")
        elif person is None or result_path(person) is None:
            cls.poll_message_set(GONE)
        else:
            return True
        return False

    def change(self, context: bpy.types.Context, person: bpy.types.Collection) -> set[str]:
        """Build, then remove or hide the other one."""
        try:
            built, again = build_again(context.scene, person)
        except EngineError:
            raise
        except Exception as error:
            traceback.print_exc()
            self.report({"ERROR"}, f"The head could not be built ({type(error).__name__}). {REPORT_IT}")
            return {"CANCELLED"}
        if self.replace:
            take_place(person, again)
        else:
            hide(person.name)
        self.report({"INFO"}, f"{again.name}: {summary_of(built)}, built in {built.seconds:.1f} s")
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_rebuild,)
