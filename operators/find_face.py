# SPDX-License-Identifier: GPL-3.0-or-later
"""Find Face: where the faces are in the photos, before any fit."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from ..engine.errors import EngineError
from ..properties.engine_settings import current_value
from ..properties.photos import adopt, is_seen, photo_at, photo_items, photo_path, take_seen
from ..properties.places import log_folder
from ..properties.settings import engine_settings
from .pump import PumpMixin, redraw_panels
from .reconstruct import need_python
from .session import BUSY, session


def unseen(scene: bpy.types.Scene) -> list[bpy.types.PropertyGroup]:
    """The photos that are there and were not looked at, or have changed since."""
    chosen = scene.nextgenface
    detector = current_value(chosen, "landmark_detector")
    return [item for item in photo_items(chosen) if photo_path(item).is_file() and not is_seen(item, detector)]


def start_search(context: bpy.types.Context, scene: bpy.types.Scene, everything: bool = False) -> int:
    """Have the worker look at the photos that need it, or at all; how many. Raises EngineError if it cannot."""
    chosen = scene.nextgenface
    adopt(chosen)
    items = [item for item in photo_items(chosen) if photo_path(item).is_file()] if everything else unseen(scene)
    if items:
        python, settings = need_python(context), engine_settings(chosen)
        session.start_detection(python, [photo_path(item) for item in items], settings, log_folder())
    return len(items)


def keep_found(scene: bpy.types.Scene) -> list[str]:
    """Keep what was found since the last call with its photos; the sentences on photos without a face."""
    sentences = []
    for seen in session.detection.taken():
        item = photo_at(scene.nextgenface, Path(seen.photo))
        if item is not None:
            take_seen(item, seen)
        if seen.message:
            sentences.append(seen.message)
    return sentences


class NEXTGENFACE_OT_find_face(PumpMixin, bpy.types.Operator):
    """Find the face in each photo and show its points. You can go on working meanwhile"""

    bl_idname = "nextgenface.find_face"
    bl_label = "Find Face"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    everything: bpy.props.BoolProperty(
        name="Again", description="Look at photos again that were looked at before", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where there are photos, and the engine is free."""
        if session.is_active:
            cls.poll_message_set(BUSY)
        elif session.detection.is_running:
            cls.poll_message_set("Faces are being found")
        elif not photo_items(context.scene.nextgenface):
            cls.poll_message_set("Add a photo first")
        else:
            return True
        return False

    def begin(self, context: bpy.types.Context) -> bool:
        """Start the search; False where that is not possible."""
        self.scene, self.faceless = context.scene.name, []
        try:
            count = start_search(context, context.scene, self.everything)
        except EngineError as error:
            self.report({"ERROR"}, str(error))
            return False
        if count == 0:
            self.report({"INFO"}, "All photos were looked at already")
        return True

    def tick(self, context: bpy.types.Context) -> set[str] | None:
        """Keep what was found; report at the end."""
        scene = bpy.data.scenes.get(self.scene) or context.scene
        self.faceless += keep_found(scene)
        if session.detection.is_running:
            return None
        failed = session.detection
        if failed.message:
            self.report({"ERROR"}, f"{failed.message} {failed.remedy}".strip())
            return {"CANCELLED"}
        for sentence in self.faceless:
            self.report({"WARNING"}, sentence)
        return {"FINISHED"}

    def cancel(self, _context: bpy.types.Context) -> None:
        """Called by Blender when it ends the operator itself: its window was closed, or another file is opened."""
        session.abandon_detection()


class NEXTGENFACE_OT_cancel_search(bpy.types.Operator):
    """Stop looking for faces. What was found stays"""

    bl_idname = "nextgenface.cancel_search"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """While it runs."""
        return session.detection.is_running and not session.detection.cancelling

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Ask for the end."""
        session.cancel_detection()
        redraw_panels(context)
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_find_face, NEXTGENFACE_OT_cancel_search)
