# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a finished result into a collection of the scene, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..engine.protocol import Result
from .build_camera import build_camera, set_render_size
from .build_head import build_mesh_object, parent_eyes
from .build_images import ImageStore
from .build_material import build_skin
from .build_shape_keys import add_shape_keys, drive_by
from .build_world import build_world
from .head_data import BuildError, HeadData, read_head, take_parts


@dataclass(frozen=True)
class BuildOptions:
    """What is built of a result, and where its pictures live."""

    camera: bool = True
    light: bool = True
    eyes: bool = True
    shape_keys: bool = True
    pack_images: bool = True


@dataclass(frozen=True)
class Built:
    """Names of what was built; empty where something was left out."""

    collection: str
    head: str
    eyes: str = ""
    camera: str = ""
    world: str = ""
    shape_keys: int = 0
    vertices: int = 0


def build_result(scene: bpy.types.Scene, result_path: Path, options: BuildOptions) -> Built:
    """Build the result in ``scene`` as one new collection; nothing that is there already is changed or reused.

    Raises:
        BuildError, ProtocolError: the result cannot be read or built; the file is then as it was before.
    """
    result = read_result(result_path)
    transaction = _Transaction(scene)
    collection = bpy.data.collections.new(result.name)
    store = ImageStore(collection.name, options.pack_images)
    try:
        return _build(scene, result, result_path.parent, options, collection, store)
    except Exception:
        transaction.undo()
        store.discard()
        raise


def read_result(path: Path) -> Result:
    """The description in ``result.json``. Raises BuildError where there is none, ProtocolError where it is another thing."""
    try:
        return Result.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"There is no result at {path}.", "Reconstruct the photo again.") from error


def _build(
    scene: bpy.types.Scene,
    result: Result,
    folder: Path,
    options: BuildOptions,
    collection: bpy.types.Collection,
    store: ImageStore,
) -> Built:
    scene.collection.children.link(collection)
    label = collection.name
    head_file = read_head(folder / result.head)
    material = build_skin(label, result, folder, store)
    head = _build_part(f"{label} Head", take_parts(head_file, eyes=False), result, options, collection, material)
    if head is None:
        raise BuildError("The result has no head.", "Reconstruct the photo again.")
    eyes = None
    if options.eyes:
        eyes = _build_part(f"{label} Eyes", take_parts(head_file, eyes=True), result, options, collection, material)
    if eyes is not None:
        parent_eyes(eyes, head)
        drive_by(eyes, head)
    cameras = _build_cameras(scene, result, folder, options, collection, store)
    world = _light_scene(scene, result, folder, options, collection, store)
    _set_view(scene)
    _select_only(scene, head)
    keys = head.data.shape_keys
    return Built(
        collection=label,
        head=head.name,
        eyes=eyes.name if eyes else "",
        camera=cameras[0].name if cameras else "",
        world=world.name if world else "",
        shape_keys=len(keys.key_blocks) if keys else 0,
        vertices=len(head.data.vertices),
    )


def _build_part(
    name: str,
    data: HeadData | None,
    result: Result,
    options: BuildOptions,
    collection: bpy.types.Collection,
    material: bpy.types.Material,
) -> bpy.types.Object | None:
    """One mesh object with its keys; None where the head has no such part."""
    if data is None:
        return None
    instance = build_mesh_object(name, data, collection, material)
    if options.shape_keys:
        add_shape_keys(instance, data, result.photos, only_moving=name.endswith("Eyes"))
    return instance


def _build_cameras(
    scene: bpy.types.Scene,
    result: Result,
    folder: Path,
    options: BuildOptions,
    collection: bpy.types.Collection,
    store: ImageStore,
) -> list[bpy.types.Object]:
    """A camera per photo; the scene looks through the first."""
    if not options.camera or not result.photos:
        return []
    cameras = [
        build_camera(collection.name, photo, folder, store, collection, number)
        for number, photo in enumerate(result.photos)
    ]
    scene.camera = cameras[0]
    set_render_size(scene, result.photos[0])
    return cameras


def _light_scene(
    scene: bpy.types.Scene,
    result: Result,
    folder: Path,
    options: BuildOptions,
    collection: bpy.types.Collection,
    store: ImageStore,
) -> bpy.types.World | None:
    """A world per photo; the first photo's is the scene's."""
    if not options.light:
        return None
    worlds = [
        build_world(collection.name, photo, folder, store, number)
        for number, photo in enumerate(result.photos)
        if photo.light
    ]
    if not worlds:
        return None
    scene.world = worlds[0]
    return worlds[0]


# Values of `ColorManagedViewSettings` under which a render shows the colours that were fitted to the photo.
PHOTO_VIEW = {"view_transform": "Standard", "look": "None", "exposure": 0.0, "gamma": 1.0, "use_curve_mapping": False}


def _set_view(scene: bpy.types.Scene) -> None:
    """The plain sRGB view: any other tone curve would change the skin's colour."""
    for name, value in PHOTO_VIEW.items():
        setattr(scene.view_settings, name, value)
    if hasattr(scene.view_settings, "use_white_balance"):
        scene.view_settings.use_white_balance = False


def _select_only(scene: bpy.types.Scene, instance: bpy.types.Object) -> None:
    layer = bpy.context.view_layer if bpy.context.scene == scene else scene.view_layers[0]
    layer.update()
    for other in layer.objects:
        other.select_set(False, view_layer=layer)
    instance.select_set(True, view_layer=layer)
    layer.objects.active = instance


class _Transaction:
    """Remembers a file's data-blocks and the scene's settings that a build touches, to put them back."""

    _RENDER = ("resolution_x", "resolution_y", "resolution_percentage", "pixel_aspect_x", "pixel_aspect_y")
    _VIEW = ("view_transform", "look", "exposure", "gamma", "use_curve_mapping", "use_white_balance")

    def __init__(self, scene: bpy.types.Scene) -> None:
        self._scene = scene
        self._camera, self._world = scene.camera, scene.world
        self._layer = bpy.context.view_layer if bpy.context.scene == scene else scene.view_layers[0]
        self._active = self._layer.objects.active
        self._selected = [item for item in self._layer.objects if item.select_get(view_layer=self._layer)]
        self._render = _read(scene.render, self._RENDER)
        self._view = _read(scene.view_settings, self._VIEW)
        self._before = {block.session_uid for block in _data_blocks()}

    def undo(self) -> None:
        """Remove every data-block that came since, and put the settings back."""
        bpy.data.batch_remove([block for block in _data_blocks() if block.session_uid not in self._before])
        self._scene.camera, self._scene.world = self._camera, self._world
        _write(self._scene.render, self._render)
        _write(self._scene.view_settings, self._view)
        for item in self._selected:
            item.select_set(True, view_layer=self._layer)
        self._layer.objects.active = self._active


def _data_blocks() -> list[bpy.types.ID]:
    """All data-blocks of the kinds that a build makes."""
    data = bpy.data
    kinds = (
        data.collections,
        data.objects,
        data.meshes,
        data.shape_keys,
        data.materials,
        data.images,
        data.cameras,
        data.worlds,
    )
    return [block for kind in kinds for block in kind]


def _read(owner: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in names if hasattr(owner, name)}


def _write(owner: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(owner, name, value)
