# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconstruct Face and Cancel."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any, ClassVar

import bpy

from ..engine.errors import EngineError
from ..engine.hints import PhotoHints
from ..properties.photos import adopt, hints_of, photo_at, take_trouble
from ..properties.places import engine_python, job_output, log_folder
from ..properties.preferences import chosen_python
from ..properties.settings import chosen_people, engine_settings, settings_notices
from .build_scene import BuildOptions, Built, build_result
from .obstacles import NO_ENGINE, why_not
from .pump import PumpMixin, redraw_panels
from .session import Phase, session
from .surroundings import in_the_way

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


def start_job(context: bpy.types.Context, scene: bpy.types.Scene, photos: list[Path] | None = None) -> str:
    """Start the reconstruction of the person in ``photos``, or of the first one that ``scene`` asks for; the job's id.

    Raises EngineError with the reason if it cannot.
    """
    chosen = scene.nextgenface
    wanted = next(iter(chosen_people(chosen)), []) if photos is None else photos
    if not wanted:
        raise EngineError("No photo is chosen.", "Choose a photo.")
    for photo in wanted:
        if not photo.is_file():
            raise EngineError(f"There is no photo at '{photo}'.", "Choose a photo.")
    python, settings = need_python(context), engine_settings(chosen)
    output = job_output(chosen.output, wanted[0])
    hints, changed = photo_hints(chosen, wanted)
    notices = *settings_notices(chosen), *changed
    return session.start(python, wanted, output, settings, log_folder(), notices, hints=hints)


def photo_hints(chosen: bpy.types.PropertyGroup, photos: list[Path]) -> tuple[list[dict[str, Any]], list[str]]:
    """What the person says of each of ``photos``, and sentences on what of it is not used; no hints where nothing is said."""
    items = [photo_at(chosen, photo) for photo in photos]
    pairs = [(PhotoHints(), "") if item is None else hints_of(item) for item in items]
    hints = [hint.to_dict() for hint, _ in pairs]
    return hints if any(hints) else [], [notice for _, notice in pairs if notice]


def mark_bad_photo(scene: bpy.types.Scene) -> None:
    """Have the list say which photo it was that the job failed with, if it was one."""
    status = session.status
    item = photo_at(scene.nextgenface, Path(status.bad_photo)) if status.bad_photo else None
    if item is not None:
        take_trouble(item, status.message, status.remedy)


def build_options(scene: bpy.types.Scene) -> BuildOptions:
    """What the scene's settings ask to be built."""
    chosen = scene.nextgenface
    return BuildOptions(
        camera=chosen.build_camera,
        light=chosen.build_light,
        eyes=chosen.build_eyes,
        teeth=chosen.build_teeth,
        subdivision=chosen.build_subdivision,
        subsurface=chosen.build_subsurface,
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
    parts = [name for name in ("eyes", "teeth", "tongue", "camera") if getattr(built, name)]
    parts += ["light"] if built.world else []
    keys = [f"{built.shape_keys} shape keys"] if built.shape_keys else []
    return ", ".join(["head", *parts, *keys]).capitalize()


def hide(name: str) -> None:
    """Hide a collection, if it is still there: the next person's head stands at the same place."""
    collection = bpy.data.collections.get(name)
    if collection is not None:
        collection.hide_viewport = collection.hide_render = True


class JobMixin(PumpMixin):
    """For operators that have people reconstructed, one after the other: they say who, and how each one's job is started."""

    def people(self, context: bpy.types.Context) -> list[list[Path]]:
        """The photos of each person."""
        raise NotImplementedError

    def start(self, context: bpy.types.Context, scene: bpy.types.Scene, photos: list[Path]) -> str:
        """Start the job of the person in ``photos``; its id. Raises EngineError with the reason if it cannot."""
        raise NotImplementedError

    def after_build(self, built: Built) -> None:
        """What is to be done beside building."""

    def begin(self, context: bpy.types.Context) -> bool:
        """Start the job; False where that is not possible."""
        self.waiting = self.people(context)
        self.row = len(self.waiting) > 1
        self.built: list[str] = []
        self.skipped: list[str] = []
        self.result = ""
        self.scene = context.scene.name
        if self._start_next(context):
            return True
        if self.row:
            self._sum_up()
        redraw_panels(context)
        return False

    def _start_next(self, context: bpy.types.Context) -> bool:
        """Start the job of the next person of whom that is possible; False, with reports, where there is none."""
        scene = bpy.data.scenes.get(self.scene) or context.scene
        while self.waiting:
            photos = self.waiting.pop(0)
            try:
                self.job = self.start(context, scene, photos)
            except EngineError as error:
                session.refuse(error.message, error.remedy)
                self._tell_failure(error.message, error.remedy)
                self.skipped += [f"{photo.name}: {error.message}" for photo in photos[:1]]
            else:
                return True
        return False

    def tick(self, context: bpy.types.Context) -> set[str] | None:
        """Build when the job is done; report when it ended otherwise."""
        status = session.status
        if session.job == self.job:
            if status.phase is not Phase.BUILDING:
                return None
            waiting = waiting_reason(context)
            if not waiting:
                return self._go_on(context, self._build(context))
            if status.stage != waiting:
                status.stage = waiting
                redraw_panels(context)
            return None
        if status.phase is Phase.FAILED:
            mark_bad_photo(bpy.data.scenes.get(self.scene) or context.scene)
            self._tell_failure(status.message, status.remedy)
        elif status.phase is Phase.CANCELLED:
            self.report({"WARNING"}, status.message)
        return self._go_on(context, {"CANCELLED"})

    def _go_on(self, context: bpy.types.Context, end: set[str]) -> set[str] | None:
        """``end`` after a single person; of several, start the next one (None), or end with all that was built."""
        status = session.status
        if not self.row:
            return end
        if end == {"FINISHED"}:
            if self.built:
                hide(self.built[-1])
            self.built.append(status.collection)
            self.result = status.result
        elif status.phase is Phase.CANCELLED:
            return {"FINISHED"} if self.built else end
        else:
            self.skipped.append(f"{status.photo}: {status.message}")
        return None if self._start_next(context) else self._sum_up()

    def _sum_up(self) -> set[str]:
        """The end of a row of people."""
        count = len(self.built) + len(self.skipped)
        text = f"{len(self.built)} of {count} reconstructed"
        if not self.built:
            self.report({"ERROR"}, f"{text}. {self.skipped[0]}")
            return {"CANCELLED"}
        if self.skipped:
            self.report({"WARNING"}, f"{text}. Skipped: {'; '.join(self.skipped)}")
        session.finish(self.built[-1], text, session.status.in_the_way)
        session.status.result = self.result
        session.status.warnings += [f"Skipped {line}" for line in self.skipped]
        return {"FINISHED"}

    def _tell_failure(self, message: str, remedy: str) -> None:
        # An error would end a script's row of people with an exception.
        self.report({"WARNING" if self.row else "ERROR"}, f"{message} {remedy}".strip())

    def _build(self, context: bpy.types.Context) -> set[str]:
        scene = bpy.data.scenes.get(self.scene) or context.scene
        try:
            sources = [Path(photo) for photo in session.status.photos]
            built = build_result(scene, Path(session.status.result), build_options(scene), sources)
        except EngineError as error:
            return self._fail(error.message, error.remedy)
        except Exception as error:
            traceback.print_exc()
            return self._fail(f"The head could not be built ({type(error).__name__}).", REPORT_IT)
        self.after_build(built)
        others = in_the_way(scene, bpy.data.collections[built.collection])
        session.finish(built.collection, summary_of(built), others)
        session.status.build_seconds = built.seconds
        self.report({"INFO"}, f"{built.collection}: {session.status.summary}, built in {built.seconds:.1f} s")
        if others and bpy.app.background:
            # With a window the panel says so, beside the button that hides them.
            self.report({"WARNING"}, f"In the way or adding light: {', '.join(others)}")
        return {"FINISHED"}

    def _fail(self, message: str, remedy: str) -> set[str]:
        session.fail(message, remedy)
        self._tell_failure(message, remedy)
        return {"CANCELLED"}

    def cancel(self, _context: bpy.types.Context) -> None:
        """Called by Blender when it ends the operator itself: its window was closed, or another file is opened."""
        if session.job == self.job:
            session.abandon("Stopped because the window was closed.", "Start it again.")


class NEXTGENFACE_OT_reconstruct(JobMixin, bpy.types.Operator):
    """Turn photos into a head with textures, cameras and light. You can go on working meanwhile"""

    bl_idname = "nextgenface.reconstruct"
    bl_label = "Reconstruct Face"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only one job at a time, and only where all is there that it needs."""
        reason = why_not(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def people(self, context: bpy.types.Context) -> list[list[Path]]:
        """Those whom the scene asks for."""
        adopt(context.scene.nextgenface)
        return chosen_people(context.scene.nextgenface)

    def start(self, context: bpy.types.Context, scene: bpy.types.Scene, photos: list[Path]) -> str:
        """With the scene's settings."""
        return start_job(context, scene, photos)


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
