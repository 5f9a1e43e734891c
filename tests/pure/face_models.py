"""A small face model for tests: a bulged sheet with smooth shape modes and two blendshapes, and points all over it."""

from __future__ import annotations

import numpy as np
from nextgenface.engine.faces.model import FaceModel, LandmarkEmbedding

ROWS = COLUMNS = 21
IDENTITIES = 6


def small_model(*, blendshapes: bool = True, contour: bool = True, seed: int = 0) -> FaceModel:
    """A head-sized half ellipsoid (mm) of 441 vertices; its rim points are contour points."""
    rng = np.random.default_rng(seed)
    v, u = np.meshgrid(np.linspace(-1.2, 1.2, ROWS), np.linspace(-1.5, 1.5, COLUMNS), indexing="ij")
    mean = np.stack([70 * np.sin(u) * np.cos(v), 100 * np.sin(v), 80 * np.cos(u) * np.cos(v)], -1).reshape(-1, 3)
    # A nose, without which a smooth head could turn freely.
    mean[:, 2] += 25 * np.exp(-(u.ravel() ** 2) / 0.02 - v.ravel() ** 2 / 0.05)
    quads, triangles, face = _sheet()
    identity = np.stack([_wave(mean, rng, 4.0) for _ in range(IDENTITIES)])
    expression = np.stack([_wave(mean, rng, 6.0) for _ in range(2)])
    count = len(mean)
    embedding = _embedding(triangles, contour)
    return FaceModel(
        name="small",
        mean=mean.astype(np.float32),
        quads=quads,
        triangles=triangles,
        triangle_face=face,
        uv_face=np.zeros((len(quads), 4, 2), np.float32),
        uv_original=np.zeros((len(quads), 4, 2), np.float32),
        triangle_uv=np.zeros((len(triangles), 3, 2), np.float32),
        identity_basis=identity.astype(np.float32),
        expression_basis=expression.astype(np.float32),
        expression_names=("open", "smile"),
        expression_is_blendshape=blendshapes,
        slider_basis=np.zeros((0, count, 3), np.float32),
        slider_names=(),
        mirror_vertex=np.arange(count, dtype=np.int32),
        mirror_expression=np.arange(2, dtype=np.int32),
        face_part=np.zeros(len(quads), np.uint8),
        regions={"face": np.ones(count, np.float32)},
        landmarks={"mediapipe": embedding},
        original_index=np.arange(count, dtype=np.int32),
    )


def _sheet():
    """Quads, triangles (counter-clockwise from +z) and each triangle's quad."""
    corner = (np.arange(ROWS - 1)[:, None] * COLUMNS + np.arange(COLUMNS - 1)[None]).ravel()
    quads = np.stack([corner, corner + 1, corner + COLUMNS + 1, corner + COLUMNS], -1).astype(np.int32)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return quads, triangles, np.tile(np.arange(len(quads), dtype=np.int32), 2)


def _wave(mean, rng, size):
    """A smooth displacement of about ``size`` mm."""
    frequency, phase = rng.normal(size=(3, 3)) / 70, rng.uniform(0, 6, 3)
    return size * np.sin(mean @ frequency.T + phase)


def _embedding(triangles, contour):
    rng = np.random.default_rng(1)
    # The point numbers reach over the chin's and the forehead's, 152 and 10.
    count = 180
    chosen = rng.permutation(len(triangles))[:count].astype(np.int32)
    weights = rng.dirichlet(np.ones(3), count).astype(np.float32)
    column = (triangles[chosen, 0] % COLUMNS) if contour else np.full(count, 10)
    rim = (column < 3) | (column > COLUMNS - 5)
    return LandmarkEmbedding(np.arange(count, dtype=np.int32), chosen, weights, rim)
