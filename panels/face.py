# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab "Face" of the 3D view's sidebar."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from ..engine.progress import duration, stage_name
from ..operators.obstacles import why_not
from ..operators.session import Phase, Status, session
from ..properties.places import engine_python
from ..properties.preferences import chosen_python
from .photos import draw_photos
from .pictures import pictures
from .preferences import draw_engine
from .presets import draw_preset
from .text import draw_wrapped

PICTURE_SCALE = 7.0


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
            _draw_running(layout, context, status)
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
    if engine_python(chosen_python(context)) is None:
        box = layout.box()
        draw_wrapped(box, context, "First, the engine: 2 GB or more of packages, for this add-on only.", "INFO")
        draw_engine(box, context)
        return
    button = layout.row()
    button.scale_y = 1.8
    button.operator("nextgenface.reconstruct", icon="USER")
    reason = why_not(context)
    if reason and chosen.photos:
        draw_wrapped(layout, context, f"{reason}.", "INFO")


def _draw_running(layout: bpy.types.UILayout, context: bpy.types.Context, status: Status) -> None:
    icon = pictures().preview(status.preview)
    if not icon:
        icon = pictures().thumbnail(bpy.path.abspath(context.scene.nextgenface.photo))
    if icon:
        layout.template_icon(icon_value=icon, scale=PICTURE_SCALE)
    cancelling = status.phase is Phase.CANCELLING
    layout.label(text="Cancelling..." if cancelling else stage_name(status.stage))
    left = f"{duration(status.seconds_left)} left" if status.seconds_left >= 0 else ""
    layout.progress(factor=status.fraction, text=f"{status.fraction:.0%}" + (f", {left}" if left else ""))
    for warning in status.warnings[-3:]:
        draw_wrapped(layout, context, warning, "INFO")
    row = layout.row()
    row.scale_y = 1.3
    row.operator("nextgenface.cancel", icon="X")


def _draw_done(layout: bpy.types.UILayout, context: bpy.types.Context, status: Status) -> None:
    box = layout.box()
    _draw_title(box, f"Done in {duration(status.seconds)}", "CHECKMARK")
    for warning in status.warnings[-3:]:
        draw_wrapped(box, context, warning, "INFO")
    column = _draw_built(box, context, status)
    folder = Path(status.result).parent
    _draw_opener(column, "Open Folder", "FILE_FOLDER", folder, "the folder with maps, mesh and report")
    sheet = next(iter(sorted(folder.glob("render_*.png"))), None)
    if sheet is not None:
        _draw_opener(column, "Show Contact Sheet", "IMAGE_DATA", sheet, "photo, reconstruction and maps side by side")


def _draw_built(box: bpy.types.UILayout, context: bpy.types.Context, status: Status) -> bpy.types.UILayout:
    """What was built, as long as it is there; returns the column for the buttons."""
    if status.collection not in bpy.data.collections:
        draw_wrapped(box, context, "It is no longer in this file. Its maps and mesh are in the folder.")
        return box.column(align=True)
    draw_wrapped(box, context, status.summary)
    if status.in_the_way:
        draw_wrapped(box, context, f"In the way or adding light: {', '.join(status.in_the_way)}", "INFO")
        box.operator("nextgenface.isolate", icon="HIDE_ON")
    column = box.column(align=True)
    column.operator("nextgenface.view_photo", icon="VIEW_CAMERA")
    return column


def _draw_failed(layout: bpy.types.UILayout, context: bpy.types.Context, status: Status) -> None:
    box = layout.box()
    _draw_title(box, "It did not work", "ERROR")
    draw_wrapped(box, context, status.message)
    if status.remedy:
        draw_wrapped(box, context, status.remedy, "RIGHTARROW_THIN")
    if status.log:
        _draw_opener(box.column(), "Open Log", "TEXT", Path(status.log), f"the engine's log, {status.log}")


def _draw_cancelled(layout: bpy.types.UILayout, context: bpy.types.Context, status: Status) -> None:
    box = layout.box()
    _draw_title(box, "Stopped", "CANCEL")
    draw_wrapped(box, context, f"{status.message} {status.remedy}".strip())


def _draw_title(box: bpy.types.UILayout, text: str, icon: str) -> None:
    row = box.row()
    row.label(text=text, icon=icon)
    row.operator("nextgenface.dismiss", text="", icon="X", emboss=False)


def _draw_opener(layout: bpy.types.UILayout, text: str, icon: str, path: Path, what: str) -> None:
    button = layout.operator("nextgenface.open_file", text=text, icon=icon)
    button.path, button.what = str(path), what


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
        for name in ("build_eyes", "build_shape_keys", "build_camera", "build_light"):
            column.prop(chosen, name)


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
