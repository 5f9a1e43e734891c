# SPDX-License-Identifier: GPL-3.0-or-later
"""Refine: makes a person's textures again from the checkpoint, longer or larger, without fitting the head anew."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import bpy

from ..engine.errors import EngineError
from ..engine.settings import Settings
from ..properties.places import job_output, log_folder
from ..properties.settings import engine_settings
from .build_scene import Built, read_result
from .people import chosen_person, person_by_name, read_report, result_path
from .reconstruct import JobMixin, hide, need_python
from .result_needs import GONE, need_person, need_result
from .session import BUSY, session

CHECKPOINT = Path("checkpoints") / "stage2_output.npz"
LONGER = "LONGER"
SIZES = [
    (LONGER, "Same Size, Twice as Long", "The same textures from twice as many steps"),
    ("1024", "1024 (1K)", "Textures of 1024 pixels"),
    ("2048", "2048 (2K)", "Textures of 2048 pixels, with detail from the full-size photo"),
    ("4096", "4096 (4K)", "Textures of 4096 pixels, with detail from the full-size photo; needs more memory and disk"),
]


def refine_settings(scene: bpy.types.Scene, result: Path, size: str) -> dict[str, Any]:
    """The settings that the result was made with, or else the scene's, with the change that ``size`` names."""
    told = read_report(result.parent / read_result(result).report).get("settings")
    known = {item.name for item in dataclasses.fields(Settings)}
    values = (
        {name: value for name, value in told.items() if name in known} if told else engine_settings(scene.nextgenface)
    )
    if size == LONGER:
        highest = Settings.__dataclass_fields__["stage3_iterations"].metadata["high"]
        values["stage3_iterations"] = min(2 * values["stage3_iterations"], highest)
    else:
        values["texture_size"] = int(size)
    return Settings.from_dict(values).to_dict()


def photos_of(person: bpy.types.Collection) -> list[Path]:
    """The files that the person was reconstructed from. Raises EngineError where one is not there."""
    photos = [Path(bpy.path.abspath(photo.source)) for photo in person.nextgenface.photos if photo.source]
    if len(photos) < len(person.nextgenface.photos):
        raise EngineError("The photos that this was made from are not known.", "Reconstruct them again.")
    for photo in photos:
        if not photo.is_file():
            raise EngineError(f"There is no photo at '{photo}'.", "Put it back, or reconstruct another one.")
    return photos


class NEXTGENFACE_OT_refine(JobMixin, bpy.types.Operator):
    """Make the textures again, longer or larger, without fitting the head anew. The head so far is hidden, not lost"""

    bl_idname = "nextgenface.refine"
    bl_label = "Refine"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    person: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})
    size: bpy.props.EnumProperty(
        name="Textures", description="What is better in the new textures", items=SIZES, options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only one job at a time, and only from a result with a checkpoint."""
        person = chosen_person(context)
        path = result_path(person) if person is not None else None
        if session.is_active:
            cls.poll_message_set(BUSY)
        elif path is None:
            cls.poll_message_set(GONE)
        elif not (path.parent / CHECKPOINT).is_file():
            cls.poll_message_set("This result has no checkpoints. Turn Checkpoints on and reconstruct again")
        else:
            return True
        return False

    def people(self, context: bpy.types.Context) -> list[list[Path]]:
        """The one person; a photo that is gone is told by `start`."""
        person = person_by_name(self.person) or chosen_person(context)
        self.refined = person.name if person is not None else ""
        return [[]]

    def start(self, context: bpy.types.Context, scene: bpy.types.Scene, _photos: list[Path]) -> str:
        """Stage 3 on top of the checkpoint of stage 2."""
        person = need_person(context, self.refined)
        photos, result = photos_of(person), need_result(person)
        settings = refine_settings(scene, result, self.size)
        output = job_output(scene.nextgenface.output, photos[0])
        checkpoint = result.parent / CHECKPOINT
        return session.start(need_python(context), photos, output, settings, log_folder(), checkpoint=checkpoint)

    def after_build(self, built: Built) -> None:
        """Hide the head so far: both stand at the same place."""
        before, after = person_by_name(self.refined), person_by_name(built.collection)
        if before is None or after is None:
            return
        hide(before.name)
        after.nextgenface.previous_world = before.nextgenface.previous_world
        after.nextgenface.previous_camera = before.nextgenface.previous_camera


CLASSES = (NEXTGENFACE_OT_refine,)
