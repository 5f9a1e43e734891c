# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks through the photo's camera, and goes back to the view as it was before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import bpy

# A flat view of the textures: the photo has its light in it, and a second one over the textures would make the skin look darker
# than it is.
FLAT = {"type": "SOLID", "color_type": "TEXTURE", "light": "FLAT"}


@dataclass(frozen=True)
class Look:
    """How a 3D view looked: values of its shading, and whether it was in perspective."""

    shading: dict[str, str]
    perspective: str


# By the view's own number, as long as the file is open.
_before: dict[int, Look] = {}


def is_in_camera(view: bpy.types.SpaceView3D) -> bool:
    """Whether the 3D view looks through the camera."""
    return view.region_3d is not None and view.region_3d.view_perspective == "CAMERA"


def look_through(view: bpy.types.SpaceView3D) -> None:
    """Let the view look through the scene's camera, the textures flat before the photo. Lit views stay as they are: they draw
    the world over the photo, and who works in one keeps it.
    """
    is_flat = _shading(view) == FLAT
    if not is_in_camera(view) and not is_flat:
        _before[view.as_pointer()] = Look(_shading(view), view.region_3d.view_perspective)
    view.region_3d.view_perspective = "CAMERA"
    if view.shading.type in ("WIREFRAME", "SOLID"):
        _set_shading(view, FLAT)


def leave(view: bpy.types.SpaceView3D) -> None:
    """Back to perspective, and to the shading that was there before, where this has changed it."""
    look = _before.pop(view.as_pointer(), Look({"type": "SOLID", "color_type": "MATERIAL", "light": "STUDIO"}, "PERSP"))
    view.region_3d.view_perspective = look.perspective
    if _shading(view) == FLAT:
        _set_shading(view, look.shading)


def forget() -> None:
    """Another file has views of its own."""
    _before.clear()


def _shading(view: bpy.types.SpaceView3D) -> dict[str, str]:
    return {name: getattr(view.shading, name) for name in FLAT}


def _set_shading(view: bpy.types.SpaceView3D, values: dict[str, str]) -> None:
    for name, value in values.items():
        setattr(view.shading, name, value)


class _InView:
    """For operators on the 3D view that they are pressed in."""

    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """In a 3D view of a scene with a camera."""
        return context.space_data is not None and context.space_data.type == "VIEW_3D" and bool(context.scene.camera)


class NEXTGENFACE_OT_view_photo(_InView, bpy.types.Operator):
    """Look through the photo's camera, with the photo behind the head"""

    bl_idname = "nextgenface.view_photo"
    bl_label = "Look Through Camera"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set this 3D view."""
        look_through(context.space_data)
        return {"FINISHED"}


class NEXTGENFACE_OT_leave_photo(_InView, bpy.types.Operator):
    """Leave the camera, and show the view as it was before"""

    bl_idname = "nextgenface.leave_photo"
    bl_label = "Leave Camera"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set this 3D view."""
        leave(context.space_data)
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_view_photo, NEXTGENFACE_OT_leave_photo)
