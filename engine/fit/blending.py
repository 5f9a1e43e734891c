"""How much each of several photos counts at a texel, so that no border between them is seen.

As in Burt and Adelson, "A multiresolution spline with application to image mosaics" (1983), in two bands: tones are
blended over wide regions, detail over narrow ones. Photos never lie on each other to the pixel, so an even mean of their
detail would blur; and each one's light was found for itself, so a sharp change of tone would be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .fill import smooth

FloatImage = NDArray[np.float32]


@dataclass(frozen=True)
class Band:
    """How photos are blended in one band of detail.

    Attributes:
        power: of the cosine between normal and direction of view: how much straight views are preferred.
        feather: share of the map's side over which a photo's word rises from the border of what it shows.
    """

    power: float
    feather: float


TONE, DETAIL = Band(2.0, 0.25), Band(6.0, 0.06)
# Detail is what is finer than a Gaussian of this share of the map's side.
TONE_REACH = 0.03
LARGEST_GAIN = 0.5


def standing(weight: FloatImage, cosine: FloatImage, band: Band) -> FloatImage:
    """(S, S) what a photo's word counts against other photos' at each texel, at least 0.

    Args:
        weight: (S, S) trust in [0, 1], 0 where the photo shows nothing.
        cosine: (S, S) between the surface's normal and the direction to the camera.
        band: of detail.
    """
    depth = cv2.distanceTransform((weight > 0.0).astype(np.uint8), cv2.DIST_L2, 5) / weight.shape[0]
    rise = np.clip(depth / band.feather, 0.0, 1.0)
    return np.asarray(weight * rise * np.clip(cosine, 0.0, 1.0) ** band.power, np.float32)


def shares(standings: Sequence[FloatImage]) -> list[FloatImage]:
    """Each photo's share of every texel, like ``standings`` (S, S) but adding up to 1; even ones where no photo counts."""
    total = np.sum(standings, 0)
    even = np.float32(1.0 / len(standings))
    return [np.divide(own, total, out=np.full_like(own, even), where=total > 0.0) for own in standings]


def levelling(
    albedos: Sequence[FloatImage], weights: Sequence[FloatImage], standings: Sequence[FloatImage]
) -> list[FloatImage]:
    """For each photo the factors (S, S, 3) that give it the tone which all photos have together.

    Args:
        albedos: (S, S, 3) each photo's opinion on the albedo, logarithms.
        weights: (S, S) trust in it, 0 where it has none.
        standings: (S, S) as of `standing` in the band `TONE`.
    """
    reach = TONE_REACH * weights[0].shape[0]
    tones = [smooth(albedo, weight, reach) for albedo, weight in zip(albedos, weights, strict=True)]
    parts = shares(standings)
    common = np.sum([part[:, :, None] * tone for part, tone in zip(parts, tones, strict=True)], 0)
    # Creases turn a photo's word on and off within a texel; a tone is not to.
    away = [smooth(common - tone, weight, reach) for tone, weight in zip(tones, weights, strict=True)]
    return [np.exp(np.clip(change, -LARGEST_GAIN, LARGEST_GAIN)).astype(np.float32) for change in away]


def resized(image: FloatImage, size: int) -> FloatImage:
    """A square picture's (S, S) or (S, S, C) values at ``size`` texels: averaged when smaller, interpolated when larger."""
    if image.shape[0] == size:
        return image
    method = cv2.INTER_AREA if size < image.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size, size), interpolation=method), np.float32)
