"""The outline of the face: which points of the surface a picture's contour points belong to.

A detector's contour points lie on a fixed place of the skin while that place is seen. Where the cheek turns away they
slide along the outline that the camera sees. There the surface's own outline takes over: the points of mesh edges at
which the normal is at right angles to the line of sight, exact for the linear interpolation of normals along an edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..faces.model import FaceModel, LandmarkEmbedding
from ..faces.topology import edges
from .pose import Pose

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# How far along the skin a contour point may slide, mm.
_REACH_MM = 30.0
# Cosine between normal and line of sight below which a contour point counts as turned away.
_GRAZING = 0.15


@dataclass(frozen=True)
class ContourRegion:
    """The part of a model near its contour points, cut out so that its outline is found quickly.

    Attributes:
        vertices: (n,) rows of the model.
        mean: (n, 3) mm.
        basis: (n, 3, K + E) identity, then expression.
        triangles: (t, 3) into ``vertices``.
        edges: (e, 2) into ``vertices``.
        anchors: (c, 3) into ``vertices``, and
        weights: (c, 3), of the embedded contour points.
    """

    vertices: Ints
    mean: Floats
    basis: Floats
    triangles: Ints
    edges: Ints
    anchors: Ints
    weights: Floats


@dataclass(frozen=True)
class Outline:
    """Where contour points lie on the surface now: between the two ends of an edge, or still at their anchors.

    Attributes:
        slid: (c,) bool.
        ends: (c, 2) into the region's vertices, and
        part: (c,) in [0, 1] from the first end to the second, both only where ``slid``.
    """

    slid: NDArray[np.bool_]
    ends: Ints
    part: Floats


def contour_region(model: FaceModel, embedding: LandmarkEmbedding) -> ContourRegion:
    """The skin within reach of the contour points, ears left out: they hide the outline of the cheek behind them."""
    corners = model.triangles[embedding.triangle[embedding.contour]]
    weights = embedding.barycentric[embedding.contour].astype(np.float64)
    anchors = np.einsum("ck,ckx->cx", weights, model.mean[corners])
    near = np.zeros(model.vertex_count, bool)
    if len(anchors):
        near = cKDTree(anchors).query(model.mean, distance_upper_bound=_REACH_MM)[0] < _REACH_MM
    near &= model.regions.get("ears", np.zeros(model.vertex_count)) < 0.5
    skin = model.face_part[model.triangle_face] == 0
    near[corners] = True
    kept = model.triangles[skin & near[model.triangles].all(1)]
    vertices = np.unique(np.concatenate([kept.ravel(), corners.ravel()]))
    number = np.full(model.vertex_count, -1, np.int64)
    number[vertices] = np.arange(len(vertices))
    triangles = number[kept]
    return ContourRegion(
        vertices=vertices.astype(np.int64),
        mean=model.mean[vertices].astype(np.float64),
        basis=stacked_basis(model, vertices),
        triangles=triangles,
        edges=edges(triangles).astype(np.int64),
        anchors=number[corners],
        weights=weights,
    )


def stacked_basis(model: FaceModel, vertices: NDArray[np.integer[Any]]) -> Floats:
    """(n, 3, K + E) identity and expression basis at some vertices."""
    both = np.concatenate([model.identity_basis[:, vertices], model.expression_basis[:, vertices]])
    return np.ascontiguousarray(np.moveaxis(both, 0, -1), np.float64)


def find_outline(region: ContourRegion, shape: Floats, pose: Pose, seen: Floats) -> Outline:
    """Where the contour points lie for a shape ``(n, 3)`` mm in a pose.

    Args:
        region: the model's part near its contour.
        shape: (n, 3) the region's vertices, mm.
        pose: of the head.
        seen: (c, 2) the contour points in the picture, pixels about the principal point, y down.
    """
    count = len(region.anchors)
    none = Outline(np.zeros(count, bool), np.zeros((count, 2), np.int64), np.zeros(count))
    facing = _facing(region, shape, pose)
    first, second = facing[region.edges].T
    crossing = (first > 0.0) != (second > 0.0)
    if not crossing.any():
        return none
    ends = region.edges[crossing]
    part = first[crossing] / (first[crossing] - second[crossing])
    points = shape[ends[:, 0]] * (1.0 - part[:, None]) + shape[ends[:, 1]] * part[:, None]
    anchors = np.einsum("ck,ckx->cx", region.weights, shape[region.anchors])
    away = np.einsum("ck,ck->c", region.weights, facing[region.anchors]) < _GRAZING
    # Too far along the skin is no candidate; among the others the picture decides.
    far = np.linalg.norm(anchors[:, None] - points[None], axis=-1) > _REACH_MM
    gaps = np.linalg.norm(seen[:, None] - _pixels(pose, points)[None], axis=-1)
    gaps[far] = np.inf
    best = gaps.argmin(1)
    # Where the outline is broken, as behind the ear's lobe, the anchor may still be the better place.
    stays = np.linalg.norm(seen - _pixels(pose, anchors), axis=-1)
    slid = away & (gaps[np.arange(count), best] < stays)
    return Outline(slid, ends[best], part[best])


def _facing(region: ContourRegion, shape: Floats, pose: Pose) -> Floats:
    """(n,) cosines between vertex normals and the line of sight; positive towards the camera."""
    a, b, c = np.moveaxis(shape[region.triangles], 1, 0)
    areas = np.cross(b - a, c - a)
    normals = np.zeros_like(shape)
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(region.triangles[:, corner], areas[:, axis], len(shape))
    centre = -pose.rotation.T @ pose.translation
    sight = centre - shape
    lengths = np.linalg.norm(normals, axis=1) * np.linalg.norm(sight, axis=1)
    return np.asarray((normals * sight).sum(1) / np.maximum(lengths, 1e-12))


def _pixels(pose: Pose, points: Floats) -> Floats:
    """(N, 2) pixels about the principal point, y down, of (N, 3) points, mm."""
    moved = points @ pose.rotation.T + pose.translation
    return np.asarray(pose.focal * moved[:, :2] / -moved[:, 2:] * np.array([1.0, -1.0]))


def opened(around: Floats, order: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """The points of an open contour from one end to the other, each one's next, and each one's previous point: (c,) rows.

    ``order`` are its rows by the angle of ``around`` (L, 2), pixels about the middle; the ends lie at the widest gap. Where
    there is no next or previous point, it is the end itself.
    """
    angle = np.arctan2(around[order, 1], around[order, 0])
    gaps = np.diff(np.append(angle, angle[0] + 2.0 * np.pi))
    order = np.roll(order, -1 - int(gaps.argmax()))
    return order, np.append(order[1:], order[-1]), np.append(order[:1], order[:-1])
