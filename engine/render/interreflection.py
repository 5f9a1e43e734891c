"""How much the parts of a head see of each other: light that reaches a point by way of other skin."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from .geometry import TracedScene

# Second generator of the lattice that directions come from: the golden ratio's fraction.
GOLDEN = 0.6180339887498949
# Rays start this far off the surface, mm: a vertex lies on the facets around it.
LIFT_MM = 0.05


def form_factors(scene: TracedScene, normals: NDArray[Any], directions: int = 64, seed: int = 0) -> csr_matrix:
    """(V, V) shares: entry (i, j) is how much of what vertex i sees, weighted by the cosine, is the skin at vertex j.

    The row's sum is the share of the hemisphere that the head itself takes. For radiosities b (V, C) of the vertices,
    ``form_factors @ b`` is what reaches each from the head. Rays are drawn in proportion to the cosine (Goral et al., "Modeling the
    Interaction of Light Between Diffuse Surfaces", 1984, for the factors), from a lattice that is shifted for each vertex.

    Args:
        scene: the head.
        normals: (V, 3) unit normals of its vertices.
        directions: rays per vertex.
        seed: of the shifts.
    """
    count = len(scene.vertices)
    ray_directions = _cosine_directions(np.asarray(normals, np.float64), directions, seed)
    origins = np.repeat(scene.vertices + LIFT_MM * np.asarray(normals), directions, axis=0)
    triangle, weights = scene.intersect(origins, ray_directions.reshape(-1, 3))
    hit = np.flatnonzero(triangle >= 0)
    # The inside of a surface sends out nothing: it is the back of a facet that was met through a gap.
    corners = scene.triangles[triangle[hit]]
    a, b, c = np.moveaxis(scene.vertices[corners], 1, 0)
    facing = (np.cross(b - a, c - a) * ray_directions.reshape(-1, 3)[hit]).sum(1) < 0
    hit, corners = hit[facing], corners[facing]
    rows = np.repeat(hit // directions, 3)
    values = weights[hit].ravel() / directions
    return csr_matrix((values, (rows, corners.ravel())), shape=(count, count), dtype=np.float32)


def _cosine_directions(normals: NDArray[np.float64], count: int, seed: int) -> NDArray[np.float64]:
    """(V, count, 3) unit vectors about unit normals (V, 3), in proportion to the cosine (Malley's method)."""
    shift = np.random.default_rng(seed).random((len(normals), 2, 1))
    index = np.arange(count)
    u, v = ((index + 0.5) / count + shift[:, 0]) % 1.0, (index * GOLDEN + shift[:, 1]) % 1.0
    radius, angle = np.sqrt(u), 2.0 * np.pi * v
    across = np.where(np.abs(normals[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    first = np.cross(normals, across)
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-12)
    second = np.cross(normals, first)
    local = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1.0 - u)], -1)
    return np.asarray(local @ np.stack([first, second, normals], 1))
