"""Finds faces of any size with a face mesh network, and looks at each several times.

The networks see the whole picture in 128 x 128 pixels, so a face below about a seventh of the picture escapes them.
Here the picture is searched in tiles that get smaller until a face is found, and each face is then looked at again in
crops of its own that fit it well, whose results are averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from .detector import ByteArray, DetectedFace, FloatArray
from .schemes import MEDIAPIPE
from .windows import Floats, Window

# Points (478, 3) in pixels of an (H, W, 3) picture for every face in it.
FaceMesh = Callable[[ByteArray], list[FloatArray]]

_SEARCH_SIDE = 4096
_TILE_PX = 384
_SMALLEST_TILE = 200
_LOOK_PX = 512
# Crop sides in units of the face's longer side, and rolls in degrees, of the looks that are averaged.
_LOOKS = ((1.7, 0.0), (1.55, 6.0), (1.85, -6.0), (1.65, -3.0), (1.75, 3.0))
# What moves by more than this between two looks, in units of its size, is no face.
_LARGEST_SPREAD = 0.1
# Good looks agree to 0.4 % of the face; above this something is wrong.
_DOUBTFUL_SPREAD = 0.01
_EYE_RIGHT, _EYE_LEFT = MEDIAPIPE.eye_corners


def find_faces(srgb: ByteArray, mesh: FaceMesh) -> list[DetectedFace]:
    """Every face in an (H, W, 3) 8-bit sRGB picture, the largest first."""
    scale = min(1.0, _SEARCH_SIDE / max(srgb.shape[:2]))
    small = srgb if scale == 1.0 else cv2.resize(srgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for candidates in _levels(np.asarray(small, np.uint8), mesh):
        looked = (look_again(srgb, points / np.float32(scale), mesh) for points in candidates)
        faces = without_doubles([face for face in looked if face is not None])
        if faces:
            return faces
    return []


def look_again(srgb: ByteArray, points: FloatArray, mesh: FaceMesh) -> DetectedFace | None:
    """The face near ``points`` (478, 3), averaged over several upright crops that fit it; None where it is none."""
    face = _averaged(srgb, points, mesh, 0.0)
    if face is not None and float(face.spread.mean()) < _DOUBTFUL_SPREAD * face.size:
        return face
    # A face that stands on its head is found too, but badly, and taken to be upright.
    turned = _averaged(srgb, points, mesh, 180.0)
    found = [item for item in (face, turned) if item is not None]
    best = min(found, key=lambda item: float(item.spread.mean()) / item.size, default=None)
    return best if best is not None and float(best.spread.mean()) < _LARGEST_SPREAD * best.size else None


def _averaged(srgb: ByteArray, points: FloatArray, mesh: FaceMesh, turn: float) -> DetectedFace | None:
    """The mean of several looks at one face, which is thought to be turned by ``turn`` degrees more than its points say."""
    side, _ = _LOOKS[0]
    first = _look(srgb, points, mesh, side, turn)
    if first is None:
        return None
    looks = [look for side, roll in _LOOKS if (look := _look(srgb, first, mesh, side, roll)) is not None]
    if len(looks) < 2:
        return None
    stack = np.stack(looks)
    spread = np.sqrt(((stack - stack.mean(0))[..., :2] ** 2).sum(-1).mean(0))
    return DetectedFace(stack.mean(0).astype(np.float32), spread.astype(np.float32))


def _look(srgb: ByteArray, points: FloatArray, mesh: FaceMesh, side: float, roll: float) -> FloatArray | None:
    """The points of the face nearest to ``points`` in a crop of ``side`` face sizes, turned ``roll`` from upright."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    centre, size = (low + high) / 2, float(np.max(high - low))
    if size < 8.0:
        return None
    eyes = points[_EYE_LEFT, :2] - points[_EYE_RIGHT, :2]
    upright = float(np.rad2deg(np.arctan2(eyes[1], eyes[0])))
    window = Window((float(centre[0]), float(centre[1])), side * size, upright + roll, _LOOK_PX)
    found = [window.back(item) for item in mesh(window.cut(srgb))]
    near = [item for item in found if np.linalg.norm(item[:, :2].mean(0) - centre) < 0.5 * size]
    return max(near, key=_extent) if near else None


def _extent(points: FloatArray) -> float:
    return float(np.max(np.ptp(points[:, :2], axis=0)))


def without_doubles(faces: list[DetectedFace]) -> list[DetectedFace]:
    """The faces from large to small, each place once: tiles overlap, so one face is found in several."""
    kept: list[DetectedFace] = []
    for face in sorted(faces, key=lambda item: -item.size):
        centre = face.points[:, :2].mean(0)
        if all(np.linalg.norm(other.points[:, :2].mean(0) - centre) > 0.4 * other.size for other in kept):
            kept.append(face)
    return kept


def _levels(image: ByteArray, mesh: FaceMesh) -> Iterator[list[FloatArray]]:
    """Candidates from the whole picture, then with a border around it, in ever smaller tiles, and turned."""
    height, width = image.shape[:2]
    middle, longer = (width / 2, height / 2), float(max(width, height))
    yield mesh(image)
    # A border helps with faces that fill the picture.
    yield _through(image, mesh, [Window(middle, 2.0 * longer, 0.0, _LOOK_PX)])
    side = longer / 2
    while side >= _SMALLEST_TILE:
        yield _through(image, mesh, _tiles(image, side))
        side /= 2
    # Photos that lie on their side, one turn at a time.
    for turn in (90.0, 270.0, 180.0):
        yield _through(image, mesh, [Window(middle, 1.2 * longer, turn, _LOOK_PX)])


def _through(image: ByteArray, mesh: FaceMesh, windows: list[Window]) -> list[FloatArray]:
    """The faces that windows show, in pixels of the picture."""
    return [window.back(points) for window in windows for points in mesh(window.cut(image))]


def _tiles(image: ByteArray, side: float) -> list[Window]:
    """Windows of ``side`` pixels that overlap by a third and cover the picture; a larger face shows in larger tiles."""
    height, width = image.shape[:2]
    return [
        Window((float(x), float(y)), side, 0.0, _TILE_PX) for y in _centres(height, side) for x in _centres(width, side)
    ]


def _centres(length: int, side: float) -> Floats:
    if length <= side:
        return np.array([length / 2])
    count = int(np.ceil((length - side) / (side / 1.5))) + 1
    return np.linspace(side / 2, length - side / 2, count)
