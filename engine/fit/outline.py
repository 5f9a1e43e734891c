"""What a face model's modes leave of a person's outline, found by a Gaussian process over the skin.

Where the photo shows a face before a background, its edges are known to half a pixel, and the modes that stage 2 found miss
them by up to some millimetres: a strip of the face that the head does not cover, or of the background that it does. What
is left is taken for a smooth field of heights along the neutral head's normals, of a known deviation and length of
correlation (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, equations 2.22 and 2.23), so far from
every edge the head stays as it is. Edges that the field cannot follow count less (Geman and McClure).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ..faces.model import PART_NAMES, FaceModel
from ..faces.topology import vertex_normals
from ..scene.camera import Camera
from .silhouette import Silhouette, above_mouth

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# Deviation of what the modes leave, mm, and the distance over which it is alike. The bundled head, laid on scans, leaves
# 0.4 to 0.7 mm at the median.
SPREAD_MM, LENGTH_MM = 1.2, 12.0
# Deviations at which an edge begins to count as another thing's, and how often the weights are found anew.
KNEE, ROUNDS = 3.0, 6
# Pixels by which an outline moves with a millimetre of height, at least: less, and it is no outline.
LEAST_PX_PER_MM = 0.1
# Lids and lips fit the eyes and the teeth; ears have an outline of their own.
FIXED = ("eyelids", "lips", "ears")


@dataclass(frozen=True)
class SeenOutline:
    """What one photo says: its edges, and the head whose silhouette they belong to, as ``vertices`` (V, 3) mm before
    ``camera``.
    """

    silhouette: Silhouette
    vertices: Floats
    camera: Camera


def outline_shift(model: FaceModel, neutral: Floats, seen: Sequence[SeenOutline]) -> Floats:
    """(V, 3) mm to add to a person's head, with any expression, so that its outline is the photos'; zeros off the skin.

    The jaw is left alone: below the mouth the neck's edge is too easily taken for it. ``neutral``: (V, 3) mm, the same head
    without expression.
    """
    normals = vertex_normals(neutral, model.triangles)
    edges = [_edges(model, neutral, normals, photo) for photo in seen]
    place, height, noise = (np.concatenate(parts) for parts in zip(*edges, strict=True))
    if not len(height):
        return np.zeros_like(neutral)
    weights = _weights(place, height, noise)
    heights = _covariance(neutral.astype(np.float64), place) @ weights * _free(model)
    return np.asarray(heights[:, None] * normals, np.float32)


def _edges(model: FaceModel, neutral: Floats, normals: Floats, photo: SeenOutline) -> tuple[Doubles, Doubles, Doubles]:
    """(N, 3) places on the neutral head, (N,) heights there, and (N,) their deviations, mm."""
    found = photo.silhouette
    ends, part = found.ends.numpy(), found.part.numpy()[:, None]

    def at(values: Floats) -> Doubles:
        return np.asarray(values[ends[:, 0]] * (1.0 - part) + values[ends[:, 1]] * part, np.float64)

    place, shown, out = at(neutral), at(photo.vertices), at(normals)
    pixel = photo.camera.project(shown)
    gain = ((photo.camera.project(shown + out) - pixel) * found.normal.numpy()).sum(1)
    gap = ((found.target.numpy() - pixel) * found.normal.numpy()).sum(1)
    kept = above_mouth(model)[ends].all(1) & (gain > LEAST_PX_PER_MM)
    gain, gap = gain[kept], gap[kept]
    return place[kept], gap / gain, found.spread / gain


def _weights(place: Doubles, height: Doubles, noise: Doubles) -> Doubles:
    """(N,) what each edge's covariance with a point counts in the height there."""
    covariance = _covariance(place, place)
    doubt = np.ones(len(height))
    for _ in range(ROUNDS):
        weights = np.linalg.solve(covariance + np.diag(noise**2 * doubt), height)
        left = (height - covariance @ weights) / noise
        doubt = (1.0 + (left / KNEE) ** 2) ** 2
    return np.asarray(weights)


def _covariance(first: Doubles, second: Doubles) -> Doubles:
    """(M, N) of heights at (M, 3) and (N, 3) places."""
    square = cdist(first, second, "sqeuclidean")
    return np.asarray(SPREAD_MM**2 * np.exp(-0.5 * square / LENGTH_MM**2))


def _free(model: FaceModel) -> Doubles:
    """(V,) in [0, 1]: how far each vertex may move."""
    free = np.zeros(model.vertex_count)
    free[model.triangles[model.face_part[model.triangle_face] == PART_NAMES.index("skin")]] = 1.0
    for name in FIXED:
        if name in model.regions:
            free *= 1.0 - model.regions[name]
    return free
