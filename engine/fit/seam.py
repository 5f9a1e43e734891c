"""Closed lips in a photo: whether they are, and where they meet.

A detector tells the inner edges of full lips apart where they touch. Closed lips show a dark line no higher than a shadow, and
skin on both sides of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..landmarks.schemes import Scheme
from .slit import COLUMNS, Slit

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# Parts of the mouth's width: towards the corners there is always a shadow, so whether the lips are closed is looked at between
# them, and where they meet farther out as well.
INNER, OUTER = (0.2, 0.8), (0.05, 0.95)
# Lengths as shares of the face's height, about 185 mm: how far over the detected edges the lips are looked at; the highest line
# that a shadow makes between closed ones; the widest gap that a detector sees between them; over how much the line may be
# off what it says.
REACH, LINE, AJAR, STRAY = 0.018, 0.0095, 0.019, 0.004
# What is darker than this share of the lips' luminance beside it lies between them; so do teeth, which have less red by so much
# in the logarithm of R/G and so much of the luminance. Of the columns so many must show no more than a line.
DARK, LESS_RED, LEAST_BRIGHT, SHARE_CLOSED = 0.25, 0.12, 0.6, 0.9
# Samples in a pixel; how many columns the line is smoothed over.
PER_PIXEL, SMOOTHING = 4, 1.5
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True)
class Seam:
    """Where closed lips meet in a picture: ``pixels`` (N, 2) from corner to corner, ``down`` (2,) the unit direction across, and
    how ``sure`` (N,) in [0, 1] the picture itself is of each.
    """

    pixels: Doubles
    down: Doubles
    sure: Doubles


def find_seam(image: Floats, points: Floats, scheme: Scheme, height: float) -> Seam | None:
    """The line between closed lips; None where the photo shows the mouth open.

    Args:
        image: (H, W, 3) linear Rec. 709. points: (L, 2 or more) the detected landmarks in its pixels.
        height: of the face, pixels.
    """
    slit = Slit.of(points[:, :2].astype(np.float64), scheme.inner_lips)
    if slit is None:
        return None
    gap, looked_at = slit.lower - slit.upper, slit.within(INNER)
    if gap[looked_at].max() > AJAR * height:
        return None
    middle, opening, sure = 0.5 * (slit.upper + slit.lower), np.zeros(COLUMNS), np.zeros(COLUMNS)
    for column in np.flatnonzero(slit.within(OUTER)):
        reach = REACH * height + 0.5 * gap[column]
        steps = np.arange(-reach, reach, 1.0 / PER_PIXEL)
        between, relative = _between_lips(slit.shown(image, int(column), middle[column] + steps))
        opening[column] = between.sum() / PER_PIXEL
        line = np.clip(steps[relative.argmin()], -STRAY * height, STRAY * height)
        # The less dark it is, the less it says.
        sure[column] = max(0.0, 1.0 - float(relative.min()))
        middle[column] += line * sure[column]
    line_height = max(LINE * height, 2.0)
    if (opening[looked_at] <= line_height).mean() < SHARE_CLOSED:
        return None
    smooth = cv2.GaussianBlur(middle[:, None], (1, 0), SMOOTHING, sigmaY=SMOOTHING, borderType=cv2.BORDER_REPLICATE)
    return Seam(slit.pixels(smooth[:, 0]), slit.down, sure)


def _between_lips(shown: Floats) -> tuple[NDArray[np.bool_], Doubles]:
    """In one column (N, 3) over both lips: (N,) True for what lies between them, and (N,) luminance relative to theirs."""
    luminance = (shown @ _LUMINANCE).astype(np.float64) + 1e-4
    redness = np.log(shown[:, 0] + 0.004) - np.log(shown[:, 1] + 0.004)
    end = max(2, len(shown) // 4)

    def usual(values: Doubles | Floats) -> Doubles:
        return np.linspace(float(np.median(values[:end])), float(np.median(values[-end:])), len(values))

    relative = luminance / usual(luminance)
    pale = (redness < usual(redness) - LESS_RED) & (relative > LEAST_BRIGHT)
    inner = np.zeros(len(shown), bool)
    inner[end // 2 : len(shown) - end // 2] = True
    return ((relative < DARK) | pale) & inner, np.where(inner, relative, np.inf)
