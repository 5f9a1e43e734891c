"""Square windows into a picture: turned, scaled, filtered, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .detector import ByteArray, FloatArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """A square of ``side`` picture pixels about ``centre``, turned by ``roll`` degrees, shown in ``pixels`` squared."""

    centre: tuple[float, float]
    side: float
    roll: float
    pixels: int

    @property
    def scale(self) -> float:
        """Window pixels per picture pixel."""
        return self.pixels / self.side

    @property
    def turn(self) -> Floats:
        """(2, 2) the linear part of the map from the picture to the window."""
        angle = np.deg2rad(self.roll)
        return self.scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])

    @property
    def offset(self) -> Floats:
        """(2,) the constant part of that map."""
        return np.asarray(self.pixels / 2 - self.turn @ np.asarray(self.centre, np.float64))

    def cut(self, image: ByteArray) -> ByteArray:
        """What the window shows of an (H, W, 3) picture; outside of the picture its border goes on."""
        turn, offset = self.turn, self.offset
        if self.scale < 0.5:
            image, corner, shrink = self._reduced(image)
            offset = offset + turn @ corner
            turn = turn / shrink
        # OpenCV puts pixel centres at integers, this program at +0.5.
        affine = np.column_stack([turn, offset + turn @ np.array([0.5, 0.5]) - 0.5])
        flags = cv2.INTER_CUBIC if self.scale > 1.0 else cv2.INTER_LINEAR
        shape = (self.pixels, self.pixels)
        return np.asarray(cv2.warpAffine(image, affine, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)

    def _reduced(self, image: ByteArray) -> tuple[ByteArray, Floats, Floats]:
        """What the window sees, area-filtered to about twice its resolution; its corner; its scale (2,)."""
        corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * self.pixels - self.offset
        seen = corners @ np.linalg.inv(self.turn).T
        size = np.array(image.shape[1::-1])
        low = np.clip(np.floor(seen.min(0)), 0, size - 1).astype(int)
        high = np.clip(np.ceil(seen.max(0)), low + 1, size).astype(int)
        part = image[low[1] : high[1], low[0] : high[0]]
        small = np.maximum(1, np.round((high - low) * 2.0 * self.scale)).astype(int)
        reduced = np.asarray(cv2.resize(part, (int(small[0]), int(small[1])), interpolation=cv2.INTER_AREA), np.uint8)
        return reduced, low.astype(np.float64), small / (high - low)

    def back(self, points: FloatArray) -> FloatArray:
        """(N, 3) points of the window in pixels of the picture; depth is scaled, not turned."""
        flat = (points[:, :2] - self.offset) @ np.linalg.inv(self.turn).T
        return np.column_stack([flat, points[:, 2] / self.scale]).astype(np.float32)
