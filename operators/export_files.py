# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a head for other programs with Blender's own exporters: whole or not at all, and nothing of the file changes."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import addon_utils
import bpy

from ..engine.errors import OutputError
from .export_copies import export_scene
from .export_material import put_pictures_into, specular_as_alpha

CENTIMETRES_PER_METRE = 100.0


def write_glb(head: bpy.types.Object, path: Path, keys: str = "ARKIT") -> None:
    """Write ``head`` as glTF in one binary file, pictures inside. Raises OutputError if that is not possible."""
    with _whole(path) as place, exporter("io_scene_gltf2"), export_scene(head, keys) as copies:
        for material in {material for copy in copies for material in copy.data.materials if material}:
            specular_as_alpha(material)
        bpy.ops.export_scene.gltf(
            filepath=str(place),
            export_format="GLB",
            use_active_scene=True,
            export_apply=False,
            export_morph=keys != "NONE",
            export_animations=False,
            export_skins=False,
            export_cameras=False,
            export_lights=False,
            export_extras=False,
        )


def write_fbx(head: bpy.types.Object, path: Path, keys: str = "ARKIT") -> None:
    """Write ``head`` as FBX, pictures inside. Raises OutputError if that is not possible."""
    with _whole(path) as place, exporter("io_scene_fbx"), export_scene(head, keys):
        _fbx(place)


def write_for_metahuman(head: bpy.types.Object, path: Path) -> None:
    """Write the neutral head for Mesh to MetaHuman, as FBX or OBJ by ``path``'s ending: one mesh, one material, centimetres.

    Raises OutputError if that is not possible.
    """
    if path.suffix.lower() == ".fbx":
        with _whole(path) as place, exporter("io_scene_fbx"), export_scene(head, "NONE", joined=True):
            # FBX carries its unit, and Blender's exporter writes centimetres; an OBJ has none.
            _fbx(place)
        return
    with _whole(path) as place, export_scene(head, "NONE", CENTIMETRES_PER_METRE, joined=True) as copies:
        put_pictures_into(place.parent, copies[0].data.materials[0])
        _obj(place)


def _fbx(path: Path) -> None:
    bpy.ops.export_scene.fbx(
        filepath=str(path),
        use_selection=True,
        object_types={"MESH"},
        use_mesh_modifiers=False,
        bake_space_transform=True,
        mesh_smooth_type="FACE",
        path_mode="COPY",
        embed_textures=True,
        bake_anim=False,
    )


def _obj(path: Path) -> None:
    bpy.ops.wm.obj_export(
        filepath=str(path),
        export_selected_objects=True,
        apply_modifiers=False,
        export_materials=True,
        export_pbr_extensions=True,
        path_mode="STRIP",
        forward_axis="NEGATIVE_Z",
        up_axis="Y",
    )


@contextlib.contextmanager
def exporter(module: str) -> Iterator[None]:
    """Blender's add-on ``module`` is enabled in the block, and afterwards as it was. Raises OutputError where it is missing."""
    loaded = addon_utils.check(module)[1]
    if not loaded and addon_utils.enable(module) is None:
        raise OutputError(f"Blender's add-on '{module}' is missing.", "Install Blender with its own add-ons.")
    try:
        yield
    finally:
        if not loaded:
            addon_utils.disable(module)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A place for ``path`` in a hidden folder beside it; all files that are there at the block's end are moved in."""
    path = path.absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".nextgenface-export-", dir=path.parent) as folder:
            yield Path(folder) / path.name
            made = sorted(Path(folder).iterdir(), key=lambda file: file.name == path.name)
            if not (Path(folder) / path.name).is_file():
                raise OutputError(f"'{path.name}' could not be written.", "See the text of Blender's console.")
            for file in made:
                file.replace(path.parent / file.name)
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written: {error.strerror}.", "Choose another place.") from error
    except RuntimeError as error:
        text = str(error).removeprefix("Error: ").strip()
        raise OutputError(f"'{path.name}' could not be written: {text}", "Choose another place.") from error
