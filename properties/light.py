# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a world's light about the vertical axis. The angle lives in the world's own nodes, so there is nothing to go out of step."""

from __future__ import annotations

import math

import bpy

TURN_NODE = "Light Turn"


def angle_of(world: bpy.types.World) -> float:
    """Radians that `turn` turned the light by; 0 where it never did."""
    node = world.node_tree.nodes.get(TURN_NODE) if world.node_tree else None
    return float(node.inputs["Rotation"].default_value[2]) if node else 0.0


def turn(world: bpy.types.World, angle: float) -> None:
    """Turn the world's pictures by ``angle`` radians, counter-clockwise seen from above; a world without pictures stays."""
    pictures = [node for node in world.node_tree.nodes if node.type == "TEX_ENVIRONMENT"] if world.node_tree else []
    node = world.node_tree.nodes.get(TURN_NODE) if pictures else None
    if pictures and node is None:
        node = _add_turn(world.node_tree, pictures)
    if node is not None:
        node.inputs["Rotation"].default_value[2] = angle


def _add_turn(tree: bpy.types.NodeTree, pictures: list[bpy.types.Node]) -> bpy.types.Node:
    """Coordinates and a mapping before every picture that has no coordinates of its own."""
    x, y = pictures[0].location
    coordinates, node = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeMapping")
    coordinates.location, node.location = (x - 460, y), (x - 230, y)
    # "Texture" moves the picture itself; "Point" would move the place that is looked up, the other way round.
    node.name, node.label, node.vector_type = TURN_NODE, TURN_NODE, "TEXTURE"
    tree.links.new(coordinates.outputs["Generated"], node.inputs["Vector"])
    for picture in pictures:
        if not picture.inputs["Vector"].links:
            tree.links.new(node.outputs["Vector"], picture.inputs["Vector"])
    return node


def _get_angle(group: bpy.types.PropertyGroup) -> float:
    return angle_of(group.id_data)


def _set_angle(group: bpy.types.PropertyGroup, value: float) -> None:
    turn(group.id_data, value)


class NEXTGENFACE_PG_light(bpy.types.PropertyGroup):
    """On every world."""

    angle: bpy.props.FloatProperty(
        name="Angle",
        description="Turn the light around the head, counter-clockwise seen from above",
        subtype="ANGLE",
        min=-2 * math.pi,
        max=2 * math.pi,
        soft_min=-math.pi,
        soft_max=math.pi,
        get=_get_angle,
        set=_set_angle,
    )


CLASSES = (NEXTGENFACE_PG_light,)


def register() -> None:
    """Hang it on worlds."""
    bpy.types.World.nextgenface = bpy.props.PointerProperty(type=NEXTGENFACE_PG_light)


def unregister() -> None:
    """Take it off again."""
    del bpy.types.World.nextgenface
