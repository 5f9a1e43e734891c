# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the materials: a Principled BSDF each, all fed by the same diffuse, specular, roughness and normal maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from ..engine.protocol import Result
from ..properties.results import set_role
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
# How far red, green and blue go in skin, red = 1 (mean free paths of "skin1" of Jensen et al. 2001: 3.67, 1.37, 0.68 mm).
SUBSURFACE_RADIUS = (1.0, 0.373, 0.185)
# Metres. About half of what was measured: the photo, and so the diffuse map, is blurred by real skin already.
SUBSURFACE_SCALE = 0.002
# A cornea. Its weight is 0 at first: the fit's light has no lamps as small as a catchlight and would lie on the iris as a veil.
CORNEA_IOR, CORNEA_ROUGHNESS = 1.376, 0.03


@dataclass(frozen=True)
class Materials:
    """The materials of a person."""

    skin: bpy.types.Material
    eyes: bpy.types.Material
    teeth: bpy.types.Material


def build_materials(label: str, result: Result, folder: Path, store: ImageStore, subsurface: bool) -> Materials:
    """The materials "<label> Skin", "<label> Eyes" and "<label> Teeth".

    They share the result's maps; a map that the result lacks keeps the socket's default. ``subsurface`` lets light go
    through the skin.
    """
    maps = _load_maps(label, result, folder, store)
    skin, eyes, teeth = (_build_material(label, kind, maps) for kind in ("Skin", "Eyes", "Teeth"))
    _set_subsurface(shader_of(skin), 1.0 if subsurface else 0.0)
    _set_cornea(shader_of(eyes))
    return Materials(skin, eyes, teeth)


def shader_of(material: bpy.types.Material) -> bpy.types.Node | None:
    """The material's Principled BSDF, found by its type; None where a person took it out."""
    nodes = material.node_tree.nodes if material.node_tree else ()
    return next((node for node in nodes if node.type == "BSDF_PRINCIPLED"), None)


def _load_maps(label: str, result: Result, folder: Path, store: ImageStore) -> dict[str, bpy.types.Image]:
    """Title -> image of the maps that there are."""
    return {
        title: store.load(folder / getattr(result, field), f"{label} {title}", colour_space)
        for title, (field, colour_space, _) in MAPS.items()
        if getattr(result, field)
    }


def _build_material(label: str, kind: str, maps: dict[str, bpy.types.Image]) -> bpy.types.Material:
    material = bpy.data.materials.new(f"{label} {kind}")
    set_role(material, f"{kind.lower()} material")
    if material.node_tree is None:
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    shader = _add_shader(tree, kind)
    frame = _add_frame(tree, "Face Maps")
    uv_map = tree.nodes.new("ShaderNodeUVMap")
    uv_map.name, uv_map.uv_map, uv_map.location, uv_map.parent = "Face UV", FACE_UV, (-900, -160), frame
    for row, (title, image) in enumerate(maps.items()):
        node = _add_texture(tree, frame, title, image, row)
        tree.links.new(uv_map.outputs["UV"], node.inputs["Vector"])
        socket = MAPS[title][2]
        tree.links.new(_as_input(tree, frame, node, socket), shader.inputs[socket])
    return material


def _add_frame(tree: bpy.types.NodeTree, title: str) -> bpy.types.Node:
    frame = tree.nodes.new("NodeFrame")
    frame.name = frame.label = title
    return frame


def _add_shader(tree: bpy.types.NodeTree, kind: str) -> bpy.types.Node:
    """The shader and the output, in a frame that is named like the material's ``kind``."""
    frame = _add_frame(tree, f"{kind} Shader")
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    shader.name, shader.location, shader.parent = kind, (0, 300), frame
    shader.inputs["IOR"].default_value = SKIN_IOR
    shader.inputs["Subsurface Weight"].default_value = 0.0
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    output.location, output.parent = (320, 300), frame
    tree.links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    return shader


def _set_subsurface(shader: bpy.types.Node, weight: float) -> None:
    """Light that goes through skin. The method for skin keeps its mean colour, see the test that renders both."""
    shader.subsurface_method = "RANDOM_WALK_SKIN"
    shader.inputs["Subsurface Weight"].default_value = weight
    shader.inputs["Subsurface Radius"].default_value = SUBSURFACE_RADIUS
    shader.inputs["Subsurface Scale"].default_value = SUBSURFACE_SCALE


def _set_cornea(shader: bpy.types.Node) -> None:
    shader.inputs["Coat Weight"].default_value = 0.0
    shader.inputs["Coat IOR"].default_value = CORNEA_IOR
    shader.inputs["Coat Roughness"].default_value = CORNEA_ROUGHNESS


def _as_input(
    tree: bpy.types.NodeTree, frame: bpy.types.Node, texture: bpy.types.Node, socket: str
) -> bpy.types.NodeSocket:
    """What goes into the shader's ``socket``: the texture's colour, or the normal that it stands for."""
    if socket != "Normal":
        return texture.outputs["Color"]
    node = tree.nodes.new("ShaderNodeNormalMap")
    node.name, node.space, node.uv_map, node.parent = "Normal Map", "TANGENT", FACE_UV, frame
    node.location = (texture.location.x + 300, texture.location.y)
    tree.links.new(texture.outputs["Color"], node.inputs["Color"])
    return node.outputs["Normal"]


def _add_texture(
    tree: bpy.types.NodeTree, frame: bpy.types.Node, title: str, image: bpy.types.Image, row: int
) -> bpy.types.Node:
    node = tree.nodes.new("ShaderNodeTexImage")
    node.name = node.label = title
    node.image = image
    node.location = (-660, 300 - 300 * row)
    node.parent = frame
    return node
