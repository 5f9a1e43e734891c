"""A small rasteriser: enough to show the mean head to a landmark detector and to look at the build's results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nextgenface.engine.faces.topology import vertex_normals
from numpy.typing import NDArray

from .source import Array


@dataclass(frozen=True)
class View:
    """A long-lens camera in front of the face.

    The head is turned by ``yaw`` about y, then by ``pitch`` about x (degrees); ``centre`` (3,) mm is in the picture's middle and
    ``span`` mm wide is the picture of ``size`` x ``size`` pixels at its depth; ``distance`` mm is that of the camera.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    span: float = 280.0
    distance: float = 2000.0
    size: int = 512

    def rotation(self) -> Array:
        """(3, 3) from the head's frame to the camera's."""
        y, x = np.radians([self.yaw, self.pitch])
        turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
        nod = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
        return np.asarray(nod @ turn)

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixels (n, 2), y down, and the distance (n,) mm from the camera."""
        local = (points - np.array(self.centre)) @ self.rotation().T
        depth = self.distance - local[:, 2]
        scale = self.size / self.span * self.distance / depth
        half = self.size / 2
        return np.stack([half + local[:, 0] * scale, half - local[:, 1] * scale], 1), depth


def rasterise(pixels: Array, depth: Array, triangles: NDArray[np.int32], size: int) -> tuple[NDArray[np.int64], Array]:
    """The nearest front-facing triangle at every pixel centre (size, size), -1 where there is none, and its weights (.., 3)."""
    image = np.full((size, size), -1, np.int64)
    weights = np.zeros((size, size, 3))
    nearest = np.full((size, size), np.inf)
    corners = pixels[triangles]
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]
    for t in np.flatnonzero(area < 0):
        low = np.maximum(np.floor(corners[t].min(0) - 0.5).astype(int), 0)
        high = np.minimum(np.ceil(corners[t].max(0) + 0.5).astype(int), size)
        if (low >= high).any():
            continue
        x = np.arange(low[0], high[0]) + 0.5 - corners[t, 0, 0]
        y = (np.arange(low[1], high[1]) + 0.5 - corners[t, 0, 1])[:, None]
        b = (x * edge2[t, 1] - y * edge2[t, 0]) / area[t]
        c = (y * edge1[t, 0] - x * edge1[t, 1]) / area[t]
        a = 1.0 - b - c
        z = a * depth[triangles[t, 0]] + b * depth[triangles[t, 1]] + c * depth[triangles[t, 2]]
        window = (slice(low[1], high[1]), slice(low[0], high[0]))
        hit = (a >= 0) & (b >= 0) & (c >= 0) & (z < nearest[window])
        nearest[window][hit] = z[hit]
        image[window][hit] = t
        weights[window][hit] = np.stack([a, b, c], -1)[hit]
    return image, weights


def pick(spot: Array, pixels: Array, depth: Array, triangles: NDArray[np.int32]) -> tuple[int, Array]:
    """The nearest front-facing triangle under one pixel place ``spot`` (2,), -1 where there is none, and its weights (3,)."""
    corners = pixels[triangles]
    edge1, edge2, off = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], spot - corners[:, 0]
    area = edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]
    front = np.where(area < 0, area, np.inf)
    b = (off[:, 0] * edge2[:, 1] - off[:, 1] * edge2[:, 0]) / front
    c = (off[:, 1] * edge1[:, 0] - off[:, 0] * edge1[:, 1]) / front
    weights = np.stack([1.0 - b - c, b, c], 1)
    hits = np.flatnonzero((weights >= 0).all(1) & np.isfinite(front))
    if not len(hits):
        return -1, weights[0]
    distance = np.einsum("nc,nc->n", weights[hits], depth[triangles[hits]])
    best = int(hits[distance.argmin()])
    return best, weights[best]


def render(
    vertices: Array,
    triangles: NDArray[np.int32],
    colour: Array,
    view: View,
    light: tuple[float, float, float] = (0.3, 0.5, 1.0),
) -> NDArray[np.uint8]:
    """(size, size, 3) sRGB picture of a softly lit mesh; ``colour`` is (V, 3) linear, ``light`` points to the light."""
    pixels, depth = view.project(vertices)
    image, weights = rasterise(pixels, depth, triangles, view.size)
    normals = vertex_normals(vertices.astype(np.float32), triangles).astype(np.float64) @ view.rotation().T
    direction = np.array(light) / np.linalg.norm(light)
    shade = 0.3 + 0.15 * normals[:, 1] + 0.65 * np.maximum(normals @ direction, 0.0)
    corner = triangles[np.maximum(image, 0)]
    linear = np.einsum("hwc,hwck->hwk", weights, (colour * shade[:, None])[corner])
    linear[image < 0] = 0.35
    return (np.clip(linear, 0, 1) ** (1 / 2.2) * 255).round().astype(np.uint8)
