"""A camera's tone curve: photos have more contrast and colour than the light that met the lens.

Cameras, and who edits their pictures, steepen the middle of the curve (Grossberg and Nayar, "What is the space of camera
response functions?", CVPR 2003, measured 201 of them). Decoded as sRGB, such a photo shows dark and glossy skin in harsh light
where pale skin in soft light was. So what is searched includes a power by which each channel rises around the brightness of
the photo's skin. No renderer applies it: the light that is handed on is one in which that skin looks as the photo shows it.
"""

from __future__ import annotations

import torch
from torch import Tensor

# The curve's cost is in proportion to its power's logarithm, but for so small ones, so that a photo without a curve is found to have
# none: the thirteen renders of the benchmark ask for a tenth of it or less where the light is soft, twelve of thirteen photos of
# people for two tenths and more (docs/benchmark.md).
COST, SMALL = 12.0, 0.02
# A curve that takes contrast away costs so many times as much: faded prints have one, cameras have not.
FLAT = 4.0
# Logarithms between which it stays: no camera's power is 2.
LOWEST, HIGHEST = -0.3, 0.5
# Linear radiance below which a logarithm says nothing.
DARK = 0.003


def pivot_of(colour: Tensor, weight: Tensor) -> Tensor:
    """() the brightness that a curve leaves as it is: the geometric mean of linear ``colour`` (N, 3) with ``weight`` (N,)."""
    brightness = torch.log(colour.mean(1).clamp(min=DARK))
    return torch.exp((weight * brightness).sum() / weight.sum().clamp(min=1e-6))


def straightened(colour: Tensor, pivot: Tensor, curve: Tensor) -> tuple[Tensor, Tensor]:
    """The radiance (N, 3) that a curve made linear ``colour`` (N, 3) of, and the curve's slope there.

    Args:
        colour: as the photo shows it.
        pivot: () `pivot_of` it.
        curve: (1,) natural logarithm of the power, 0 for a photo that shows radiance as it is; or (0,), the same.
    """
    if len(curve) == 0:
        return colour, torch.ones_like(colour)
    power = _power(curve)
    seen = colour.clamp(min=DARK)
    radiance = pivot * (seen / pivot) ** (1.0 / power)
    return radiance, power * seen / radiance


def power_of(curve: Tensor) -> float:
    """The power that a curve (1,) rises by; 1 for (0,)."""
    return float(_power(curve)[0]) if len(curve) else 1.0


def negative_log_curve(curve: Tensor) -> Tensor:
    """() minus the log density of a curve (1,), up to a constant; 0 for (0,)."""
    return (_cost(curve) * ((curve**2 + SMALL**2).sqrt() - SMALL)).sum()


def curve_weight(curve: Tensor) -> Tensor:
    """(1,) weight, or (0,), of half the square of a curve whose slope is that of `negative_log_curve`."""
    return _cost(curve) / (curve**2 + SMALL**2).sqrt()


def _power(curve: Tensor) -> Tensor:
    return torch.exp(curve.clamp(LOWEST, HIGHEST))


def _cost(curve: Tensor) -> Tensor:
    return torch.where(curve < 0.0, COST * FLAT, COST)
