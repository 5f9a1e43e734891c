"""The light that explains a photo best, given what the skin does with it: a linear problem with a prior.

Reflected radiance is linear in the light's spherical-harmonics coefficients, so for given reflectance the best light is
found in closed form, whatever number of bands.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..scene.light import sh_basis
from .shading import COSINE_FACTORS

# Mean radiance of the light around a well exposed face, and what a white surface that faces the camera then reflects:
# people are photographed with the light before them. Their spreads are shares of the values.
TYPICAL_LEVEL = 0.8
LEVEL_SPREAD = 0.45
TYPICAL_FRONT = 1.15
FRONT_SPREAD = 0.2
CHROMA_SPREAD = (0.15, 0.25)
BAND_SPREAD = 0.7
# Penalty on negative light, as a share of the evidence that the photo gives on an average coefficient.
NEGATIVE_SHARE = 10.0


@dataclass(frozen=True)
class LightPrior:
    """A Gaussian over the light's coefficients, channel after channel: ``mean`` (3 B,), ``precision`` (3 B, 3 B).

    Neutral and smooth: the luminance of band l spreads like 1 / l around a light of `TYPICAL_LEVEL` that is stronger
    from the camera's side; colour differences spread by a fraction of that, least for the mean colour, because a tint
    of all the light is what a viewer (and a camera's white balance) takes out.
    """

    mean: Tensor
    precision: Tensor
    directions: Tensor

    @classmethod
    def neutral(cls, bands: int, towards: Tensor, strength: float = 1.0) -> LightPrior:
        """The prior for ``bands`` bands and a camera in the unit direction ``towards`` (3,); ``strength`` scales it."""
        unit = TYPICAL_LEVEL * (4.0 * torch.pi) ** 0.5
        band = torch.tensor([float(order) for order in range(bands) for _ in range(2 * order + 1)])
        luminance = unit * torch.where(band == 0, LEVEL_SPREAD, BAND_SPREAD / band.clamp(min=1.0))
        chroma = unit * torch.where(band == 0, CHROMA_SPREAD[0], CHROMA_SPREAD[1] * BAND_SPREAD / band.clamp(min=1.0))
        front = front_response(towards, bands)
        mean = torch.zeros(bands * bands)
        mean[0] = unit
        if bands > 1:
            first = torch.where(band == 1, front, 0.0)
            mean = mean + first * (TYPICAL_FRONT - TYPICAL_LEVEL) / (first @ front)
        spread = FRONT_SPREAD * float(front @ mean)
        by_luminance = torch.diag(1.0 / luminance**2) + torch.outer(front, front) / spread**2
        average = torch.full((3, 3), 1.0 / 3.0)
        # The squared mean of the channels is a third of the squared norm of its projection.
        precision = torch.kron(average, by_luminance) / 3.0
        precision = precision + torch.kron(torch.eye(3) - average, torch.diag(1.0 / chroma**2))
        return cls(mean.repeat(3), strength * precision, sh_basis(sphere_directions(642), bands))

    def negative_log(self, light: Tensor) -> Tensor:
        """() minus the log density of coefficients (B, 3), up to a constant."""
        away = light.T.reshape(-1) - self.mean
        return 0.5 * (away @ self.precision @ away)


def front_response(towards: Tensor, bands: int) -> Tensor:
    """(B,) radiance of a white, unshadowed surface with the unit normal ``towards`` (3,) per unit of each coefficient."""
    used = min(bands, len(COSINE_FACTORS))
    factor = torch.tensor([COSINE_FACTORS[order] for order in range(used) for _ in range(2 * order + 1)])
    result = torch.zeros(bands * bands)
    result[: used * used] = factor * sh_basis(towards[None].float(), used)[0]
    return result


def sphere_directions(count: int) -> Tensor:
    """(count, 3) unit vectors spread evenly over the sphere (spherical Fibonacci lattice, Swinbank and Purser 2006)."""
    index = torch.arange(count, dtype=torch.float64) + 0.5
    height = 1.0 - 2.0 * index / count
    angle = index * torch.pi * (3.0 - 5.0**0.5)
    radius = torch.sqrt(1.0 - height**2)
    return torch.stack([radius * torch.cos(angle), height, radius * torch.sin(angle)], 1).float()


def solve_light(design: Tensor, target: Tensor, weight: Tensor, prior: LightPrior, negative_steps: int = 3) -> Tensor:
    """(B, 3) coefficients that minimise the weighted squares plus the prior, kept from being negative anywhere.

    Args:
        design: (3, N, B): radiance of sample n in channel c per unit of each coefficient.
        target: (N, 3) observed linear radiance.
        weight: (N, 3) inverse variances.
        prior: the light's prior.
        negative_steps: how often directions of negative radiance are found and pulled to zero.
    """
    count = design.shape[2]
    gram = torch.zeros(3 * count, 3 * count)
    right = torch.zeros(3 * count)
    for channel in range(3):
        rows = slice(channel * count, (channel + 1) * count)
        weighted = design[channel] * weight[:, channel : channel + 1]
        gram[rows, rows] = weighted.T @ design[channel]
        right[rows] = weighted.T @ target[:, channel]
    gram = (gram + prior.precision).double()
    right = (right + prior.precision @ prior.mean).double()
    solution: Tensor = torch.linalg.solve(gram, right)
    basis = prior.directions.double()
    floor = NEGATIVE_SHARE * float(gram.diagonal().mean()) / float((basis**2).sum(0).mean())
    for _ in range(negative_steps):
        constrained = gram.clone()
        for channel in range(3):
            rows = slice(channel * count, (channel + 1) * count)
            dark = basis[(basis @ solution[rows]) < 0.0]
            constrained[rows, rows] += floor * dark.T @ dark
        solution = torch.linalg.solve(constrained, right)
    return solution.reshape(3, count).T.float()
