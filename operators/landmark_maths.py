# SPDX-License-Identifier: GPL-3.0-or-later
"""Where points lie on the screen, which of them is meant, and how its neighbours follow. Knows no Blender.

Places are in widths and heights of the upright photo, x to the right and y down from its top left corner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_CORNERS = 8


@dataclass(frozen=True)
class View:
    """How a region shows the photo: its top left and bottom right corner, in the region's pixels, y up.

    Attributes:
        left, top, right, bottom: pixels; outside of the region where the photo is larger.
    """

    left: float
    top: float
    right: float
    bottom: float

    def to_region(self, places: np.ndarray) -> np.ndarray:
        """(..., 2) pixels of the region of ``places`` (..., 2)."""
        return np.array([self.left, self.top]) + np.asarray(places) * self._size

    def to_photo(self, pixels: np.ndarray) -> np.ndarray:
        """The reverse of `to_region`."""
        return (np.asarray(pixels, np.float64) - [self.left, self.top]) / self._size

    @property
    def _size(self) -> np.ndarray:
        return np.array([self.right - self.left, self.bottom - self.top])


def nearest(points: np.ndarray, mouse: np.ndarray, reach: float) -> int:
    """The number of the one of ``points`` (N, 2) that is nearest to ``mouse`` (2,), and within ``reach``; -1: none is."""
    if len(points) == 0:
        return -1
    distance = np.linalg.norm(points - mouse, axis=1)
    number = int(np.argmin(distance))
    return number if distance[number] <= reach else -1


def falloff(distance: np.ndarray, radius: float) -> np.ndarray:
    """How far points at ``distance`` (N,) follow one that is moved: 1 at it, smoothly down to 0 at ``radius``."""
    if radius <= 0.0:
        return (distance == 0.0).astype(np.float64)
    inside = np.clip(1.0 - (distance / radius) ** 2, 0.0, 1.0)
    return inside**2


def discs(centres: np.ndarray, radius: float) -> np.ndarray:
    """Corners (N * 8 * 3, 2) of the triangles of a disc about each of ``centres`` (N, 2)."""
    angle = np.linspace(0.0, 2.0 * np.pi, _CORNERS + 1)
    rim = radius * np.stack([np.cos(angle), np.sin(angle)], -1)
    fan = np.stack([np.zeros((_CORNERS, 2)), rim[:-1], rim[1:]], 1).reshape(-1, 2)
    return (centres[:, None] + fan).reshape(-1, 2)


def segments(ring: np.ndarray, closed: bool) -> np.ndarray:
    """Ends (M * 2, 2) of the lines from each point of ``ring`` (K, 2) to the next."""
    after = np.roll(ring, -1, axis=0)
    pairs = np.stack([ring, after], 1)
    return (pairs if closed else pairs[:-1]).reshape(-1, 2)


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Rows of pixels (H, W, C), the lowest first as Blender has them, turned as the EXIF ``orientation`` (1 to 8) asks."""
    rows = pixels[::-1]
    if orientation in (5, 6, 7, 8):
        rows = np.swapaxes(rows, 0, 1)
    if orientation in (3, 4, 7, 8):
        rows = rows[::-1]
    if orientation in (2, 3, 6, 7):
        rows = rows[:, ::-1]
    return np.ascontiguousarray(rows[::-1])


def small_square(pixels: np.ndarray, side: int) -> np.ndarray:
    """(side, side, C) of the middle of pixels (H, W, C): each the mean of what lies in it."""
    height, width = pixels.shape[:2]
    shorter = min(height, width)
    size = shorter // side * side or shorter
    top, left = (height - size) // 2, (width - size) // 2
    middle = pixels[top : top + size, left : left + size]
    if size < side:
        return middle[np.arange(side) * size // side][:, np.arange(side) * size // side]
    blocks = middle.reshape(side, size // side, side, size // side, -1)
    return blocks.mean((1, 3))
