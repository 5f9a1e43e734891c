"""The face's UV layout as an image: which point of the surface each texel shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..faces.model import PART_NAMES, FaceModel
from ..render.geometry import TracedScene


@dataclass(frozen=True)
class Atlas:
    """Square map of ``size`` texels; row 0 is the top (v = 1).

    Attributes:
        size: texels along a side.
        rows, columns: (N,) int64, the texels that show a point of the surface.
        triangle: (N,) int64. barycentric: (N, 3) float32. part: (N,) uint8 as `FaceModel.face_part`.
    """

    size: int
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    triangle: NDArray[np.int64]
    barycentric: NDArray[np.float32]
    part: NDArray[np.uint8]

    def interpolate(self, model: FaceModel, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C) per-vertex ``values`` (V, C) at the texels."""
        corners = values[model.triangles[self.triangle]]
        return np.asarray((corners * self.barycentric[:, :, None]).sum(1), np.float32)

    def image(self, values: NDArray[np.float32], empty: float = 0.0) -> NDArray[np.float32]:
        """(size, size, C) picture of per-texel ``values`` (N, C)."""
        result = np.full((self.size, self.size, values.shape[1]), empty, np.float32)
        result[self.rows, self.columns] = values
        return result

    def at(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C) of (size, size, C)."""
        return np.asarray(image[self.rows, self.columns])

    @property
    def known(self) -> NDArray[np.bool_]:
        """(size, size), True where a texel shows a point of the surface."""
        mask = np.zeros((self.size, self.size), bool)
        mask[self.rows, self.columns] = True
        return mask

    def is_part(self, name: str) -> NDArray[np.bool_]:
        """(N,), True where a texel belongs to the part ``name``."""
        return np.asarray(self.part == PART_NAMES.index(name))


def make_atlas(model: FaceModel, size: int) -> Atlas:
    """The model's ``uv_face`` layout at ``size`` texels: rays straight down onto the flattened mesh, one per texel's
    centre.
    """
    uv = model.triangle_uv.reshape(-1, 2)
    flat = np.concatenate([uv, np.zeros((len(uv), 1), np.float32)], 1)
    scene = TracedScene(flat, np.arange(len(uv), dtype=np.int32).reshape(-1, 3))
    place = (np.arange(size, dtype=np.float32) + 0.5) / size
    u, v = np.meshgrid(place, 1.0 - place)
    origin = np.stack([u.ravel(), v.ravel(), np.ones(size * size, np.float32)], 1)
    direction = np.broadcast_to(np.array([0.0, 0.0, -1.0], np.float32), origin.shape)
    triangle, barycentric = scene.intersect(origin, direction)
    hit = np.flatnonzero(triangle >= 0)
    return Atlas(
        size=size,
        rows=hit // size,
        columns=hit % size,
        triangle=triangle[hit].astype(np.int64),
        barycentric=barycentric[hit].astype(np.float32),
        part=model.face_part[model.triangle_face[triangle[hit]]],
    )
