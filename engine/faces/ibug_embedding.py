"""Where the 68 points of the iBUG scheme lie on a face model whose points of MediaPipe's mesh are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..landmarks import ibug
from .model import FaceModel, LandmarkEmbedding

Floats = NDArray[np.float64]

# Triangles with a corner this near to a place are asked, mm.
_NEAR_MM = 15.0


def embed_ibug(model: FaceModel) -> LandmarkEmbedding:
    """The embedding of the 68 points by `ibug.ON_MESH`; the model must have one for "mediapipe".

    The points of the jaw are the contour: they slide along the outline that is seen.
    """
    mesh = model.landmarks["mediapipe"]
    row = {int(number): i for i, number in enumerate(mesh.index)}
    triangle = np.empty(ibug.COUNT, np.int32)
    barycentric = np.empty((ibug.COUNT, 3), np.float32)
    for point, numbers in enumerate(ibug.ON_MESH):
        rows = [row[number] for number in numbers]
        if len(rows) == 1:
            triangle[point], barycentric[point] = mesh.triangle[rows[0]], mesh.barycentric[rows[0]]
            continue
        corners = model.mean[model.triangles[mesh.triangle[rows]]].astype(np.float64)
        middle = np.einsum("lc,lcx->lx", mesh.barycentric[rows].astype(np.float64), corners).mean(0)
        triangle[point], barycentric[point] = _nearest(model, middle)
    contour = np.isin(np.arange(ibug.COUNT), ibug.JAW)
    return LandmarkEmbedding(np.arange(ibug.COUNT, dtype=np.int32), triangle, barycentric, contour)


def _nearest(model: FaceModel, place: Floats) -> tuple[int, Floats]:
    """The skin's triangle nearest to ``place`` (3,) mm of the mean head, and the weights (3,) of its corners."""
    mean = model.mean.astype(np.float64)
    near = np.linalg.norm(mean - place, axis=1) < _NEAR_MM
    skin = model.face_part[model.triangle_face] == 0
    allowed = np.flatnonzero(skin & near[model.triangles].any(1))
    corners = mean[model.triangles[allowed]]
    weights = _foot(place, corners)
    distance = np.linalg.norm(np.einsum("tc,tcx->tx", weights, corners) - place, axis=1)
    best = int(distance.argmin())
    return int(allowed[best]), weights[best]


def _foot(place: Floats, corners: Floats) -> Floats:
    """(T, 3) weights of the foot of the perpendicular on each of (T, 3, 3) triangles, drawn in where it lies outside."""
    u, v, w = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], place - corners[:, 0]
    uu, uv, vv, wu, wv = (np.einsum("tx,tx->t", p, q) for p, q in ((u, u), (u, v), (v, v), (w, u), (w, v)))
    det = np.maximum(uu * vv - uv * uv, 1e-12)
    s, t = (vv * wu - uv * wv) / det, (uu * wv - uv * wu) / det
    weights = np.maximum(np.stack([1.0 - s - t, s, t], 1), 0.0)
    return np.asarray(weights / weights.sum(1, keepdims=True))
