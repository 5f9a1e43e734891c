# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove: takes a person out of the file, whole, and nothing else."""

from __future__ import annotations

from typing import ClassVar

import bpy

from .people import blocks_of
from .result_needs import PersonMixin

# In this order: a mesh uses materials, which use images.
_DATA = (bpy.types.Mesh, bpy.types.Camera, bpy.types.World, bpy.types.Material, bpy.types.Image)


def remove_person(person: bpy.types.Collection) -> None:
    """Remove the person's collection, objects and data-blocks. Objects that a person put into the collection go to the scene;
    data-blocks that something else uses stay.
    """
    memory, blocks = person.nextgenface, blocks_of(person)
    _keep_foreign(person, {block for block in blocks if isinstance(block, bpy.types.Object)})
    world, camera = memory.previous_world, bpy.data.objects.get(memory.previous_camera)
    for scene in bpy.data.scenes:
        if scene.world in blocks:
            scene.world = world
        if scene.camera in blocks:
            scene.camera = camera if camera not in blocks else None
    places = [block for block in blocks if isinstance(block, (bpy.types.Object, bpy.types.Collection))]
    data = [[block for block in blocks if isinstance(block, kind)] for kind in _DATA]
    bpy.data.batch_remove(places)
    for kind in data:
        bpy.data.batch_remove([block for block in kind if block.users == int(block.use_fake_user)])


def _keep_foreign(person: bpy.types.Collection, own: set[bpy.types.Object]) -> None:
    """Hand what does not belong to the person over to the scenes, at the place where it is."""
    bpy.context.view_layer.update()
    foreign = [item for item in person.objects if item not in own]
    for scene in bpy.data.scenes:
        if person not in scene.collection.children_recursive:
            continue
        for item in foreign:
            if item.name not in scene.collection.objects:
                scene.collection.objects.link(item)
        for child in person.children:
            if child.name not in scene.collection.children:
                scene.collection.children.link(child)
    for item in (child for each in own for child in each.children if child not in own):
        place = item.matrix_world.copy()
        item.parent = None
        item.matrix_world = place


class NEXTGENFACE_OT_remove_person(PersonMixin, bpy.types.Operator):
    """Remove this head with its cameras, lights, materials and images from the file. The result's folder stays"""

    bl_idname = "nextgenface.remove_person"
    bl_label = "Remove"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """In Object Mode: other modes hold on to their objects."""
        if context.mode == "OBJECT":
            return True
        cls.poll_message_set("Go to Object Mode first")
        return False

    def change(self, context: bpy.types.Context, person: bpy.types.Collection) -> set[str]:
        """Remove it."""
        name = person.name
        remove_person(person)
        self.report({"INFO"}, f"{name} was removed")
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_remove_person,)
