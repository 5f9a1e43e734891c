"""The whites of the eyes: the one thing in a face that is nearly white, and so tells the light's tint and level.

Red skin in white light and pale skin in red light look alike; with the whites beside them they do not.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .eyes import TYPICAL_SCLERA

FloatImage = NDArray[np.float32]
Floats = NDArray[np.float64]

# MediaPipe's points: the centre of each iris, and four on its edge.
IRIS_POINTS = ((468, (469, 470, 471, 472)), (473, (474, 475, 476, 477)))
# The white lies between these distances from the iris's centre, in its radii.
NEAREST, FARTHEST = 1.25, 3.0
# Of each eye's white these quantiles of luminance count: below lie lashes and the lid's shadow, above the catchlight.
DIMMEST, BRIGHTEST = 0.5, 0.95
# Linear values from which a photo is blown out.
CLIPPED = 0.95
FEWEST_PIXELS = 24


def light_on_whites(image: FloatImage, eyes: FloatImage, points: FloatImage) -> Floats | None:
    """(3,) the light on the whites of the eyes: radiance of a white surface there; None where too little of them is seen.

    Args:
        image: (H, W, 3) linear Rec. 709.
        eyes: (H, W) 1 inside the open eyes.
        points: (478, 2 or more) MediaPipe's points in its pixels.
    """
    inside = cv2.erode((eyes > 0.9).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    rows, columns = np.nonzero(inside)
    places, colours = np.stack([columns, rows], 1) + 0.5, image[rows, columns].astype(np.float64)
    whites = [_white(places, colours, points[:, :2], centre, edge) for centre, edge in IRIS_POINTS]
    found = np.concatenate(whites)
    if len(found) < FEWEST_PIXELS:
        return None
    return np.asarray(found.mean(0) / np.array(TYPICAL_SCLERA))


def _white(places: Floats, colours: Floats, points: FloatImage, centre: int, edge: tuple[int, ...]) -> Floats:
    """(n, 3) colours of one eye's white among the pixels at ``places`` (N, 2)."""
    radius = np.linalg.norm(points[list(edge)] - points[centre], axis=1).mean()
    away = np.linalg.norm(places - points[centre], axis=1) / radius
    seen = colours[(away > NEAREST) & (away < FARTHEST)]
    if not len(seen):
        return np.zeros((0, 3))
    brightness = seen.mean(1)
    low, high = np.quantile(brightness, (DIMMEST, BRIGHTEST))
    return np.asarray(seen[(brightness >= low) & (brightness <= high) & (seen.max(1) < CLIPPED)])
