"""Finds where a detector's points lie on a face model: it is shown renders of the mean face, and rays go through what it
finds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from ..errors import FaceModelError
from ..render.geometry import TracedScene
from ..scene.camera import Camera
from ..scene.colour import linear_to_srgb8
from .model import LandmarkEmbedding
from .surface import FLIP, closest_places
from .topology import vertex_normals

FloatArray = NDArray[np.float64]
Detect = Callable[[NDArray[np.uint8]], NDArray[np.float32] | None]

# MediaPipe's points of the face's outline, which slide with the view (canonical_face_model.obj).
POINTS = 468
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
# Yaw and pitch in degrees, and where the light comes from sideways.
VIEWS = [(yaw, pitch, light) for yaw in (-14.0, 0.0, 14.0) for pitch in (-8.0, 0.0, 8.0) for light in (-0.5, 0.5)]
SIZE, DISTANCE_MM = 512, 2000.0
# Width of the picture in heights of the face's mesh between forehead and chin.
ROOM = 1.5
BACKGROUND = 0.35


def embed_points(
    mean: NDArray[np.float32],
    triangles: NDArray[np.int32],
    skin: NDArray[np.bool_],
    colour: FloatArray,
    detect: Detect,
    contour: Sequence[int] = FACE_OVAL,
    height_mm: float | None = None,
) -> LandmarkEmbedding:
    """Where a detector's points lie on the skin of a mean face.

    Args:
        mean: (V, 3) mm, head frame, about x = 0.
        triangles: (T, 3) of the whole head. skin: (T,) True where points may lie.
        colour: (V, 3) linear Rec. 709 albedo, which makes it a face to a detector.
        detect: gives the (L, 2 or more) points in pixels of an 8-bit sRGB picture, or None without a face.
        contour: numbers of the points that slide along the outline.
        height_mm: of the part to be shown; default: of the whole mesh.

    Raises:
        FaceModelError: the detector finds no face in most of the renders.
    """
    found = [
        places for view in VIEWS if (places := _observed(mean, triangles, colour, detect, view, height_mm)) is not None
    ]
    if len(found) < len(VIEWS) // 2:
        raise FaceModelError(
            f"A face was found in only {len(found)} of {len(VIEWS)} renders of the face model's mean.",
            "Check that its files are whole and in their own units, y up.",
        )
    points = _symmetric(np.median(np.array(found), 0))
    rows = np.flatnonzero(skin)
    triangle, barycentric = closest_places(points, mean, triangles[rows])
    return LandmarkEmbedding(
        index=np.arange(len(points), dtype=np.int32),
        triangle=rows[triangle].astype(np.int32),
        barycentric=barycentric.astype(np.float32),
        contour=np.isin(np.arange(len(points)), contour),
    )


def embedded_points(mean: NDArray[np.float32], triangles: NDArray[np.int32], found: LandmarkEmbedding) -> FloatArray:
    """(L, 3) mm, the places of an embedding's points on the mean head."""
    corners = mean[triangles[found.triangle]].astype(np.float64)
    return np.asarray(np.einsum("lc,lcx->lx", found.barycentric, corners))


def _observed(
    mean: NDArray[np.float32],
    triangles: NDArray[np.int32],
    colour: FloatArray,
    detect: Detect,
    view: tuple[float, float, float],
    height_mm: float | None,
) -> FloatArray | None:
    """(L, 3) where the rays through the points found in one render meet the head."""
    yaw, pitch, light = view
    camera = _camera(mean, yaw, pitch, height_mm)
    picture, pixels, places = _render(mean, triangles, colour, camera, np.array([light, 0.4, 1.0]))
    spots = detect(picture)
    if spots is None:
        return None
    # A point beside the head takes the nearest pixel that shows it.
    _, nearest = cKDTree(pixels).query(spots[:, :2])
    return np.asarray(places[nearest])


def _camera(mean: NDArray[np.float32], yaw: float, pitch: float, height_mm: float | None) -> Camera:
    """A long-lens camera in front of the face, whose top third of depth is in the middle."""
    front = mean[mean[:, 2] > mean[:, 2].max() - 0.6 * np.ptp(mean[:, 2])]
    centre = np.array([0.0, (front[:, 1].min() + front[:, 1].max()) / 2.0, mean[:, 2].max() - 60.0])
    height = float(np.ptp(front[:, 1])) if height_mm is None else height_mm
    y, x = np.radians([yaw, pitch])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    rotation = nod @ turn
    translation = np.array([0.0, 0.0, -DISTANCE_MM]) - rotation @ centre
    return Camera(SIZE, SIZE, SIZE * DISTANCE_MM / (ROOM * height), SIZE / 2, SIZE / 2, rotation, translation)


def _render(
    mean: NDArray[np.float32],
    triangles: NDArray[np.int32],
    colour: FloatArray,
    camera: Camera,
    towards_light: FloatArray,
) -> tuple[NDArray[np.uint8], FloatArray, FloatArray]:
    """An 8-bit sRGB picture (H, W, 3) of the head in soft light; the pixels (n, 2) that show it, and what they show (n, 3) mm."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    pixels = np.stack([columns.ravel(), rows.ravel()], 1) + 0.5
    origins = np.broadcast_to(camera.centre, (len(pixels), 3))
    triangle, weights = TracedScene(mean, triangles).intersect(origins, camera.rays(pixels))
    hit = np.flatnonzero(triangle >= 0)
    corners, weights = triangles[triangle[hit]], weights[hit].astype(np.float64)
    normals, albedo, places = (
        np.einsum("nc,ncx->nx", weights, values[corners]) for values in (vertex_normals(mean, triangles), colour, mean)
    )
    normals = normals @ camera.rotation.T
    direction = towards_light / np.linalg.norm(towards_light)
    shade = 0.3 + 0.15 * normals[:, 1] + 0.65 * np.maximum(normals @ direction, 0.0)
    linear = np.full((SIZE * SIZE, 3), BACKGROUND)
    linear[hit] = albedo * shade[:, None]
    return linear_to_srgb8(linear.reshape(SIZE, SIZE, 3)), pixels[hit], np.asarray(places, np.float64)


def _symmetric(points: FloatArray) -> FloatArray:
    """(L, 3) points averaged with the mirror images of their partners on the other side."""
    # Depth is the least certain where the surface turns away, and it is there that points lie closest together.
    distance = np.linalg.norm((points[:, None] - points[None] * FLIP) * (1.0, 1.0, 0.2), axis=2)
    _, partner = linear_sum_assignment(distance + distance.T)
    if not (partner[partner] == np.arange(len(partner))).all():
        return points
    return np.asarray((points + points[partner] * FLIP) / 2.0)
