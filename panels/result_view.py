# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel "Photo Overlay": the photo before or behind the head, and the head's edges over it."""

from __future__ import annotations

import bpy

from ..operators.people import chosen_person, part_of
from ..operators.view_photo import is_in_camera
from .result_place import ClosedResultPanel


def draw_camera_button(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Look through the camera, or leave it."""
    view = context.space_data
    if view is not None and view.type == "VIEW_3D" and is_in_camera(view):
        layout.operator("nextgenface.leave_photo", icon="VIEW_PERSPECTIVE")
    else:
        layout.operator("nextgenface.view_photo", icon="VIEW_CAMERA")


class NEXTGENFACE_PT_overlay(ClosedResultPanel, bpy.types.Panel):
    """How well the head lies on the photo."""

    bl_label = "Photo Overlay"

    def draw(self, context: bpy.types.Context) -> None:
        """The photo's opacity and place, then this view's edges."""
        layout, person = self.layout, chosen_person(context)
        layout.use_property_split, layout.use_property_decorate = True, False
        camera = part_of(person, f"camera {person.nextgenface.photo}") if person is not None else None
        backgrounds = camera.data.background_images if camera is not None else ()
        if backgrounds:
            _draw_photo(layout, camera.data, backgrounds[0])
        else:
            layout.label(text="The camera was not built", icon="INFO")
        if context.space_data is not None and context.space_data.type == "VIEW_3D":
            _draw_edges(layout, context.space_data.overlay)


def _draw_photo(layout: bpy.types.UILayout, camera: bpy.types.Camera, photo: bpy.types.CameraBackgroundImage) -> None:
    layout.prop(camera, "show_background_images", text="Photo")
    column = layout.column()
    column.active = camera.show_background_images
    column.prop(photo, "alpha", text="Opacity", slider=True)
    column.row().prop(photo, "display_depth", text="Depth", expand=True)


def _draw_edges(layout: bpy.types.UILayout, overlay: bpy.types.View3DOverlay) -> None:
    layout.prop(overlay, "show_wireframes", text="Wireframe")
    column = layout.column()
    column.active = overlay.show_wireframes
    column.prop(overlay, "wireframe_opacity", text="Opacity", slider=True)


CLASSES = (NEXTGENFACE_PT_overlay,)
