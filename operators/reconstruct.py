# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconstruct Face and Cancel."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import ClassVar

import bpy

from ..engine.errors import EngineError
from ..properties.places import engine_python, job_output, log_folder
from ..properties.preferences import chosen_python
from ..properties.settings import engine_settings
from .build_scene import BuildOptions, Built, build_result
from .pump import PumpMixin, redraw_panels
from .session import BUSY, Phase, session
from .surroundings import in_the_way

NO_ENGINE = "The engine is not set up yet"
# Where the person is told something that no one can do anything about.
REPORT_IT = "Please report this with the text of Blender's console."


def need_python(context: bpy.types.Context) -> Path:
    """The interpreter of the engine. Raises EngineError where there is none."""
    python = engine_python(chosen_python(context))
    if python is None:
        raise EngineError(f"{NO_ENGINE}.", "Press Set Up Engine, or choose a Python in the add-on's preferences.")
    if not python.is_file():
        raise EngineError(
            f"There is no Python at '{python}'.",
            "Press Set Up Engine, or choose another one in the add-on's preferences.",
        )
    return python


def start_job(context: bpy.types.Context, scene: bpy.types.Scene) -> str:
    """Start the reconstruction that ``scene`` asks for; the job's id. Raises EngineError with the reason if it cannot."""
    chosen = scene.nextgenface
    photo = Path(bpy.path.abspath(chosen.photo))
    if not chosen.photo or not photo.is_file():
        raise EngineError(
            f"There is no photo at '{photo}'." if chosen.photo else "No photo is chosen.", "Choose a photo."
        )
    python, settings = need_python(context), engine_settings(chosen)
    return session.start(python, [photo], job_output(chosen.output, photo), settings, log_folder())


def build_options(scene: bpy.types.Scene) -> BuildOptions:
    """What the scene's settings ask to be built."""
    chosen = scene.nextgenface
    return BuildOptions(
        camera=chosen.build_camera,
        light=chosen.build_light,
        eyes=chosen.build_eyes,
        shape_keys=chosen.build_shape_keys,
        pack_images=chosen.pack_images or not bpy.data.filepath,
    )


def waiting_reason(context: bpy.types.Context) -> str:
    """Why nothing can be built at this moment; empty if it can. Other modes have an undo history of their own."""
    if context.mode != "OBJECT":
        return "Finished. Go to Object Mode to get the head"
    if bpy.app.is_job_running("RENDER"):
        return "Finished. The head comes when the render ends"
    return ""


def summary_of(built: Built) -> str:
    """What was built, in a few words."""
    parts = [name for name, there in (("eyes", built.eyes), ("camera", built.camera), ("light", built.world)) if there]
    keys = [f"{built.shape_keys} shape keys"] if built.shape_keys else []
    return ", ".join(["head", *parts, *keys]).capitalize()


class NEXTGENFACE_OT_reconstruct(PumpMixin, bpy.types.Operator):
    """Turn the photo into a head with textures, camera and light. You can go on working meanwhile"""

    bl_idname = "nextgenface.reconstruct"
    bl_label = "Reconstruct Face"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only one job at a time, and only with a photo."""
        if session.is_active:
            cls.poll_message_set(BUSY)
        elif not context.scene.nextgenface.photo:
            cls.poll_message_set("Choose a photo first")
        else:
            return True
        return False

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start, and return at the end."""
        if not self.begin(context):
            return {"CANCELLED"}
        end = None
        while end is None:
            session.wait(0.1)
            end = self.tick(context)
        return end

    def begin(self, context: bpy.types.Context) -> bool:
        """Start the job; False where that is not possible."""
        try:
            self.job = start_job(context, context.scene)
        except EngineError as error:
            session.refuse(error.message, error.remedy)
            self.report({"ERROR"}, str(error))
            redraw_panels(context)
            return False
        self.scene = context.scene.name
        return True

    def tick(self, context: bpy.types.Context) -> set[str] | None:
        """Build when the job is done; report when it ended otherwise."""
        status = session.status
        if session.job == self.job:
            if status.phase is not Phase.BUILDING:
                return None
            waiting = waiting_reason(context)
            if not waiting:
                return self._build(context)
            if status.stage != waiting:
                status.stage = waiting
                redraw_panels(context)
            return None
        if status.phase is Phase.FAILED:
            self.report({"ERROR"}, f"{status.message} {status.remedy}".strip())
        elif status.phase is Phase.CANCELLED:
            self.report({"WARNING"}, status.message)
        return {"CANCELLED"}

    def _build(self, context: bpy.types.Context) -> set[str]:
        scene = bpy.data.scenes.get(self.scene) or context.scene
        try:
            built = build_result(scene, Path(session.status.result), build_options(scene))
        except EngineError as error:
            return self._fail(error.message, error.remedy)
        except Exception as error:
            traceback.print_exc()
            return self._fail(f"The head could not be built ({type(error).__name__}).", REPORT_IT)
        others = in_the_way(scene, bpy.data.collections[built.collection])
        session.finish(built.collection, summary_of(built), others)
        self.report({"INFO"}, f"{built.collection}: {session.status.summary}")
        if others and bpy.app.background:
            # With a window the panel says so, beside the button that hides them.
            self.report({"WARNING"}, f"In the way or adding light: {', '.join(others)}")
        return {"FINISHED"}

    def _fail(self, message: str, remedy: str) -> set[str]:
        session.fail(message, remedy)
        self.report({"ERROR"}, f"{message} {remedy}".strip())
        return {"CANCELLED"}

    def cancel(self, _context: bpy.types.Context) -> None:
        """Called by Blender when it ends the operator itself: its window was closed, or another file is opened."""
        if session.job == self.job:
            session.abandon("Stopped because the window was closed.", "Start it again.")


class NEXTGENFACE_OT_cancel(bpy.types.Operator):
    """Stop the reconstruction. Nothing is added to the scene"""

    bl_idname = "nextgenface.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """While a job runs."""
        return session.status.phase is Phase.RUNNING

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Ask for the end; the panel shows when it is there."""
        session.cancel()
        redraw_panels(context)
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_reconstruct, NEXTGENFACE_OT_cancel)
