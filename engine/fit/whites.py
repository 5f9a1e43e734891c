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
# Of each eye's white these quantiles of luminance count: below lie lashes and the lid's shadow; above, the catchlight.
DIMMEST, BRIGHTEST = 0.5, 0.95
# And no pixel below this share of the brightest counts: of narrow eyes, most of what the detector calls eye may be lid.
LEAST_SHARE = 0.6
# A white is less red, against blue, than the skin around the eye by at least this much of the logarithm, and by this share of what
# the bluest tenth is: of half-closed eyes, or where the detector has them beside the person's, the rest is lid. The palest skin is 0.33
# redder than a white.
LEAST_APART, SHARE_APART, BLUEST = 0.15, 0.5, 0.1
# Added to red and blue, so that black has no colour; and the most colour that a grey photo has anywhere.
DARK, GREY = 0.01, 0.02
# Linear values from which a photo is blown out.
CLIPPED = 0.95
FEWEST_PIXELS = 8
# Mean linear radiance below which a white is none (eyes that were blacked out), and the share of it that each channel has at
# least: a photo that is all red says nothing of blue, and not that there is none.
DARKEST, LEAST_CHANNEL = 0.01, 0.1
# What is darker than this share of the skin around the eye is no white but lashes, or make-up: between the lids a white is lit half as
# well, and the palest skin is not twice as bright as a white. The least of 113 rendered portraits is 0.8.
LEAST_AGAINST_SKIN = 0.4
# An eye is wet, and mirrors a window beside the face as far as its white: F0 of the cornea's tears (n = 1.376), and the roughness it
# is traced with, the least that skin is.
WET_F0, WET_ROUGHNESS = 0.025, 0.2
# Standard deviations of the logarithm of an eye's white, and of its tint: whites differ between people, are veined, mirror
# the skin around them, and the model's lids are not the person's. Of the level's variance so much is shared by a person's eyes.
LEVEL_SPREAD, TINT_SPREAD = 0.3, 0.12
SHARED = 0.5


@dataclass(frozen=True)
class White:
    """What a photo shows of the white of one eye: ``pixels`` (n, 2) where, ``colour`` (3,) its mean linear radiance, above 0."""

    pixels: FloatImage
    colour: Floats


@dataclass(frozen=True)
class WhiteEvidence:
    """What the whites of the eyes tell of B light coefficients: a Gaussian, ``0.5 (G L - 1)' W (G L - 1)``.

    Attributes:
        response: (E, 3, B) of each of E eyes: radiance by the bare white's albedo, and by what it mirrors, per unit of each
            coefficient, over the radiance that is seen; 1 where both agree.
    """

    response: Tensor

    @classmethod
    def of(
        cls, transfers: Sequence[Tensor], colours: Sequence[Floats], mirrored: Sequence[Tensor] | None = None
    ) -> WhiteEvidence:
        """From each eye's mean diffuse transfer (B,), its colour (3,), and what its wet surface mirrors (B,); None: nothing."""
        albedo = part_albedo("eye_left")
        rows = [torch.outer(torch.from_numpy(albedo / c).float(), t) for t, c in zip(transfers, colours, strict=True)]
        if mirrored is not None:
            shine = [torch.outer(torch.from_numpy(1.0 / c).float(), m) for m, c in zip(mirrored, colours, strict=True)]
            rows = [row + own for row, own in zip(rows, shine, strict=True)]
        return cls(torch.stack(rows))

    @property
    def _weight(self) -> Tensor:
        """(E, 3, E, 3) W: tight across the channels, loose along their mean, which all eyes share in part."""
        eyes, average = torch.eye(len(self.response)), torch.full((3, 3), 1.0 / 3.0)
        level = torch.linalg.inv(LEVEL_SPREAD**2 * ((1.0 - SHARED) * eyes + SHARED))
        # The squared mean of the channels is a third of the squared norm of its projection.
        by_level = torch.einsum("ef,cd->ecfd", level, average / 3.0)
        return by_level + torch.einsum("ef,cd->ecfd", eyes, (torch.eye(3) - average) / TINT_SPREAD**2)

    @property
    def precision(self) -> Tensor:
        """(3 B, 3 B) G' W G, channel after channel."""
        size = 3 * self.response.shape[2]
        blocks = torch.einsum("ecb,ecfd,fdg->cbdg", self.response, self._weight, self.response)
        return blocks.reshape(size, size)

    @property
    def told(self) -> Tensor:
        """(3 B,) G' W 1."""
        return torch.einsum("ecb,ecfd->cb", self.response, self._weight).reshape(-1)

    def negative_log(self, light: Tensor) -> Tensor:
        """() minus the log density of what is seen under coefficients (B, 3), up to a constant."""
        away = torch.einsum("ecb,bc->ec", self.response, light) - 1.0
        return 0.5 * torch.einsum("ec,ecfd,fd->", away, self._weight, away)


def find_whites(image: FloatImage, eyes: FloatImage, points: FloatImage, scheme: Scheme = MEDIAPIPE) -> list[White]:
    """The whites of both eyes, as far as enough is seen of them.

    Args:
        image: (H, W, 3) linear Rec. 709.
        eyes: (H, W) 1 inside the open eyes.
        points: (N, 2 or more) the face's points in its pixels.
        scheme: what the points are.
    """
    wide = (eyes > 0.9).astype(np.uint8)
    inside, around = (_pixels(image, mask) for mask in (cv2.erode(wide, np.ones((3, 3), np.uint8)) > 0, eyes == 0.0))
    seen = [_Seen.of(inside, around, points[:, :2], iris) for iris in scheme.irises]
    # What is white in one eye shows that the other's lids are not.
    apart = max(eye.apart for eye in seen)
    found = [eye.white(apart) for eye in seen]
    return [white for white in found if white is not None]


def _pixels(image: FloatImage, mask: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Places (N, 2) and colours (N, 3) of the pixels in ``mask`` (H, W)."""
    rows, columns = np.nonzero(mask)
    return np.stack([columns, rows], 1) + 0.5, image[rows, columns].astype(np.float64)


@dataclass(frozen=True)
class _Seen:
    """Where the white of one eye may be: ``places`` (N, 2) beside the iris, their ``colours`` (N, 3), and how much less red each is
    than the skin around the eye, ``paler`` (N,); None in a grey photo. ``skin`` is that skin's median brightness, 0 where none is seen.
    """

    places: Floats
    colours: Floats
    paler: Floats | None
    skin: float

    @classmethod
    def of(cls, inside: tuple[Floats, Floats], around: tuple[Floats, Floats], points: FloatImage, iris: Iris) -> _Seen:
        """From places and colours ``inside`` what the detector calls eyes, and ``around`` them."""
        centre = points[iris.centre]
        radius = np.linalg.norm(points[list(iris.edge)] - centre, axis=1).mean()
        away, beyond = (np.linalg.norm(places - centre, axis=1) / radius for places, _ in (inside, around))
        near = (away > NEAREST) & (away < FARTHEST)
        places, colours, skin = inside[0][near], inside[1][near], around[1][beyond < FARTHEST]
        redness, of_skin = (np.log((part[:, 0] + DARK) / (part[:, 2] + DARK)) for part in (colours, skin))
        grey = not len(skin) or np.abs(np.concatenate([redness, of_skin])).max() < GREY
        brightness = float(np.median(skin.mean(1))) if len(skin) else 0.0
        return cls(places, colours, None if grey else np.median(of_skin) - redness, brightness)

    @property
    def apart(self) -> float:
        """How much less red than skin what is surely white is; 0 where that is not known."""
        if self.paler is None or not len(self.paler):
            return 0.0
        return float(np.quantile(self.paler, 1.0 - BLUEST))

    def white(self, apart: float) -> White | None:
        """The white, where enough is seen of it that is ``apart`` from skin."""
        kept = self.colours.max(1) < CLIPPED
        if self.paler is not None:
            kept &= self.paler > max(LEAST_APART, SHARE_APART * apart)
        if kept.sum() < FEWEST_PIXELS:
            return None
        brightness = self.colours.mean(1)
        low, high = np.quantile(brightness[kept], (DIMMEST, BRIGHTEST))
        kept &= (brightness >= max(low, LEAST_SHARE * high)) & (brightness <= high)
        if kept.sum() < FEWEST_PIXELS:
            return None
        colour = self.colours[kept].mean(0)
        if colour.mean() < max(DARKEST, LEAST_AGAINST_SKIN * self.skin):
            return None
        return White(self.places[kept].astype(np.float32), np.maximum(colour, LEAST_CHANNEL * colour.mean()))
