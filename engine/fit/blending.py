"""How much each of several photos counts at a texel: most where it looks straight at the skin, without steps at borders.

Weights of view and border as in texture mosaics (Rocchini et al., "Multiple textures stitching and blending on 3D
objects", 1999).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]

# Sharpness of the choice between photos: powers of the cosine between normal and direction of view. Photos never lie on
# each other to the pixel, so an even mean would blur.
FACING_POWER = 6
# From a border of what a photo shows, its share rises over this share of the map's side.
FEATHER = 0.06


def standing(weight: FloatImage, cosine: FloatImage) -> FloatImage:
    """(S, S) what a photo's word counts against other photos' at each texel, at least 0.

    Args:
        weight: (S, S) trust in [0, 1], 0 where the photo shows nothing.
        cosine: (S, S) between the surface's normal and the direction to the camera.
    """
    depth = cv2.distanceTransform((weight > 0.0).astype(np.uint8), cv2.DIST_L2, 5) / weight.shape[0]
    rise = np.clip(depth / FEATHER, 0.0, 1.0)
    return np.asarray(weight * rise * np.clip(cosine, 0.0, 1.0) ** FACING_POWER, np.float32)


def shares(standings: Sequence[FloatImage]) -> list[FloatImage]:
    """Each photo's share of every texel, like ``standings`` (S, S) but adding up to 1; even ones where no photo counts."""
    total = np.sum(standings, 0)
    even = np.float32(1.0 / len(standings))
    return [np.divide(own, total, out=np.full_like(own, even), where=total > 0.0) for own in standings]


def resized(image: FloatImage, size: int) -> FloatImage:
    """A square picture's (S, S) or (S, S, C) values at ``size`` texels: averaged when smaller, interpolated when larger."""
    if image.shape[0] == size:
        return image
    method = cv2.INTER_AREA if size < image.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size, size), interpolation=method), np.float32)
