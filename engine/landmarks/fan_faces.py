"""Boxes of faces, by S3FD: the network's scores and boxes read as face-alignment does, in pictures of growing size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .detector import ByteArray
from .windows import Window

Floats = NDArray[np.float64]

# What the network was trained with: the mean colour, B, G, R; how boxes are scaled, places and sizes.
_MEAN = (104.0, 117.0, 123.0)
_PLACE_SCALE, _SIZE_SCALE = 0.1, 0.2
# Scores at which a box is looked at and at which it is a face; the overlap from which two boxes are one.
_CANDIDATE, _FACE, _SAME = 0.05, 0.5, 0.3
# Longer sides of the pictures that are searched: most faces show in the first; small ones only in the others.
_SIDES = (512, 1024, 2048)
_TURNS = (90.0, 270.0, 180.0)


@dataclass(frozen=True)
class Box:
    """A face's box, pixels of the picture, about a middle around which it is turned by ``roll`` degrees clockwise."""

    left: float
    top: float
    right: float
    bottom: float
    roll: float = 0.0


def find_boxes(srgb: ByteArray, network: torch.nn.Module) -> Iterator[list[Box]]:
    """The boxes of the faces in each copy of an (H, W, 3) 8-bit sRGB picture that shows any: small, large, turned."""
    for window in _copies(srgb):
        with torch.inference_mode():
            rows = kept(boxes(network(_input(window.cut(srgb)))))
        if len(rows):
            yield [_in_picture(row, window) for row in rows]


def _copies(srgb: ByteArray) -> Iterator[Window]:
    """The whole picture, small, then larger as long as it has the pixels, then turned."""
    height, width = srgb.shape[:2]
    longer = max(height, width)
    middle = (width / 2, height / 2)
    for number, side in enumerate(_SIDES):
        if number == 0 or longer > _SIDES[number - 1]:
            yield Window(middle, float(longer), 0.0, min(side, _at_least(longer)))
    for turn in _TURNS:
        yield Window(middle, float(longer), turn, min(_SIDES[0], _at_least(longer)))


def _at_least(longer: int) -> int:
    """Pixels to search a small picture in: no face smaller than the network's least box should get lost."""
    return max(256, longer)


def _input(picture: ByteArray) -> Tensor:
    """(1, 3, H, W) what the network takes of an (H, W, 3) sRGB picture."""
    bgr = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float().flip(1)
    return bgr - torch.tensor(_MEAN).view(1, 3, 1, 1)


def boxes(output: list[Tensor]) -> Floats:
    """(n, 5) left, top, right, bottom in pixels and score of every place that may be a face.

    ``output``: scores (1, 2, h, w) and boxes (1, 4, h, w) in turn, of strides 4, 8, ... 128. A place's own box has four
    strides to a side; the network tells its shift and the logarithm of its growth.
    """
    found = []
    for level, (scores, moves) in enumerate(zip(output[::2], output[1::2], strict=True)):
        stride = 4.0 * 2**level
        score = torch.softmax(scores, 1)[0, 1].numpy().astype(np.float64)
        rows, columns = np.nonzero(score > _CANDIDATE)
        move = moves[0].numpy().astype(np.float64)[:, rows, columns]
        centre = stride / 2 + stride * np.stack([columns, rows]) + _PLACE_SCALE * 4.0 * stride * move[:2]
        half = 2.0 * stride * np.exp(np.minimum(_SIZE_SCALE * move[2:], 10.0))
        found.append(np.concatenate([centre - half, centre + half, score[None, rows, columns]]).T)
    return np.concatenate(found)


def kept(rows: Floats) -> Floats:
    """The faces among (n, 5) boxes with scores, the surest first, each once (non-maximum suppression)."""
    left = rows[np.argsort(-rows[:, 4])]
    result = []
    while len(left) and left[0, 4] > _FACE:
        best = left[0]
        result.append(best)
        low, high = np.maximum(left[:, :2], best[:2]), np.minimum(left[:, 2:4], best[2:4])
        common = np.prod(np.maximum(high - low, 0.0), 1)
        areas = np.prod(left[:, 2:4] - left[:, :2], 1)
        overlap = common / np.maximum(areas + areas[0] - common, 1e-9)
        left = left[1:][overlap[1:] <= _SAME]
    return np.array(result).reshape(-1, 5)


def _in_picture(row: Floats, window: Window) -> Box:
    """A box of a window in pixels of the picture, about the same middle and with the window's roll."""
    centre = np.array([[(row[0] + row[2]) / 2, (row[1] + row[3]) / 2, 0.0]], np.float32)
    x, y = window.back(centre)[0, :2].tolist()
    half = (row[2:4] - row[:2]) / 2 / window.scale
    return Box(x - half[0], y - half[1], x + half[0], y + half[1], window.roll)
