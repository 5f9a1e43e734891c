"""A model of the Basel face model's size and layout, made of the bundled head: its face as a cap of 28,588 vertices."""

from __future__ import annotations

import numpy as np
import synthetic_basel
import torch
from nextgenface.engine.faces.bundled import load
from nextgenface.engine.faces.model import PART_NAMES
from nextgenface.engine.faces.skin_colour import SkinColour
from nextgenface.engine.fit.eyes import IRIS_RADIUS_MM, TYPICAL_IRIS, TYPICAL_SCLERA, fit_sphere, paint_eye
from nextgenface.engine.render.geometry import TracedScene
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

SIDE = 169
# Degrees to both sides, and up and down, as seen from the middle of the head.
WIDE, HIGH = 72.0, 58.0
SAMPLES = 200
OUTER = ("skin", "eye_left", "eye_right")


def full_model(seed=0):
    """A `synthetic_basel.Synthetic` with as many vertices and modes as the published files."""
    rng = np.random.default_rng(seed)
    head = load()
    corners, weights, triangles = _cap(head)
    starts = np.arange(0, weights.size + 1, weights.shape[1])
    place = csr_matrix((weights.ravel(), corners.ravel(), starts), (len(weights), head.vertex_count))

    def take(values):
        return place @ values

    mean = take(head.mean.astype(np.float64))
    count_shape, count_expression, count_albedo = synthetic_basel.FULL_MODES
    identity = [take(mode) for mode in head.identity_basis.astype(np.float64)]
    # The published model has more modes than this head: what is lacking are waves that move little.
    identity += [synthetic_basel.wave(mean, rng, 0.05) for _ in range(count_shape - len(identity))]
    expression = [0.3 * take(mode) for mode in head.expression_basis.astype(np.float64)]
    expression += [synthetic_basel.wave(mean, rng, 0.02) for _ in range(count_expression - len(expression))]
    skins = np.array([take(skin) for skin in _skins(head, seed)])
    average = skins.mean(0)
    diffuse = _modes(skins - average, count_albedo)
    shine = np.full_like(average, 0.035)
    pca = synthetic_basel.Pca
    return synthetic_basel.Synthetic(
        shape=pca.of(mean, np.array(identity)),
        expression=pca.of(np.zeros_like(mean), np.array(expression)),
        diffuse=pca.of(average, diffuse),
        specular=pca.of(shine, diffuse.mean(2, keepdims=True).repeat(3, 2) * 0.05),
        triangles=triangles,
    )


def _cap(head):
    """Vertices of the head (V, 27) and their weights for each vertex of the cap, and the cap's triangles (T, 3)."""
    down, across = np.meshgrid(
        np.radians(np.linspace(-HIGH, HIGH, SIDE)), np.radians(np.linspace(-WIDE, WIDE, SIDE)), indexing="ij"
    )
    out = np.stack([np.sin(across) * np.cos(down), np.sin(down), np.cos(across) * np.cos(down)], -1).reshape(-1, 3)
    outer = np.isin(head.face_part[head.triangle_face], [PART_NAMES.index(name) for name in OUTER])
    triangles = head.triangles[outer]
    triangle, weights = TracedScene(head.mean, triangles).intersect(400.0 * out, -out)
    a, b, c = (head.mean[triangles[triangle, i]] for i in range(3))
    hit = np.flatnonzero((triangle >= 0) & ((np.cross(b - a, c - a) * out).sum(1) > 0))
    # Rays that slip between the lips or the lids take a mean of the three nearest others' places.
    distance, nearest = cKDTree(out[hit]).query(out, k=3)
    share = 1.0 / np.maximum(distance, 1e-12)
    share /= share.sum(1, keepdims=True)
    corners = triangles[triangle[hit[nearest]]].reshape(-1, 9).astype(np.int64)
    weights = (weights[hit[nearest]] * share[:, :, None]).reshape(-1, 9)
    return _with_more(corners, weights, synthetic_basel.sheet(SIDE, SIDE))


def _with_more(corners, weights, triangles):
    """The same with some triangles split in their middle: a grid alone cannot have 28,588 vertices."""
    lacking = synthetic_basel.FULL_SIZE - len(corners)
    split = np.arange(lacking) * (len(triangles) // lacking)
    middle, new = triangles[split], len(corners) + np.arange(lacking)
    parts = [np.stack([middle[:, i], middle[:, (i + 1) % 3], new], 1) for i in range(3)]
    room = np.zeros((len(corners), 18), np.int64)
    return (
        np.concatenate([np.concatenate([corners, room], 1), corners[middle].reshape(-1, 27)]),
        np.concatenate([np.concatenate([weights, room], 1), weights[middle].reshape(-1, 27) / 3.0]),
        np.concatenate([np.delete(triangles, split, 0), *parts]).astype(np.int32),
    )


def _skins(head, seed):
    """Linear albedos (V, 3) of random people, eyes painted."""
    skin, generator = SkinColour(head), torch.Generator().manual_seed(seed)
    for _ in range(SAMPLES):
        with torch.no_grad():
            albedo = skin.albedo(0.7 * skin.sample(generator)).numpy().astype(np.float64)
        for side in ("eye_left", "eye_right"):
            polygons = head.quads[head.face_part == PART_NAMES.index(side)]
            rows = np.unique(polygons[polygons >= 0])
            centre, radius = fit_sphere(head.mean[rows])
            away = head.mean[rows] - centre
            angle = np.arccos(np.clip(away[:, 2] / np.linalg.norm(away, axis=1), -1, 1))
            share = (angle / np.arcsin(IRIS_RADIUS_MM / radius)).astype(np.float32)
            albedo[rows] = paint_eye(share, np.array(TYPICAL_IRIS, np.float32), np.array(TYPICAL_SCLERA, np.float32))
        yield albedo


def _modes(offsets, count):
    """(count, V, 3) principal components of (N, V, 3), each of one standard deviation."""
    _, s, vt = np.linalg.svd(offsets.reshape(len(offsets), -1), full_matrices=False)
    return (s[:count, None] / np.sqrt(len(offsets)) * vt[:count]).reshape(count, *offsets.shape[1:])
