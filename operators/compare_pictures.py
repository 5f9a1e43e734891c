# SPDX-License-Identifier: GPL-3.0-or-later
"""Lays a photo and the render of its reconstruction over each other. NumPy only; rows come from the bottom, values are sRGB."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .picture_files import FloatImage

# Differences of skin are a few hundredths: so many times larger they can be seen.
AMPLIFIED = 5.0


def cut_out(photo: FloatImage, window: Sequence[float], size: tuple[int, int]) -> FloatImage:
    """What (H, W, 4) ``photo`` shows in ``window``, resampled to ``size`` (width, height) by bilinear interpolation.

    ``window``: left, top, width, height in the photo's pixels, counted from its top left corner; empty: all of it.
    """
    height, width = photo.shape[:2]
    left, top, wide, high = window or (0.0, 0.0, width, height)
    columns = left + (np.arange(size[0]) + 0.5) * wide / size[0]
    # The window is told from the top and the rows come from the bottom.
    rows = height - top - high + (np.arange(size[1]) + 0.5) * high / size[1]
    return _along(_along(photo, rows, 0), columns, 1)


def _along(picture: FloatImage, places: np.ndarray, axis: int) -> FloatImage:
    """``picture`` at ``places`` (pixel centres at one half) of an axis; its border goes on for ever."""
    exact = np.clip(places - 0.5, 0.0, picture.shape[axis] - 1.0)
    low = np.minimum(exact.astype(int), max(picture.shape[axis] - 2, 0))
    high = np.minimum(low + 1, picture.shape[axis] - 1)
    share = (exact - low).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    return np.asarray(picture.take(low, axis) * (1 - share) + picture.take(high, axis) * share, np.float32)


def over(render: FloatImage, photo: FloatImage) -> FloatImage:
    """``render`` (H, W, 4) over ``photo``, opaque."""
    alpha = render[:, :, 3:]
    result = render * alpha + photo * (1.0 - alpha)
    result[:, :, 3] = 1.0
    return np.asarray(result, np.float32)


def difference(render: FloatImage, photo: FloatImage) -> FloatImage:
    """How far ``render`` is from ``photo`` where it shows the head, `AMPLIFIED` times; black where both are the same."""
    result = np.abs(render - photo) * AMPLIFIED * render[:, :, 3:]
    result[:, :, 3] = 1.0
    return np.asarray(np.clip(result, 0.0, 1.0), np.float32)
