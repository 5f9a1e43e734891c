# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a finished result into a collection of the scene, whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import bpy

from ..engine.protocol import PhotoResult, Result
from .build_camera import build_camera, set_render_size
from .build_head import add_subdivision, build_mesh_object, parent_to
from .build_images import ImageStore
from .build_material import Materials, build_materials
from .build_shape_keys import add_shape_keys, drive_by
from .build_transaction import Transaction
from .build_world import build_world
from .head_data import EYE_PARTS, TEETH_PARTS, TONGUE_PARTS, BuildError, HeadFile, head_parts, read_head, take_parts
from .people import photo_names, read_report, remember


@dataclass(frozen=True)
class BuildOptions:
    """What is built of a result, and where its pictures live."""

    camera: bool = True
    light: bool = True
    eyes: bool = True
    shape_keys: bool = True
    pack_images: bool = True
    teeth: bool = True
    subdivision: bool = True
    subsurface: bool = False


@dataclass(frozen=True)
class Built:
    """Names of what was built; empty where something was left out. ``seconds`` is how long it took."""

    collection: str
    head: str
    eyes: str = ""
    camera: str = ""
    world: str = ""
    teeth: str = ""
    tongue: str = ""
    shape_keys: int = 0
    vertices: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class _Job:
    """What all steps of one build need."""

    scene: bpy.types.Scene
    result: Result
    folder: Path
    options: BuildOptions
    collection: bpy.types.Collection
    store: ImageStore
    names: list[str]

    @property
    def label(self) -> str:
        """What the names of all data-blocks begin with."""
        return str(self.collection.name)


def build_result(
    scene: bpy.types.Scene, result_path: Path, options: BuildOptions, sources: Sequence[Path] = ()
) -> Built:
    """Build the result in ``scene`` as one new collection; nothing that is there already is changed or reused.

    ``sources`` are the photos that were reconstructed, where they are known; the collection remembers them.

    Raises:
        BuildError, ProtocolError: the result cannot be read or built; the file is then as it was before.
    """
    begin = time.perf_counter()
    result, folder = read_result(result_path), result_path.parent
    report = read_report(folder / result.report)
    transaction = Transaction(scene)
    collection = bpy.data.collections.new(result.name)
    store = ImageStore(collection.name, options.pack_images)
    names = photo_names(result, report)
    try:
        built = _build(_Job(scene, result, folder, options, collection, store, names))
        built = replace(built, seconds=time.perf_counter() - begin)
        remember(collection, result_path, names, sources, report, built.seconds, transaction)
    except Exception:
        transaction.undo()
        store.discard()
        raise
    return built


def read_result(path: Path) -> Result:
    """The description in ``result.json``. Raises BuildError where there is none, ProtocolError where it is another thing."""
    try:
        return Result.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"There is no result at {path}.", "Reconstruct the photo again.") from error


def _build(job: _Job) -> Built:
    job.scene.collection.children.link(job.collection)
    options, label = job.options, job.label
    head_file = read_head(job.folder / job.result.head)
    materials = build_materials(label, job.result, job.folder, job.store, options.subsurface)
    head = _build_part(job, head_file, "Head", head_parts(head_file), materials.skin)
    if head is None:
        raise BuildError("The result has no head.", "Reconstruct the photo again.")
    parts = _build_parts(job, head_file, materials)
    for part in parts.values():
        parent_to(part, head)
        drive_by(part, head)
    cameras, world = _build_cameras(job, head), _light_scene(job)
    _set_view(job.scene)
    _select_only(job.scene, head)
    keys = head.data.shape_keys
    return Built(
        collection=label,
        head=head.name,
        camera=cameras[0].name if cameras else "",
        world=world.name if world else "",
        shape_keys=len(keys.key_blocks) if keys else 0,
        vertices=len(head.data.vertices),
        **{title.lower(): part.name for title, part in parts.items()},
    )


def _build_parts(job: _Job, head_file: HeadFile, materials: Materials) -> dict[str, bpy.types.Object]:
    """The objects beside the head that are wanted and that the model has, by title."""
    wanted = {}
    if job.options.eyes:
        wanted["Eyes"] = (EYE_PARTS, materials.eyes)
    if job.options.teeth:
        wanted |= {"Teeth": (TEETH_PARTS, materials.teeth), "Tongue": (TONGUE_PARTS, materials.skin)}
    built = {title: _build_part(job, head_file, title, *part) for title, part in wanted.items()}
    return {title: part for title, part in built.items() if part is not None}


def _build_part(
    job: _Job, head_file: HeadFile, title: str, names: tuple[str, ...], material: bpy.types.Material
) -> bpy.types.Object | None:
    """One mesh object with its keys; None where the model has no such part."""
    data = take_parts(head_file, names)
    if data is None:
        return None
    instance = build_mesh_object(f"{job.label} {title}", data, job.collection, material, title.lower())
    if job.options.shape_keys:
        add_shape_keys(instance, data, job.result.photos, job.names, only_moving=title != "Head")
    # Eyeballs and teeth are round enough, and would shrink away from lids and lips.
    if job.options.subdivision and title not in ("Eyes", "Teeth"):
        add_subdivision(instance)
    return instance


def _build_cameras(job: _Job, head: bpy.types.Object) -> list[bpy.types.Object]:
    """A camera per photo; the scene looks through the first."""
    photos = job.result.photos
    if not job.options.camera or not photos:
        return []
    cameras = [
        build_camera(job.label, photo, job.folder, job.store, job.collection, number)
        for number, photo in enumerate(photos)
    ]
    for camera in cameras:
        parent_to(camera, head)
    job.scene.camera = cameras[0]
    set_render_size(job.scene, (photos[0].width, photos[0].height))
    return cameras


def _light_scene(job: _Job) -> bpy.types.World | None:
    """A world per photo; the first photo's is the scene's."""
    photos: list[PhotoResult] = job.result.photos if job.options.light else []
    worlds = [
        build_world(job.label, photo, job.folder, job.store, number)
        for number, photo in enumerate(photos)
        if photo.light
    ]
    if not worlds:
        return None
    job.scene.world = worlds[0]
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
