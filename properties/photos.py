# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of photos: what is kept of each, and what scripts and older files call it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..engine.hints import PhotoHints, PlacedPoint
from ..engine.photo_header import read_header
from .places import RELATIVE

PEOPLE = [
    ("ONE", "One Person", "All photos show the same person: one head, and a camera for each photo"),
    ("SEVERAL", "Different People", "Each photo shows another person: a head for each, one after the other"),
]
# What Blender hides of what belongs to the file and not to the person.
_KEPT = {"options": {"HIDDEN"}}


class NEXTGENFACE_PG_photo(bpy.types.PropertyGroup):
    """One photo, what was found in it, and what a person says of it."""

    path: bpy.props.StringProperty(
        name="Photo",
        description="A photo of a face: sharp, evenly lit, without glasses",
        subtype="FILE_PATH",
        **RELATIVE,
    )
    focal_length: bpy.props.FloatProperty(
        name="Focal Length",
        description="35 mm equivalent over the photo's diagonal. 0: from the photo's EXIF tags, else estimated",
        subtype="DISTANCE_CAMERA",
        min=0.0,
        soft_max=300.0,
        max=2000.0,
        step=100,
        precision=1,
    )
    width: bpy.props.IntProperty(name="Width", description="Pixels of the upright photo", subtype="PIXEL", **_KEPT)
    height: bpy.props.IntProperty(name="Height", description="Pixels of the upright photo", subtype="PIXEL", **_KEPT)
    exif_focal: bpy.props.FloatProperty(
        name="EXIF Focal Length", description="Millimetres, 35 mm equivalent; 0: not known", **_KEPT
    )
    orientation: bpy.props.IntProperty(name="Orientation", description="EXIF orientation", default=1, **_KEPT)
    detector: bpy.props.StringProperty(name="Detector", description="What found the points", **_KEPT)
    points: bpy.props.StringProperty(name="Points", description="Places of the face's points, packed", **_KEPT)
    placed: bpy.props.StringProperty(name="Placed Points", description="Points moved by hand, as JSON", **_KEPT)
    message: bpy.props.StringProperty(name="Message", description="Why no face was found", **_KEPT)
    remedy: bpy.props.StringProperty(name="Remedy", description="What to do about it", **_KEPT)
    mark: bpy.props.StringProperty(name="Mark", description="Size and time of the file that was looked at", **_KEPT)


def photo_path(item: NEXTGENFACE_PG_photo) -> Path:
    """Where the photo is."""
    return Path(bpy.path.abspath(item.path))


def file_mark(path: Path) -> str:
    """Size and time of a file, by which a changed photo is known; empty where there is none."""
    try:
        state = path.stat()
    except OSError:
        return ""
    return f"{state.st_size}-{state.st_mtime_ns}"


def is_seen(item: NEXTGENFACE_PG_photo, detector: str) -> bool:
    """Whether ``detector`` has looked at the photo as it is now."""
    return bool(item.mark) and item.detector == detector and item.mark == file_mark(photo_path(item))


def is_placed_on_this(item: NEXTGENFACE_PG_photo) -> bool:
    """Whether the points placed by hand belong to the file: a copy of it has another time, but not another size."""
    size = item.mark.partition("-")[0]
    return bool(size) and size == file_mark(photo_path(item)).partition("-")[0]


# --- the list ---------------------------------------------------------------------------------------------------------


def photo_items(chosen: bpy.types.PropertyGroup) -> list[NEXTGENFACE_PG_photo]:
    """All photos that are chosen, in their order; those that scripts put into `more_photos` behind the others."""
    return [item for item in (*chosen.photos, *chosen.more_photos) if item.path]


def chosen_photos(chosen: bpy.types.PropertyGroup) -> list[Path]:
    """Their files."""
    return [photo_path(item) for item in photo_items(chosen)]


def chosen_people(chosen: bpy.types.PropertyGroup) -> list[list[Path]]:
    """The photos of each person."""
    photos = chosen_photos(chosen)
    return [photos] if chosen.people == "ONE" else [[photo] for photo in photos]


def active_photo(chosen: bpy.types.PropertyGroup) -> NEXTGENFACE_PG_photo | None:
    """The one that is marked in the list."""
    index = chosen.active_photo
    return chosen.photos[index] if 0 <= index < len(chosen.photos) else None


def photo_at(chosen: bpy.types.PropertyGroup, path: Path) -> NEXTGENFACE_PG_photo | None:
    """The photo with the file ``path``."""
    return next((item for item in photo_items(chosen) if photo_path(item) == path), None)


def add_photo(chosen: bpy.types.PropertyGroup, path: str) -> bool:
    """Put a file at the end of the list and mark it; False where it is there already."""
    if photo_at(chosen, Path(bpy.path.abspath(path))) is not None:
        return False
    item = chosen.photos.add()
    item.path = path
    take_header(item)
    chosen.active_photo = len(chosen.photos) - 1
    return True


def get_first(chosen: bpy.types.PropertyGroup) -> str:
    """The first photo's path, for scripts that know of one photo only."""
    return chosen.photos[0].path if chosen.photos else ""


def set_first(chosen: bpy.types.PropertyGroup, path: str) -> None:
    """Put ``path`` in the first photo's place; nothing takes it off the list."""
    if not path:
        if chosen.photos:
            chosen.photos.remove(0)
    elif get_first(chosen) != path:
        clear(chosen.photos[0] if chosen.photos else chosen.photos.add())
        chosen.photos[0].path = path
        take_header(chosen.photos[0])


def adopt(chosen: bpy.types.PropertyGroup) -> None:
    """Take what older files and scripts hold elsewhere into the list: one photo, and more photos."""
    # A property with functions of its own hides what was stored under its name before.
    stored = chosen.bl_system_properties_get() if hasattr(chosen, "bl_system_properties_get") else chosen
    old = stored.get("photo") if stored is not None else None
    if isinstance(old, str):
        del stored["photo"]
        if old and add_photo(chosen, old):
            chosen.photos.move(len(chosen.photos) - 1, 0)
    more = [item.path for item in chosen.more_photos if item.path]
    if more:
        chosen.more_photos.clear()
        for path in more:
            add_photo(chosen, path)
        chosen.active_photo = 0


# --- what is known of a photo -----------------------------------------------------------------------------------------


def clear(item: NEXTGENFACE_PG_photo) -> None:
    """Forget all that is known of a photo but its path."""
    for name in ("focal_length", "width", "height", "exif_focal", "orientation"):
        item.property_unset(name)
    for name in ("detector", "points", "placed", "message", "remedy", "mark"):
        setattr(item, name, "")


def take_header(item: NEXTGENFACE_PG_photo) -> None:
    """Keep what the file's first bytes tell, until the engine tells more."""
    header = read_header(photo_path(item))
    if header is not None:
        item.width, item.height = header.width, header.height
        item.orientation, item.exif_focal = header.orientation, header.focal_35mm


def take_seen(item: NEXTGENFACE_PG_photo, seen: Any) -> None:
    """Keep what the engine (`PhotoSeen`) found in the photo; points placed on another file or detector's are dropped."""
    if not is_placed_on_this(item) or item.detector != seen.detector:
        item.placed = ""
    item.width, item.height, item.orientation = seen.width, seen.height, seen.orientation
    item.exif_focal, item.detector = seen.focal_35mm, seen.detector
    places = np.reshape(seen.points, (-1, 2)) / np.array([max(seen.width, 1), max(seen.height, 1)])
    item.points = packed(places)
    item.message, item.remedy = seen.message, seen.remedy
    item.mark = file_mark(photo_path(item))


def take_trouble(item: NEXTGENFACE_PG_photo, message: str, remedy: str) -> None:
    """Keep why the photo is of no use, until it is looked at again."""
    item.message, item.remedy = message, remedy


def packed(places: np.ndarray) -> str:
    """Places (N, 2) in widths and heights of the photo as text."""
    return base64.b64encode(places.astype("<f4").tobytes()).decode("ascii")


def found_places(item: NEXTGENFACE_PG_photo) -> np.ndarray:
    """(N, 2) float64 where the detector found the points, in widths and heights of the upright photo; N may be 0."""
    try:
        values = np.frombuffer(base64.b64decode(item.points), "<f4").astype(np.float64)
        return values.reshape(-1, 2)
    except ValueError:
        return np.zeros((0, 2))


def placed_points(item: NEXTGENFACE_PG_photo) -> dict[int, PlacedPoint]:
    """The points that were moved by hand, by their numbers."""
    try:
        values = json.loads(item.placed or "{}")
        return {int(number): PlacedPoint(*map(float, place)) for number, place in values.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def keep_placed(item: NEXTGENFACE_PG_photo, points: dict[int, PlacedPoint]) -> None:
    """Keep the points that were moved by hand."""
    hints = PhotoHints(item.detector or "mediapipe", points)
    item.placed = json.dumps(hints.to_dict()["points"]) if points else ""


def hints_of(item: NEXTGENFACE_PG_photo) -> tuple[PhotoHints, str]:
    """What the person says of the photo, and a sentence where some of it belongs to another file than is there now."""
    points, notice = placed_points(item), ""
    if points and not is_placed_on_this(item):
        points, notice = {}, f"{photo_path(item).name} has changed: the points placed by hand are not used."
    return PhotoHints(item.detector or "mediapipe", points, round(item.focal_length, 3)), notice


CLASSES = (NEXTGENFACE_PG_photo,)
