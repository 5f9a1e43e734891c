# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of photos, and what is known of the active one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..operators.session import session
from ..properties.photos import active_photo, photo_path, placed_points
from .pictures import pictures
from .text import draw_wrapped

# Small enough that Reconstruct Face is in sight in a window of 1280 x 800 at an interface scale of 1.5.
PICTURE_SCALE = 4.0
_ROWS, _ROWS_OF_SEVERAL = 3, 4


class NEXTGENFACE_UL_photos(bpy.types.UIList):
    """A row for each photo: thumbnail, name, and whether its face was found."""

    bl_idname = "NEXTGENFACE_UL_photos"

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: Any,
        item: bpy.types.PropertyGroup,
        _icon: int,
        _active_data: Any,
        _active_property: str,
    ) -> None:
        """One row. A photo that is of no use says so behind its name; the whole sentence stands below the list."""
        path = photo_path(item)
        trouble = row_trouble(item, path)
        row = layout.row(align=True)
        icon = pictures().thumbnail(str(path), item.orientation)
        if icon:
            row.label(text=path.name, icon_value=icon)
        else:
            row.label(text=path.name, icon="IMAGE_DATA")
        state = row.row(align=True)
        state.alignment, state.alert = "RIGHT", bool(trouble)
        state.label(text=trouble, icon=row_icon(item, trouble))


def row_trouble(item: bpy.types.PropertyGroup, path: Path) -> str:
    """Why the photo cannot be used, in a few words; empty where nothing is known against it."""
    if not path.is_file():
        return "Missing"
    if not item.message:
        return ""
    return "No Face" if item.width else "Unreadable"


def trouble_sentence(item: bpy.types.PropertyGroup, path: Path) -> str:
    """The same in whole sentences, with what to do about it."""
    if not path.is_file():
        return f"There is no photo at '{path}' any more. Put it back, or remove it from the list."
    return f"{item.message} {item.remedy}".strip()


def row_icon(item: bpy.types.PropertyGroup, trouble: str) -> str:
    """What was found, as an icon."""
    if trouble:
        return "ERROR"
    if item.placed:
        return "GREASEPENCIL"
    return "CHECKMARK" if item.points else "BLANK1"


def draw_photos(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The list with its buttons, the active photo, and who the photos show."""
    chosen = context.scene.nextgenface
    if not chosen.photos:
        column = layout.column(align=True)
        column.scale_y = 1.3
        column.operator("nextgenface.add_photos", icon="ADD")
        column.operator("nextgenface.add_open_image", icon="IMAGE")
        draw_wrapped(layout, context, "Or drop image files onto the 3D view.")
        return
    _draw_list(layout, chosen)
    if len(chosen.photos) > 1:
        layout.row(align=True).prop(chosen, "people", expand=True)
    item = active_photo(chosen)
    if item is not None:
        _draw_active(layout, context, item)
    _draw_search(layout, context, item)


def _draw_list(layout: bpy.types.UILayout, chosen: bpy.types.PropertyGroup) -> None:
    several = len(chosen.photos) > 1
    row = layout.row()
    row.template_list(
        NEXTGENFACE_UL_photos.bl_idname,
        "",
        chosen,
        "photos",
        chosen,
        "active_photo",
        rows=_ROWS_OF_SEVERAL if several else _ROWS,
        maxrows=_ROWS_OF_SEVERAL,
    )
    column = row.column(align=True)
    column.operator("nextgenface.add_photos", text="", icon="ADD")
    column.operator("nextgenface.remove_photo", text="", icon="REMOVE")
    column.separator()
    column.menu(NEXTGENFACE_MT_photos.bl_idname, text="", icon="DOWNARROW_HLT")
    if several:
        column.separator()
        column.operator("nextgenface.move_photo", text="", icon="TRIA_UP").direction = "UP"
        column.operator("nextgenface.move_photo", text="", icon="TRIA_DOWN").direction = "DOWN"


class NEXTGENFACE_MT_photos(bpy.types.Menu):
    """More that can be done with the list"""

    bl_idname = "NEXTGENFACE_MT_photos"
    bl_label = "Photos"

    def draw(self, _context: bpy.types.Context) -> None:
        """The entries."""
        layout = self.layout
        layout.operator("nextgenface.add_open_image", icon="IMAGE")
        layout.operator("nextgenface.find_face", text="Find Faces Again", icon="FILE_REFRESH").everything = True
        layout.separator()
        layout.operator("nextgenface.clear_photos", icon="X")


def _draw_active(layout: bpy.types.UILayout, context: bpy.types.Context, item: bpy.types.PropertyGroup) -> None:
    """A bigger picture, what is known, and the focal length."""
    path = photo_path(item)
    icon = pictures().thumbnail(str(path), item.orientation)
    if icon:
        layout.template_icon(icon_value=icon, scale=PICTURE_SCALE)
    if row_trouble(item, path):
        draw_wrapped(layout, context, trouble_sentence(item, path), "ERROR")
    for line in known_lines(item):
        draw_wrapped(layout, context, line)
    form = layout.column()
    form.use_property_split, form.use_property_decorate = True, False
    form.prop(item, "focal_length")


def known_lines(item: bpy.types.PropertyGroup) -> list[str]:
    """What was found out about the photo, in words."""
    if not item.width:
        return []
    focal = f"{item.exif_focal:.0f} mm equivalent" if item.exif_focal else "no focal length"
    lines = [f"{item.width} x {item.height} px, {focal}"]
    # That its face was found, the row's tick says.
    placed = len(placed_points(item)) if item.points else 0
    if placed:
        lines.append(f"{placed} point{'s' * (placed > 1)} moved by hand")
    return lines


def _draw_search(layout: bpy.types.UILayout, context: bpy.types.Context, item: bpy.types.PropertyGroup | None) -> None:
    """Finding faces, or how far that is; then the landmarks."""
    detection = session.detection
    if detection.is_running:
        row = layout.row(align=True)
        text = "Cancelling..." if detection.cancelling else "Finding faces..."
        row.progress(factor=detection.fraction, text=text)
        row.operator("nextgenface.cancel_search", text="", icon="X")
        return
    row = layout.row(align=True)
    row.operator("nextgenface.find_face", icon="VIEWZOOM")
    row.operator("nextgenface.edit_landmarks", icon="MESH_DATA")
    if item is not None and item.placed:
        row.operator("nextgenface.reset_landmarks", text="", icon="LOOP_BACK")
    if detection.message:
        draw_wrapped(layout, context, f"{detection.message} {detection.remedy}".strip(), "ERROR")


CLASSES = (NEXTGENFACE_UL_photos, NEXTGENFACE_MT_photos)
