# SPDX-License-Identifier: GPL-3.0-or-later
"""Use This Photo: camera, light, expression and render size of one of a person's photos. And: show one person of several."""

from __future__ import annotations

from typing import ClassVar

import bpy

from .build_camera import set_render_size
from .build_shape_keys import photo_key_name
from .people import part_of, people
from .result_needs import PersonMixin


def use_photo(scene: bpy.types.Scene, person: bpy.types.Collection, number: int) -> None:
    """Let ``scene`` look through the camera of photo ``number``, in its light, at its expression. What was not built, or was
    deleted, stays as it is.
    """
    camera, world = part_of(person, f"camera {number}"), part_of(person, f"light {number}")
    if camera is not None:
        scene.camera = camera
        _set_size(scene, camera)
    if world is not None:
        scene.world = world
    _set_expression(person, number)
    person.nextgenface.photo = number


def _set_size(scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    """The render size of the photo behind ``camera``."""
    backgrounds = camera.data.background_images
    image = backgrounds[0].image if backgrounds else None
    if image is not None and image.size[0]:
        set_render_size(scene, tuple(image.size))


def _set_expression(person: bpy.types.Collection, number: int) -> None:
    """Only photo ``number``'s expression; the other keys stay as they are."""
    head = part_of(person, "head")
    keys = head.data.shape_keys if head is not None else None
    for other, photo in enumerate(person.nextgenface.photos):
        key = keys.key_blocks.get(photo_key_name(photo.name)) if keys else None
        if key is not None:
            key.value = 1.0 if other == number else 0.0


class NEXTGENFACE_OT_use_photo(PersonMixin, bpy.types.Operator):
    """Look through this photo's camera, in its light and with its expression, and render in its size"""

    bl_idname = "nextgenface.use_photo"
    bl_label = "Use This Photo"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    index: bpy.props.IntProperty(name="Photo", description="Number of the photo, from 0", min=0, options={"SKIP_SAVE"})

    def change(self, context: bpy.types.Context, person: bpy.types.Collection) -> set[str]:
        """Switch the scene."""
        if self.index >= len(person.nextgenface.photos):
            self.report({"ERROR"}, f"{person.name} has no photo {self.index + 1}.")
            return {"CANCELLED"}
        use_photo(context.scene, person, self.index)
        return {"FINISHED"}


class NEXTGENFACE_OT_show_person(PersonMixin, bpy.types.Operator):
    """Show this head, with its camera and light, and hide the others: all stand at the same place"""

    bl_idname = "nextgenface.show_person"
    bl_label = "Show This Head"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    def change(self, context: bpy.types.Context, person: bpy.types.Collection) -> set[str]:
        """Hide, show, select."""
        show_person(context, person)
        return {"FINISHED"}


def show_person(context: bpy.types.Context, person: bpy.types.Collection) -> None:
    """Show ``person`` and no other one, make the head active, and use the photo that was last used of it."""
    for other in people():
        other.hide_viewport = other.hide_render = other != person
    use_photo(context.scene, person, person.nextgenface.photo)
    context.view_layer.update()
    head = part_of(person, "head")
    if head is None or head.name not in context.view_layer.objects:
        return
    for item in context.view_layer.objects:
        item.select_set(item == head)
    context.view_layer.objects.active = head


CLASSES = (NEXTGENFACE_OT_use_photo, NEXTGENFACE_OT_show_person)
