"""The face's UV layout as an image: which point of the surface each texel shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ..faces.model import PART_NAMES, FaceModel
from ..render.geometry import TracedScene

# Texels of a band of a large map, which are worked on at once.
BAND_TEXELS = 1 << 19


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
        corners = torch.from_numpy(model.triangles[self.triangle].astype(np.int64))
        table = torch.from_numpy(np.ascontiguousarray(values, np.float32))
        # One fused pass: numpy would write all corners' values down first, and take ten times as long.
        bag = torch.nn.functional.embedding_bag
        found = bag(corners, table, per_sample_weights=torch.from_numpy(self.barycentric), mode="sum")
        return np.asarray(found.numpy())

    def image(self, values: NDArray[np.float32], empty: float = 0.0) -> NDArray[np.float32]:
        """(size, size, C) picture of per-texel ``values`` (N, C)."""
        result = np.full((self.size, self.size, values.shape[1]), empty, np.float32)
        result[self.rows, self.columns] = values
        return result

    def at(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C) of (size, size, C)."""
        return np.asarray(image[self.rows, self.columns])

    def sample(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C) of a map (T, T, C) of any size, interpolated linearly at the texels' centres."""
        scale = len(image) / self.size
        place = [((where + 0.5) * scale - 0.5).astype(np.float32) for where in (self.columns, self.rows)]
        found = [_remapped(image[:, :, channel], *place) for channel in range(image.shape[2])]
        return np.stack(found, 1)

    def only(self, chosen: NDArray[np.bool_]) -> Atlas:
        """The texels that are ``chosen`` (N,)."""
        names = ("rows", "columns", "triangle", "barycentric", "part")
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})

    @property
    def known(self) -> NDArray[np.bool_]:
        """(size, size), True where a texel shows a point of the surface."""
        mask = np.zeros((self.size, self.size), bool)
        mask[self.rows, self.columns] = True
        return mask

    def is_part(self, name: str) -> NDArray[np.bool_]:
        """(N,), True where a texel belongs to the part ``name``."""
        return np.asarray(self.part == PART_NAMES.index(name))


def _remapped(
    image: NDArray[np.float32], columns: NDArray[np.float32], rows: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(N,) values of (T, T) at N places; OpenCV counts pixel centres as whole numbers, and takes 32767 in a row."""
    width = 4096
    count = max(1, -(-len(rows) // width))
    padding = (0, count * width - len(rows))
    across, down = (np.pad(place, padding).reshape(count, width) for place in (columns, rows))
    found = cv2.remap(image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found.reshape(-1)[: len(rows)], np.float32)


def make_atlas(model: FaceModel, size: int) -> Atlas:
    """The model's ``uv_face`` layout at ``size`` texels: rays straight down onto the flattened mesh, one per texel's
    centre.
    """
    return _rows_of(_flattened(model), model, size, 0, size)


def atlas_bands(model: FaceModel, size: int) -> Iterator[tuple[slice, Atlas]]:
    """The same in bands of whole rows, so that memory does not grow with the map: (rows, the atlas of these rows)."""
    scene = _flattened(model)
    height = max(1, BAND_TEXELS // size)
    for first in range(0, size, height):
        last = min(size, first + height)
        yield slice(first, last), _rows_of(scene, model, size, first, last)


def _flattened(model: FaceModel) -> TracedScene:
    uv = model.triangle_uv.reshape(-1, 2)
    flat = np.concatenate([uv, np.zeros((len(uv), 1), np.float32)], 1)
    return TracedScene(flat, np.arange(len(uv), dtype=np.int32).reshape(-1, 3))


def _rows_of(scene: TracedScene, model: FaceModel, size: int, first: int, last: int) -> Atlas:
    place = (np.arange(size, dtype=np.float32) + 0.5) / size
    u, v = np.meshgrid(place, 1.0 - place[first:last])
    origin = np.stack([u.ravel(), v.ravel(), np.ones(u.size, np.float32)], 1)
    direction = np.broadcast_to(np.array([0.0, 0.0, -1.0], np.float32), origin.shape)
    triangle, barycentric = scene.intersect(origin, direction)
    hit = np.flatnonzero(triangle >= 0)
    return Atlas(
        size=size,
        rows=first + hit // size,
        columns=hit % size,
        triangle=triangle[hit].astype(np.int64),
        barycentric=barycentric[hit].astype(np.float32),
        part=model.face_part[model.triangle_face[triangle[hit]]],
    )
