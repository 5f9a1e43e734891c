"""FAN, the face alignment network: 68 points of each face that S3FD finds.

Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment problem?" (2017); Zhang et al., "S3FD: Single
shot scale-invariant face detector" (2017). Windows, boxes and heatmaps have the conventions of face-alignment 1.5.0
(api.py, utils.py, detection/sfd), for which the weights were trained. Beyond it, each face is looked at several times, upright.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..reporter import Reporter
from ..settings import Settings
from . import ibug
from .detector import ByteArray, DetectedFace, FloatArray
from .estimates import whole_face
from .fan_faces import Box, find_boxes
from .fan_networks import load_faces_network, load_points_network
from .fan_weights import weights
from .schemes import IBUG
from .search import without_doubles
from .windows import Window

Floats = NDArray[np.float64]

CROP_PX, HEATMAP_PX = 256, 64
# The window's side in units of the box's mean side, and how far it lies above the box's middle in units of its height.
_SIDE, _RAISED = 2.0 * 200.0 / 195.0, 0.12
# Sizes and rolls in degrees of the looks that are averaged, about what fits the face. Each takes seconds.
_LOOKS = ((1.0, 0.0), (0.95, 5.0), (1.06, -5.0))
# What moves by more than this between two looks, in units of its size, is no face.
_LARGEST_SPREAD = 0.1
_SMALLEST_PX = 8.0


class FanDetector:
    """`LandmarkDetector` on the networks of face-alignment. Keep one: reading its weights takes longer than a look."""

    def __init__(self, points_weights: Path, faces_weights: Path) -> None:
        self._points_network = load_points_network(points_weights)
        self._faces_network = load_faces_network(faces_weights)

    def detect(self, srgb: ByteArray) -> list[DetectedFace]:
        """Every face in an (H, W, 3) 8-bit sRGB picture, the largest first; none where there is none."""
        picture = np.ascontiguousarray(srgb)
        # A face that lies on its side may have a box and yet no points; then a turned copy of the picture helps.
        for boxes in find_boxes(picture, self._faces_network):
            looked = (self.look_at(picture, box) for box in boxes)
            if faces := without_doubles([face for face in looked if face is not None]):
                return faces
        return []

    def look_at(self, srgb: ByteArray, box: Box) -> DetectedFace | None:
        """The face in a ``box``; None where the looks at it do not agree."""
        first = self.points(srgb, [window_of(box)])[0]
        if _extent(first) < _SMALLEST_PX:
            return None
        looks = self.points(srgb, [_fitting(first, size, roll) for size, roll in _LOOKS])
        mean = looks.mean(0)
        spread = np.sqrt(((looks - mean) ** 2).sum(-1).mean(0))
        if float(spread.mean()) > _LARGEST_SPREAD * _extent(mean):
            return None
        return whole_face(mean.astype(np.float32), spread.astype(np.float32), srgb)

    def points(self, srgb: ByteArray, windows: list[Window]) -> Floats:
        """(n, 68, 2) pixels of the picture: the points seen in each of n windows."""
        heat = self._heatmaps(np.stack([_shown(window).cut(srgb) for window in windows]))
        found = peaks(heat) * (CROP_PX / HEATMAP_PX)
        flat = np.concatenate([found, np.zeros((*found.shape[:2], 1))], -1).astype(np.float32)
        back = [window.back(points)[:, :2] for window, points in zip(windows, flat, strict=True)]
        return np.asarray(np.stack(back), np.float64)

    def _heatmaps(self, crops: ByteArray) -> FloatArray:
        """(n, 68, 64, 64) of n crops (n, 256, 256, 3), each seen as it is and mirrored."""
        pictures = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255.0
        with torch.inference_mode():
            straight, mirrored = self._last(pictures), self._last(pictures.flip(3))
        return np.asarray((straight + mirrored[:, list(ibug.MIRRORED)].flip(3)).numpy(), np.float32)

    def _last(self, pictures: Tensor) -> Tensor:
        heat: Tensor = self._points_network(pictures)[-1]
        return heat


def window_of(box: Box) -> Window:
    """The square that the network sees of a box, as the package cuts it."""
    width, height = box.right - box.left, box.bottom - box.top
    middle = np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2])
    return _raised_window(middle, height, _SIDE * (width + height) / 2, box.roll)


def _raised_window(middle: Floats, height: float, side: float, roll: float) -> Window:
    """A square about what lies above ``middle`` (2,) pixels, by a share of ``height``, in a picture turned upright by ``roll``."""
    turn = Window((0.0, 0.0), 1.0, roll, 1).turn
    x, y = (middle + np.linalg.inv(turn) @ np.array([0.0, -_RAISED * height])).tolist()
    return Window((x, y), side, roll, CROP_PX)


def _fitting(points: Floats, size: float, roll: float) -> Window:
    """The square about the box of (68, 2) points in which the eyes are level, then turned by ``roll`` degrees."""
    right, left = (points[corner] for corner in IBUG.eye_corners)
    level = float(np.rad2deg(np.arctan2(left[1] - right[1], left[0] - right[0])))
    turn = Window((0.0, 0.0), 1.0, level, 1).turn
    upright = points @ turn.T
    low, high = upright.min(0), upright.max(0)
    middle = np.linalg.inv(turn) @ ((low + high) / 2)
    side = size * _SIDE * float((high - low).mean())
    return _raised_window(middle, float(high[1] - low[1]), side, level + roll)


def _shown(window: Window) -> Window:
    """What the package puts into the crop of a window: it leaves out one 256th at the left and the top."""
    step = window.side / CROP_PX
    half = np.linalg.inv(window.turn) @ np.array([0.5, 0.5])
    centre = (window.centre[0] + float(half[0]), window.centre[1] + float(half[1]))
    return Window(centre, window.side - step, window.roll, CROP_PX)


def peaks(heat: FloatArray) -> Floats:
    """(n, p, 2) x and y of the peaks of (n, p, h, w) heatmaps, pixel centres at +0.5.

    The centroid of what is positive within two pixels of the highest one. The package shifts by a quarter of a pixel towards
    the higher neighbour instead, and cuts off the photo's fractions of a pixel.
    """
    n, p, height, width = heat.shape
    top = heat.reshape(n, p, -1).argmax(-1)
    row, column = top // width, top % width
    steps = np.arange(-2, 3)
    rows = np.broadcast_to((row[..., None] + steps)[..., :, None], (n, p, 5, 5))
    columns = np.broadcast_to((column[..., None] + steps)[..., None, :], (n, p, 5, 5))
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    flat = np.clip(rows, 0, height - 1) * width + np.clip(columns, 0, width - 1)
    near = np.take_along_axis(heat.reshape(n, p, -1), flat.reshape(n, p, 25), -1).reshape(n, p, 5, 5).astype(np.float64)
    weight = np.maximum(near, 0.0) * inside
    total = weight.sum((-2, -1))
    place = np.stack([(weight * part).sum((-2, -1)) / np.maximum(total, 1e-12) for part in (columns, rows)], -1)
    return np.asarray(np.where(total[..., None] > 0.0, place, np.stack([column, row], -1)) + 0.5)


def _extent(points: Floats) -> float:
    return float(np.max(np.ptp(points, axis=0)))


def load_fan(settings: Settings, reporter: Reporter) -> FanDetector:
    """The detector with the weights that the settings lead to; read once per process.

    Raises:
        SettingsError: the package or a file of weights is missing or wrong.
        DownloadError: an allowed download failed.
    """
    return _loaded(*weights(settings, reporter))


@lru_cache(maxsize=1)
def _loaded(points_weights: Path, faces_weights: Path) -> FanDetector:
    return FanDetector(points_weights, faces_weights)
