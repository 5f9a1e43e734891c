# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain copy of a skin material: a Principled BSDF with pictures right at its sockets, which every exporter understands."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np

SPECULAR = "Specular IOR Level"
SOCKETS = ("Base Color", "Roughness", SPECULAR, "Normal")


def plain_material(material: bpy.types.Material) -> bpy.types.Material:
    """A new material with the pictures and values that ``material``'s Principled BSDF gets, and nothing between."""
    made = bpy.data.materials.new(material.name.replace(" ", "_"))
    if made.node_tree is None:
        made.use_nodes = True
    tree = made.node_tree
    tree.nodes.clear()
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    source = _shader(material)
    if source is None:
        return made
    shader.inputs["IOR"].default_value = source.inputs["IOR"].default_value
    for name in SOCKETS:
        _copy_socket(tree, source.inputs[name], shader.inputs[name])
    return made


def _shader(material: bpy.types.Material) -> bpy.types.Node | None:
    nodes = material.node_tree.nodes if material.node_tree else []
    return next((node for node in nodes if node.type == "BSDF_PRINCIPLED"), None)


def _copy_socket(tree: bpy.types.NodeTree, source: bpy.types.NodeSocket, socket: bpy.types.NodeSocket) -> None:
    """The picture behind ``source``, or else its plain value."""
    picture = next((node for node in _behind(source) if node.type == "TEX_IMAGE" and node.image), None)
    if picture is None:
        if socket.name != "Normal":
            socket.default_value = source.default_value
        return
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = picture.image
    uv_map = _uv_map(tree, picture)
    if uv_map is not None:
        tree.links.new(uv_map.outputs["UV"], texture.inputs["Vector"])
    if socket.name == "Normal":
        normal = tree.nodes.new("ShaderNodeNormalMap")
        normal.uv_map = uv_map.uv_map if uv_map else ""
        tree.links.new(texture.outputs["Color"], normal.inputs["Color"])
        tree.links.new(normal.outputs["Normal"], socket)
    else:
        tree.links.new(texture.outputs["Color"], socket)


def _uv_map(tree: bpy.types.NodeTree, picture: bpy.types.Node) -> bpy.types.Node | None:
    """A node for the UV map that ``picture`` is laid out by; None for the mesh's active one."""
    source = next((node for node in _behind(picture.inputs["Vector"]) if node.type == "UVMAP"), None)
    if source is None:
        return None
    made = tree.nodes.new("ShaderNodeUVMap")
    made.uv_map = source.uv_map
    return made


def _behind(socket: bpy.types.NodeSocket) -> Iterator[bpy.types.Node]:
    """The nodes that feed ``socket``, nearest first, each once."""
    waiting, seen = [socket], set()
    while waiting:
        for link in waiting.pop(0).links:
            if link.from_node.name not in seen:
                seen.add(link.from_node.name)
                yield link.from_node
                waiting += link.from_node.inputs[:]


def specular_as_alpha(material: bpy.types.Material) -> None:
    """Let a `plain_material` take its specular level from a picture's alpha: there KHR_materials_specular looks for it.

    glTF's factor is 1 where Blender's level is 0.5, and ends there; Blender's exporter writes the picture as it is.
    """
    socket = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED").inputs[SPECULAR]
    if not socket.is_linked:
        return
    texture = socket.links[0].from_node
    texture.image = _with_alpha(texture.image)
    material.node_tree.links.new(texture.outputs["Alpha"], socket)


def _with_alpha(source: bpy.types.Image) -> bpy.types.Image:
    pixels = np.empty(len(source.pixels), np.float32)
    source.pixels.foreach_get(pixels)
    rgba = pixels.reshape(-1, source.channels)
    made = bpy.data.images.new(source.name.replace(" ", "_"), *source.size, alpha=True, is_data=True)
    made.alpha_mode = "CHANNEL_PACKED"
    factor = np.minimum(2.0 * rgba[:, :1], 1.0)
    made.pixels.foreach_set(np.broadcast_to(factor, (len(factor), 4)).ravel())
    return made


def put_pictures_into(folder: Path, material: bpy.types.Material) -> None:
    """Write the pictures of a `plain_material` into ``folder``, packed ones too, and let it use those files."""
    textures = [node for node in material.node_tree.nodes if node.type == "TEX_IMAGE"]
    for texture in textures:
        image = texture.image
        name = Path(bpy.path.basename(image.filepath) or image.name)
        place = folder / name.with_stem(image.name.replace(" ", "_")).name
        if image.packed_file:
            place.write_bytes(image.packed_file.data)
        else:
            shutil.copyfile(bpy.path.abspath(image.filepath), place)
        texture.image = bpy.data.images.load(str(place), check_existing=False)
        texture.image.colorspace_settings.name = image.colorspace_settings.name
