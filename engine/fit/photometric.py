"""What a photo shows at points of the head's surface, and what the model says it should show there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..scene.camera import Camera

# Standard deviation of a photo against the model in sRGB-like units: noise, what the model cannot show, points that are
# off.
OBSERVATION_SPREAD = 0.035
# Neighbouring pixels err alike; so many of them count as independent observations of one face.
INDEPENDENT_OBSERVATIONS = 300.0
# d sRGB / d linear is close to this power of the linear value (IEC 61966-2-1 without its straight toe).
DISPLAY_SLOPE = 0.455
DISPLAY_POWER = -0.583
DARK = 0.015
# Standard deviations beyond which an observation is distrusted.
ROBUST_SCALE = 2.0


@dataclass(frozen=True)
class View:
    """One photo as the fit sees it.

    Attributes:
        image: (H, W, 3) float32 linear Rec. 709.
        weight: (H, W) float32 in [0, 1], how far a pixel is trusted to be lit skin.
        camera: of this image.
        person: (H, W) float32 in [0, 1], 1 where a person is seen; None where that is not known.
    """

    image: NDArray[np.float32]
    weight: NDArray[np.float32]
    camera: Camera
    person: NDArray[np.float32] | None = None

    def scaled(self, factor: float) -> View:
        """This view resampled to ``factor`` times its size (area filter)."""
        import cv2

        height, width = (max(1, round(side * factor)) for side in self.image.shape[:2])
        image = cv2.resize(self.image, (width, height), interpolation=cv2.INTER_AREA)
        weight = cv2.resize(self.weight, (width, height), interpolation=cv2.INTER_AREA)
        person = self.person
        if person is not None:
            person = np.asarray(cv2.resize(person, (width, height), interpolation=cv2.INTER_AREA), np.float32)
        camera = replace(self.camera.cropped(0.0, 0.0, width, height, factor), width=width, height=height)
        return View(image, weight, camera, person)


@dataclass(frozen=True)
class Samples:
    """N points of the head's surface that a photo shows.

    Attributes:
        triangle: (N,) int64. barycentric: (N, 3). pixel: (N, 2) where they were seen.
        colour: (N, 3) linear radiance there. weight: (N,) trust in [0, 1].
    """

    triangle: Tensor
    barycentric: Tensor
    pixel: Tensor
    colour: Tensor
    weight: Tensor

    def __len__(self) -> int:
        return len(self.triangle)


def display_weight(linear: Tensor) -> Tensor:
    """Squared slope of the display curve at ``linear`` radiance: turns squared linear residuals into squared sRGB-like
    ones.
    """
    return (DISPLAY_SLOPE * (linear.clamp(min=0.0) + DARK) ** DISPLAY_POWER) ** 2


def observation_precision(colour: Tensor) -> Tensor:
    """(N, 3) inverse variances of observed linear radiance (N, 3), each taken alone."""
    luminance = colour.mean(1, keepdim=True).expand_as(colour)
    return display_weight(luminance) / OBSERVATION_SPREAD**2


def independent_share(weight: Tensor, count: float = INDEPENDENT_OBSERVATIONS) -> float:
    """How many independent observations one of N samples of trust ``weight`` (N,) stands for, where all of them are at most ``count``."""
    return min(1.0, count / max(1.0, float(weight.sum())))


def robust_weight(residual: Tensor, scale: float = ROBUST_SCALE) -> Tensor:
    """Geman-McClure weights of standardised residuals (N, 3): one per sample, 1 for small, falling beyond ``scale``
    deviations.
    """
    square = (residual**2).mean(1, keepdim=True)
    return 1.0 / (1.0 + square / scale**2) ** 2


def distrust(trust: Tensor, weight: Tensor, scale: float = ROBUST_SCALE) -> Tensor:
    """() what it costs to trust samples (N,) of ``weight`` (N,) by ``trust`` (N,): with it, weighted squares of three channels each are
    least at the `robust_weight`, and then are Geman and McClure's loss ("On the unification of line processes, outlier rejection,
    and robust statistics", Black and Rangarajan 1996).
    """
    return 3.0 * scale**2 * ((trust.sqrt() - weight.sqrt()) ** 2).sum()


def sample_image(image: Tensor, pixel: Tensor) -> Tensor:
    """(N, C) bilinear look-up of (H, W, C) at (N, 2) pixel coordinates (pixel centres at +0.5), clamped at the border."""
    height, width = image.shape[:2]
    size = torch.tensor([width, height], dtype=pixel.dtype)
    grid = (pixel / size * 2.0 - 1.0)[None, None]
    found = torch.nn.functional.grid_sample(
        image.permute(2, 0, 1)[None], grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return found[0, :, 0].T
