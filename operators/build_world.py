# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the light of the photo as a world."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..engine.protocol import PhotoResult
from ..properties.results import set_role
from .build_images import LINEAR, ImageStore
from .head_data import numbered


def build_world(label: str, photo: PhotoResult, folder: Path, store: ImageStore, number: int = 0) -> bpy.types.World:
    """A world lit by the lat-long image of photo ``number``, strength 1.

    The engine's images are laid out as Blender's Environment Texture reads them once the head stands in Blender's axes:
    the column's azimuth is ``-2 pi (u - 1/2)``, counted from +x towards +y, the row's elevation ``pi (1/2 - v)`` from the
    top. So no mapping node is needed.
    """
    name = numbered(f"{label} Light", number)
    world = picture_world(name, store.load(folder / photo.light, name, LINEAR))
    set_role(world, f"light {number}")
    return world


def picture_world(name: str, image: bpy.types.Image) -> bpy.types.World:
    """A world lit by a lat-long ``image``, strength 1."""
    world = bpy.data.worlds.new(name)
    # A scene shows one world; those of other photos and people would not be saved.
    world.use_fake_user = True
    if world.node_tree is None:
        world.use_nodes = True
    tree = world.node_tree
    tree.nodes.clear()
    environment = tree.nodes.new("ShaderNodeTexEnvironment")
    environment.name = environment.label = "Light"
    environment.location = (-300, 0)
    environment.projection = "EQUIRECTANGULAR"
    environment.image = image
    background = tree.nodes.new("ShaderNodeBackground")
    background.name = "Background"
    background.inputs["Strength"].default_value = 1.0
    output = tree.nodes.new("ShaderNodeOutputWorld")
    output.location = (220, 0)
    tree.links.new(environment.outputs["Color"], background.inputs["Color"])
    tree.links.new(background.outputs["Background"], output.inputs["Surface"])
    return world
