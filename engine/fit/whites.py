"""The whites of the eyes: the one thing in a face that is nearly white, and so tells the light's tint and level.

Red skin in white light and pale skin in red light look alike; with the whites beside them they do not. The light is the
one that reaches the eyeball between the lids: traced, as for the skin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..faces.skin_colour import part_albedo
from ..landmarks.schemes import MEDIAPIPE, Iris, Scheme

FloatImage = NDArray[np.float32]
Floats = NDArray[np.float64]

# The white lies between these distances from the iris's centre, in its radii.
NEAREST, FARTHEST = 1.25, 3.0
# Of each eye's white these quantiles of luminance count: below lie lashes, the lid's shadow, and skin where the lids lie a
# little otherwise than the detector has them; above, the catchlight.
DIMMEST, BRIGHTEST = 0.7, 0.95
# And no pixel below this share of the brightest counts: of narrow eyes, most of what the detector calls eye may be lid.
LEAST_SHARE = 0.6
# Linear values from which a photo is blown out.
CLIPPED = 0.95
FEWEST_PIXELS = 8
# Mean linear radiance below which a white is none (eyes that were blacked out), and the share of it that each channel has at
# least: a photo that is all red says nothing of blue, and not that there is none.
DARKEST, LEAST_CHANNEL = 0.01, 0.1
# Standard deviations of the logarithm of an eye's white, and of its tint: whites differ between people, are veined, mirror
# the skin around them, and the model's lids are not the person's.
LEVEL_SPREAD, TINT_SPREAD = 0.3, 0.12


@dataclass(frozen=True)
class White:
    """What a photo shows of the white of one eye: ``pixels`` (n, 2) where, ``colour`` (3,) its mean linear radiance, above 0."""

    pixels: FloatImage
    colour: Floats


@dataclass(frozen=True)
class WhiteEvidence:
    """What the whites of the eyes tell of B light coefficients: a Gaussian, ``0.5 (G L - 1)' W (G L - 1)``.

    Attributes:
        response: (E, 3, B) of each of E eyes: radiance by the bare white's albedo per unit of each coefficient, over the
            radiance that is seen; 1 where both agree.
    """

    response: Tensor

    @classmethod
    def of(cls, transfers: Sequence[Tensor], colours: Sequence[Floats]) -> WhiteEvidence:
        """From each eye's mean diffuse transfer (B,) and colour (3,)."""
        albedo = part_albedo("eye_left")
        rows = [torch.outer(torch.from_numpy(albedo / c).float(), t) for t, c in zip(transfers, colours, strict=True)]
        return cls(torch.stack(rows))

    @property
    def _weight(self) -> Tensor:
        """(3, 3) W: tight across the channels, loose along their mean."""
        average = torch.full((3, 3), 1.0 / 3.0)
        # The squared mean of the channels is a third of the squared norm of its projection.
        return average / (3.0 * LEVEL_SPREAD**2) + (torch.eye(3) - average) / TINT_SPREAD**2

    @property
    def precision(self) -> Tensor:
        """(3 B, 3 B) G' W G, channel after channel."""
        size = 3 * self.response.shape[2]
        weight = self._weight
        blocks = torch.einsum("ecb,cd,edf->cbdf", self.response, weight, self.response)
        return blocks.reshape(size, size)

    @property
    def told(self) -> Tensor:
        """(3 B,) G' W 1."""
        return torch.einsum("ecb,c->cb", self.response, self._weight.sum(1)).reshape(-1)

    def negative_log(self, light: Tensor) -> Tensor:
        """() minus the log density of what is seen under coefficients (B, 3), up to a constant."""
        away = torch.einsum("ecb,bc->ec", self.response, light) - 1.0
        return 0.5 * torch.einsum("ec,cd,ed->", away, self._weight, away)


def find_whites(image: FloatImage, eyes: FloatImage, points: FloatImage, scheme: Scheme = MEDIAPIPE) -> list[White]:
    """The whites of both eyes, as far as enough is seen of them.

    Args:
        image: (H, W, 3) linear Rec. 709.
        eyes: (H, W) 1 inside the open eyes.
        points: (N, 2 or more) the face's points in its pixels.
        scheme: what the points are.
    """
    inside = cv2.erode((eyes > 0.9).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    rows, columns = np.nonzero(inside)
    places, colours = np.stack([columns, rows], 1) + 0.5, image[rows, columns].astype(np.float64)
    found = [_white(places, colours, points[:, :2], iris) for iris in scheme.irises]
    return [white for white in found if white is not None]


def _white(places: Floats, colours: Floats, points: FloatImage, iris: Iris) -> White | None:
    """One eye's white among the pixels at ``places`` (N, 2) with their ``colours`` (N, 3)."""
    centre = points[iris.centre]
    radius = np.linalg.norm(points[list(iris.edge)] - centre, axis=1).mean()
    away = np.linalg.norm(places - centre, axis=1) / radius
    near = (away > NEAREST) & (away < FARTHEST) & (colours.max(1) < CLIPPED)
    if near.sum() < FEWEST_PIXELS:
        return None
    brightness = colours.mean(1)
    low, high = np.quantile(brightness[near], (DIMMEST, BRIGHTEST))
    low = max(low, LEAST_SHARE * high)
    kept = near & (brightness >= low) & (brightness <= high)
    if kept.sum() < FEWEST_PIXELS:
        return None
    colour = colours[kept].mean(0)
    if colour.mean() < DARKEST:
        return None
    return White(places[kept].astype(np.float32), np.maximum(colour, LEAST_CHANNEL * colour.mean()))
