# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab "Face" of the 3D view's sidebar."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from ..engine.progress import duration
from ..operators.obstacles import why_not
from ..operators.session import Phase, Status, session
from ..properties.photos import active_photo, photo_path
from ..properties.places import engine_python, is_outdated
from ..properties.preferences import chosen_python
from .openers import draw_opener
from .photos import draw_photos, trouble_sentence
from .preferences import draw_engine
from .presets import draw_preset
from .result_view import draw_camera_button
from .running import draw_running
from .text import draw_wrapped

# Of the button that all is about, in rows; the second one leaves room for a line of text.
HEIGHT, GREY_HEIGHT = 1.8, 1.0


class _Tab:
    """Where all panels of this add-on are."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Face"


class NEXTGENFACE_PT_face(_Tab, bpy.types.Panel):
    """Photo in, head out."""

    bl_label = "Face from Photo"

    def draw(self, context: bpy.types.Context) -> None:
        """The photo and the button; or what runs; then how the last one ended."""
        layout, status = self.layout, session.status
        if session.is_active:
            draw_running(layout, context, status)
            return
        _draw_photo(layout, context)
        if status.phase is Phase.DONE:
            _draw_done(layout, context, status)
        elif status.phase is Phase.FAILED:
            _draw_failed(layout, context, status)
        elif status.phase is Phase.CANCELLED:
            _draw_cancelled(layout, context, status)


def _draw_photo(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    chosen = context.scene.nextgenface
    draw_photos(layout, context)
    draw_preset(layout, chosen)
    python = engine_python(chosen_python(context))
    if python is None:
        box = layout.box()
        draw_wrapped(box, context, "First, the engine: 2 GB or more of packages, for this add-on only.", "INFO")
        draw_engine(box, context)
        return
    if is_outdated(python):
        draw_engine(layout.box(), context)
    _draw_button(layout, context, chosen)


def _draw_button(layout: bpy.types.UILayout, context: bpy.types.Context, chosen: bpy.types.PropertyGroup) -> None:
    """Reconstruct Face; where it is grey, the reason stands in a part of its place: below it, it would be out of sight."""
    reason = why_not(context)
    is_told = bool(reason and chosen.photos) and not is_told_above(chosen, reason)
    if is_told:
        draw_wrapped(layout, context, f"{reason}.", "INFO")
    button = layout.row()
    button.scale_y = GREY_HEIGHT if is_told else HEIGHT
    button.operator("nextgenface.reconstruct", icon="USER")


def is_told_above(chosen: bpy.types.PropertyGroup, reason: str) -> bool:
    """Whether the sentence below the list of photos says the same already."""
    item = active_photo(chosen)
    return item is not None and trouble_sentence(item, photo_path(item)).startswith(reason)


def _draw_done(layout: bpy.types.UILayout, context: bpy.types.Context, status: Status) -> None:
    box = layout.box()
    _draw_title(box, f"Done in {duration(status.seconds)}", "CHECKMARK")
    for warning in status.warnings[-3:]:
        draw_wrapped(box, context, warning, "INFO")
    _draw_built(box, context, status)


def _draw_built(box: bpy.types.UILayout, context: bpy.types.Context, status: Status) -> None:
    """What was built, as long as it is there; the panel "Result" has the buttons."""
    if status.collection not in bpy.data.collections:
        draw_wrapped(box, context, "It is no longer in this file. Its maps and mesh are in the folder.")
        draw_opener(
            box, "Open Folder", "FILE_FOLDER", Path(status.result).parent, "the folder with maps, mesh and report"
        )
        return
    draw_wrapped(box, context, status.summary)
    if status.in_the_way:
        draw_wrapped(box, context, f"In the way or adding light: {', '.join(status.in_the_way)}", "INFO")
        box.operator("nextgenface.isolate", icon="HIDE_ON")
    draw_camera_button(box, context)


def _draw_failed(layout: bpy.types.UILayout, context: bpy.types.Context, status: Status) -> None:
    box = layout.box()
    _draw_title(box, "It did not work", "ERROR")
    draw_wrapped(box, context, status.message)
    if status.remedy:
        draw_wrapped(box, context, status.remedy, "RIGHTARROW_THIN")
    if status.log:
        draw_opener(box.column(), "Open Log", "TEXT", Path(status.log), f"the engine's log, {status.log}")


def _draw_cancelled(layout: bpy.types.UILayout, context: bpy.types.Context, status: Status) -> None:
    box = layout.box()
    _draw_title(box, "Stopped", "CANCEL")
    draw_wrapped(box, context, f"{status.message} {status.remedy}".strip())


def _draw_title(box: bpy.types.UILayout, text: str, icon: str) -> None:
    row = box.row()
    row.label(text=text, icon=icon)
    row.operator("nextgenface.dismiss", text="", icon="X", emboss=False)


class _Closed(_Tab):
    """A sub-panel that is closed at first."""

    bl_parent_id = "NEXTGENFACE_PT_face"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}


def _as_form(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    """``layout`` with names left of values, grey while a job runs."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    layout.enabled = not session.is_active
    return layout


class NEXTGENFACE_PT_settings(_Closed, bpy.types.Panel):
    """What is made."""

    bl_label = "Settings"

    def draw(self, context: bpy.types.Context) -> None:
        """Sizes and parts."""
        layout, chosen = _as_form(self.layout), context.scene.nextgenface
        layout.prop(chosen.advanced, "face_model")
        if chosen.advanced.face_model != "bundled":
            layout.prop(chosen.advanced, "face_model_folder", text="Model Folder", placeholder="Where its files are")
        layout.prop(chosen, "texture_size")
        column = layout.column(heading="Build", align=True)
        for name in ("eyes", "teeth", "shape_keys", "camera", "light", "subdivision", "subsurface"):
            column.prop(chosen, f"build_{name}")


class NEXTGENFACE_PT_output(_Closed, bpy.types.Panel):
    """Where it goes."""

    bl_label = "Output"

    def draw(self, context: bpy.types.Context) -> None:
        """Folder and packing."""
        layout, chosen = _as_form(self.layout), context.scene.nextgenface
        layout.prop(chosen, "output", placeholder="Beside the .blend")
        layout.prop(chosen, "pack_images")


class NEXTGENFACE_PT_engine(_Closed, bpy.types.Panel):
    """What computes it."""

    bl_label = "Engine"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Without an engine the main panel shows this already."""
        return engine_python(chosen_python(context)) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Set-up and check."""
        draw_engine(self.layout, context)


CLASSES = (NEXTGENFACE_PT_face, NEXTGENFACE_PT_settings, NEXTGENFACE_PT_output, NEXTGENFACE_PT_engine)
