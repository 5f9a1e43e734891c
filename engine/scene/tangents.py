"""The tangent frames that normal maps are read in: those of Blender's Normal Map node. NumPy only.

Mikkelsen, "Simulation of Wrinkled Surfaces Revisited" (2008), the common standard known as MikkTSpace: at each vertex
the direction in which u grows, averaged over the triangles around it and laid into the plane of the vertex' normal. A
normal map's colour c stands for the normal ``(2 c_x - 1) t + (2 c_y - 1) s n x t + (2 c_z - 1) n``: green points to
growing v (OpenGL's way), and (0.5, 0.5, 1) is flat.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

FLAT = (0.5, 0.5, 1.0)


def vertex_tangents(
    positions: NDArray[Any], normals: NDArray[Any], uv: NDArray[Any], triangles: NDArray[Any]
) -> FloatArray:
    """(S, 4): unit tangents of a mesh that is split at its UV seams, and the sign of n x t: -1 where the UVs are
    mirrored.

    Args:
        positions: (S, 3). normals: (S, 3) unit. uv: (S, 2), v upwards.
        triangles: (T, 3) rows of the three.
    """
    place, corner_uv = (np.asarray(values, np.float64)[triangles] for values in (positions, uv))
    direction, orientation = _growing_u(place, corner_uv)
    normal = np.asarray(normals, np.float64)[triangles]
    total = np.zeros((len(positions), 4))
    for corner in range(3):
        flat = _normalised(_in_plane(direction, normal[:, corner]))
        weight = _angle(place, normal[:, corner], corner) * np.abs(orientation)
        share = np.concatenate([flat, orientation[:, None]], 1) * weight[:, None]
        np.add.at(total, triangles[:, corner], share)
    tangent = _normalised(total[:, :3])
    return np.asarray(np.column_stack([tangent, np.where(total[:, 3] < 0.0, -1.0, 1.0)]), np.float32)


def _growing_u(place: NDArray[Any], uv: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(T, 3) directions in which u grows on triangles (T, 3, 3), and (T,) 1, -1 for mirrored UVs, 0 for no area."""
    one, two = place[:, 1] - place[:, 0], place[:, 2] - place[:, 0]
    first, second = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    orientation = np.sign(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    direction = one * second[:, 1:] - two * first[:, 1:]
    return _normalised(direction) * orientation[:, None], orientation


def _angle(place: NDArray[Any], normal: NDArray[Any], corner: int) -> NDArray[Any]:
    """(T,) radians between the two edges at a corner, seen along its normal."""
    edges = (place[:, (corner + other) % 3] - place[:, corner] for other in (1, 2))
    one, two = (_normalised(_in_plane(edge, normal)) for edge in edges)
    return np.asarray(np.arccos(np.clip((one * two).sum(1), -1.0, 1.0)))


def _in_plane(vectors: NDArray[Any], normal: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(vectors - normal * (vectors * normal).sum(1, keepdims=True))


def _normalised(vectors: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-20))
