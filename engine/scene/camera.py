"""The pinhole camera and the head's pose in front of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Half-diagonal bookkeeping of "35 mm equivalent" focal lengths: camera makers compare diagonals, and the diagonal of a
# 36 x 24 mm frame is sqrt(36^2 + 24^2) mm.
FULL_FRAME_DIAGONAL_MM = float(np.hypot(36.0, 24.0))


@dataclass(frozen=True)
class Camera:
    """Pinhole camera without distortion that stands in the head's frame.

    The camera's own frame looks along -z with y up, as in Blender. ``rotation`` (3, 3) and ``translation`` (3,) mm take
    a point of the head's frame into it: ``x_cam = rotation @ x_head + translation``. Pixel (0, 0) is the image's top
    left corner, pixel centres lie at +0.5. ``focal_px``, ``cx``, ``cy`` are pixels of a ``width`` x ``height`` image.
    """

    width: int
    height: int
    focal_px: float
    cx: float
    cy: float
    rotation: FloatArray
    translation: FloatArray

    def to_camera(self, points: FloatArray) -> FloatArray:
        """(..., 3) points of the head's frame in the camera's frame, mm."""
        return points @ self.rotation.T + self.translation

    def project(self, points: NDArray[np.floating[Any]]) -> FloatArray:
        """(..., 2) pixel coordinates of (..., 3) points of the head's frame (mm)."""
        x, y, z = np.moveaxis(self.to_camera(np.asarray(points, np.float64)), -1, 0)
        return np.stack([self.cx - self.focal_px * x / z, self.cy + self.focal_px * y / z], -1)

    @property
    def centre(self) -> FloatArray:
        """(3,) the camera's place in the head's frame, mm."""
        return np.asarray(-self.rotation.T @ self.translation)

    def rays(self, pixels: FloatArray) -> FloatArray:
        """(..., 3) unit directions in the head's frame of the rays through (..., 2) pixel coordinates."""
        u, v = np.moveaxis(np.asarray(pixels, np.float64), -1, 0)
        local = np.stack([(u - self.cx) / self.focal_px, -(v - self.cy) / self.focal_px, -np.ones_like(u)], -1)
        world = local @ self.rotation
        return np.asarray(world / np.linalg.norm(world, axis=-1, keepdims=True))

    def cropped(self, left: float, top: float, width: int, height: int, scale: float) -> Camera:
        """The camera of the window at (left, top) of this image, resampled by ``scale``, of ``width`` x ``height`` new
        pixels.
        """
        return replace(
            self,
            width=width,
            height=height,
            focal_px=self.focal_px * scale,
            cx=(self.cx - left) * scale,
            cy=(self.cy - top) * scale,
        )
