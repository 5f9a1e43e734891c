# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the skin: one Principled BSDF fed by the diffuse, specular, roughness and normal maps."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..engine.protocol import Result
from .build_head import FACE_UV
from .build_images import DATA, SRGB, ImageStore

# The fit's skin is a dielectric with this index of refraction; the specular map scales its reflectance at normal incidence.
SKIN_IOR = 1.5
# map: result's field, colour space, socket of the Principled BSDF
MAPS = {
    "Diffuse": ("diffuse", SRGB, "Base Color"),
    "Specular": ("specular", DATA, "Specular IOR Level"),
    "Roughness": ("roughness", DATA, "Roughness"),
    "Normals": ("normal", DATA, "Normal"),
}


def build_skin(label: str, result: Result, folder: Path, store: ImageStore) -> bpy.types.Material:
    """The material "<label> Skin" of the result's maps; a map that the result lacks keeps the socket's default."""
    material = bpy.data.materials.new(f"{label} Skin")
    if material.node_tree is None:
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    shader = _add_shader(tree)
    frame = tree.nodes.new("NodeFrame")
    frame.name = frame.label = "Face Maps"
    uv_map = tree.nodes.new("ShaderNodeUVMap")
    uv_map.name, uv_map.uv_map, uv_map.location, uv_map.parent = "Face UV", FACE_UV, (-700, -150), frame
    for row, (title, (field, colour_space, socket)) in enumerate(MAPS.items()):
        file_name = getattr(result, field)
        if file_name:
            image = store.load(folder / file_name, f"{label} {title}", colour_space)
            node = _add_texture(tree, frame, title, image, row)
            tree.links.new(uv_map.outputs["UV"], node.inputs["Vector"])
            tree.links.new(_as_input(tree, frame, node, socket), shader.inputs[socket])
    return material


def _add_shader(tree: bpy.types.NodeTree) -> bpy.types.Node:
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    shader.name, shader.location = "Skin", (0, 200)
    shader.inputs["IOR"].default_value = SKIN_IOR
    shader.inputs["Subsurface Weight"].default_value = 0.0
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    output.location = (320, 200)
    tree.links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    return shader


def _as_input(
    tree: bpy.types.NodeTree, frame: bpy.types.Node, texture: bpy.types.Node, socket: str
) -> bpy.types.NodeSocket:
    """What goes into the shader's ``socket``: the texture's colour, or the normal that it stands for."""
    if socket != "Normal":
        return texture.outputs["Color"]
    node = tree.nodes.new("ShaderNodeNormalMap")
    node.name, node.space, node.uv_map, node.parent = "Normal Map", "TANGENT", FACE_UV, frame
    node.location = (texture.location.x + 250, texture.location.y)
    tree.links.new(texture.outputs["Color"], node.inputs["Color"])
    return node.outputs["Normal"]


def _add_texture(
    tree: bpy.types.NodeTree, frame: bpy.types.Node, title: str, image: bpy.types.Image, row: int
) -> bpy.types.Node:
    node = tree.nodes.new("ShaderNodeTexImage")
    node.name = node.label = title
    node.image = image
    node.location = (-450, 200 - 300 * row)
    node.parent = frame
    return node
