"""Finds an iris in a picture, for detectors that do not give it: the dark disc in the opening between the lids."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .detector import ByteArray
from .windows import Window

Floats = NDArray[np.float64]

# The iris's radius in pixels of the picture that is searched, and that picture's side.
_RADIUS_PX, _SIDE_PX = 10.0, 96
# Share of the iris's disc that shows between open lids; below, the eye is closed.
_LEAST_SHOWN = 0.3
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def find_iris(srgb: ByteArray, opening: Floats, radius: float) -> Floats:
    """(5, 2) pixels: the centre of the iris, and its edge to the right, above, to the left and below.

    Where the disc of ``radius`` pixels is the darkest against what else shows between the lids. In a closed eye the
    middle of its corners.

    Args:
        srgb: (H, W, 3) 8-bit sRGB.
        opening: (n, 2) pixels, the ring of points on the edges of the lids.
        radius: of the iris, pixels.
    """
    middle = opening.mean(0)
    window = Window((float(middle[0]), float(middle[1])), _SIDE_PX * radius / _RADIUS_PX, 0.0, _SIDE_PX)
    ring = (opening - middle) * window.scale + _SIDE_PX / 2
    found = _darkest_disc(window.cut(srgb).astype(np.float32) @ _LUMINANCE, ring)
    centre = middle if found is None else middle + (found - _SIDE_PX / 2) / window.scale
    edge = radius * np.array([[1.0, 0.0], [0.0, -1.0], [-1.0, 0.0], [0.0, 1.0]])
    return np.concatenate([centre[None], centre + edge])


def _darkest_disc(luminance: NDArray[np.float32], ring: Floats) -> Floats | None:
    """(2,) the centre of the disc in a ring (n, 2), pixels; None where too little of a disc shows anywhere in it."""
    opening = np.zeros(luminance.shape, np.uint8)
    cv2.fillPoly(opening, [np.round((ring - 0.5) * 16).astype(np.int32)], 1, shift=4)
    shown = opening.astype(np.float32)
    # The light that the eye mirrors lies on the iris or beside it, and says nothing.
    dark = np.minimum(luminance, np.quantile(luminance[opening > 0], 0.9) if opening.any() else 0.0) * shown
    reach = int(_RADIUS_PX)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)).astype(np.float32)
    area, total = (cv2.filter2D(part, -1, disc, borderType=cv2.BORDER_CONSTANT) for part in (shown, dark))
    candidates = (opening > 0) & (area > _LEAST_SHOWN * disc.sum())
    if not candidates.any():
        return None
    inside = total / np.maximum(area, 1.0)
    outside = (dark.sum() - total) / np.maximum(shown.sum() - area, 1.0)
    # A difference of means counts by the root of the harmonic mean of both areas.
    both = area * (shown.sum() - area) / max(1.0, float(shown.sum()))
    score = np.where(candidates, (outside - inside) * np.sqrt(np.maximum(both, 0.0)), -np.inf)
    return _weighted_top(score)


def _weighted_top(score: Floats) -> Floats:
    """(2,) x, y of the mean of the places whose score is close to the best."""
    best = score.max()
    rows, columns = np.nonzero(score >= best - 0.03 * abs(best))
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])
