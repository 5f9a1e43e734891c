# SPDX-License-Identifier: GPL-3.0-or-later
"""Relight: puts the head into another light, and back into the photo's."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from ..engine.errors import EngineError
from ..properties.light import turn
from .build_images import LINEAR, ImageStore
from .build_transaction import Transaction
from .build_world import picture_world
from .people import chosen_person, part_of
from .result_needs import PersonMixin


def relight(scene: bpy.types.Scene, picture: Path, pack: bool) -> bpy.types.World:
    """Light the scene by a lat-long ``picture``, in a world that is named after it. Raises EngineError if it is none."""
    transaction, store = Transaction(scene), ImageStore(picture.stem, pack)
    try:
        world = picture_world(picture.stem, store.load(picture, picture.stem, LINEAR))
    except EngineError:
        transaction.undo()
        store.discard()
        raise
    scene.world = world
    return world


class NEXTGENFACE_OT_relight(bpy.types.Operator):
    """Light the scene by another picture: an EXR or HDR that shows the whole surroundings"""

    bl_idname = "nextgenface.relight"
    bl_label = "Choose a Light"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(
        name="Picture",
        description="An EXR or HDR file that shows the whole surroundings",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    filter_glob: bpy.props.StringProperty(default="*.exr;*.hdr", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Let the person choose a file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make the world."""
        scene = context.scene
        pack = scene.nextgenface.pack_images or not bpy.data.filepath
        try:
            relight(scene, Path(bpy.path.abspath(self.filepath)), pack)
        except EngineError:
            self.report({"ERROR"}, f"'{self.filepath}' is no picture that Blender can read. Choose an EXR or HDR file.")
            return {"CANCELLED"}
        return {"FINISHED"}


class NEXTGENFACE_OT_photo_light(PersonMixin, bpy.types.Operator):
    """Go back to the light that the photo was taken in"""

    bl_idname = "nextgenface.photo_light"
    bl_label = "Back to the Photo's Light"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where the photo's light was built."""
        person = chosen_person(context)
        if person is not None and part_of(person, f"light {person.nextgenface.photo}") is not None:
            return True
        cls.poll_message_set("The photo's light was not built. Turn Light on and rebuild")
        return False

    def change(self, context: bpy.types.Context, person: bpy.types.Collection) -> set[str]:
        """Choose its world, turned back and at full strength."""
        world = part_of(person, f"light {person.nextgenface.photo}")
        if world is None:
            return {"CANCELLED"}
        turn(world, 0.0)
        background = next((node for node in world.node_tree.nodes if node.type == "BACKGROUND"), None)
        if background is not None:
            background.inputs["Strength"].default_value = 1.0
        context.scene.world = world
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_relight, NEXTGENFACE_OT_photo_light)
