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
from .whites import WhiteEvidence

# What a white surface that faces the camera reflects in a well exposed photo of a face, and its logarithm's deviation; degrees of
# freedom of its distribution.
TYPICAL_EXPOSURE = 1.15
EXPOSURE_SPREAD = 0.15
EXPOSURE_FREEDOM = 3.0
# A camera's meter follows the face in part: skin half as bright as this is exposed by this power of two more.
TYPICAL_ALBEDO = 0.25
METER_POWER = 0.3
# All below is in units of that surface's radiance: people are photographed with the light before them, so the mean of all
# directions is less. Spreads are standard deviations.
TYPICAL_MEAN = 0.7
MEAN_SPREAD = 0.45
FRONT_SPREAD = 0.2
FRONT_CHROMA_SPREAD = 0.1
CHROMA_SPREAD = (0.15, 0.25)
BAND_SPREAD = 0.7
# Penalty on negative light, as a share of the evidence that the photo gives on an average coefficient.
NEGATIVE_SHARE = 10.0


@dataclass(frozen=True)
class LightPrior:
    """A Gaussian over the light's coefficients, channel after channel: ``mean`` (3 B,), ``precision`` (3 B, 3 B).

    Neutral and smooth: the luminance of band l spreads like 1 / l around a light that is stronger from the camera's side;
    colour differences spread by a fraction of that, least for the mean colour, because a tint of all the light is what a viewer
    (and a camera's white balance) takes out. It speaks of light relative to its own level (``at`` scales it), so that a bright
    lamp on dark skin is as likely as a dim one on light skin; how bright photos are is `negative_log_exposure`'s matter.
    """

    mean: Tensor
    precision: Tensor
    directions: Tensor

    @classmethod
    def neutral(cls, bands: int, towards: Tensor, strength: float = 1.0) -> LightPrior:
        """The prior for ``bands`` bands and a camera in the unit direction ``towards`` (3,), for a light by which a white
        surface that faces the camera has radiance 1; ``strength`` scales it.
        """
        unit = TYPICAL_MEAN * (4.0 * torch.pi) ** 0.5
        band = torch.tensor([float(order) for order in range(bands) for _ in range(2 * order + 1)])
        luminance = unit * torch.where(band == 0, MEAN_SPREAD, BAND_SPREAD / band.clamp(min=1.0))
        chroma = unit * torch.where(band == 0, CHROMA_SPREAD[0], CHROMA_SPREAD[1] * BAND_SPREAD / band.clamp(min=1.0))
        front = front_response(towards, bands)
        mean = torch.zeros(bands * bands)
        mean[0] = unit
        if bands > 1:
            first = torch.where(band == 1, front, 0.0)
            mean = mean + first * (1.0 - TYPICAL_MEAN) / (first @ front)
        by_luminance = torch.diag(1.0 / luminance**2) + torch.outer(front, front) / FRONT_SPREAD**2
        average = torch.full((3, 3), 1.0 / 3.0)
        # The squared mean of the channels is a third of the squared norm of its projection.
        precision = torch.kron(average, by_luminance) / 3.0
        by_chroma = torch.diag(1.0 / chroma**2) + torch.outer(front, front) / FRONT_CHROMA_SPREAD**2
        precision = precision + torch.kron(torch.eye(3) - average, by_chroma)
        return cls(mean.repeat(3), strength * precision, sh_basis(sphere_directions(642), bands))

    @property
    def middle(self) -> Tensor:
        """(B, 3) the most likely coefficients."""
        return self.mean.reshape(3, -1).T

    def at(self, level: Tensor) -> LightPrior:
        """The same for a light that is ``level`` () times as bright."""
        return LightPrior(self.mean * level, self.precision / level**2, self.directions)

    def negative_log(self, light: Tensor) -> Tensor:
        """() minus the log density of coefficients (B, 3), up to a constant.

        The level's own part of the density, by which a dim light would be likelier for being less spread, is left out.
        """
        away = light.T.reshape(-1) - self.mean
        return 0.5 * (away @ self.precision @ away)


def metered(level: Tensor, albedo: Tensor) -> Tensor:
    """() logarithm of a light's ``level`` () over what a camera's meter would make of skin of the mean ``albedo`` ()."""
    return torch.log(level / TYPICAL_EXPOSURE) + METER_POWER * torch.log(albedo / TYPICAL_ALBEDO)


def negative_log_exposure(level: Tensor, albedo: Tensor) -> Tensor:
    """() minus the log density of a light of ``level`` () in a photo of skin of the mean albedo ``albedo`` (), up to a
    constant: Student's t of `metered`, for a few photos are much darker than others.
    """
    freedom = EXPOSURE_FREEDOM
    return 0.5 * (freedom + 1.0) * torch.log1p((metered(level, albedo) / EXPOSURE_SPREAD) ** 2 / freedom)


def exposure_weight(logarithm: Tensor) -> Tensor:
    """() weight of half the square of `metered` whose slope is that of `negative_log_exposure`."""
    return (EXPOSURE_FREEDOM + 1.0) / (EXPOSURE_FREEDOM * EXPOSURE_SPREAD**2 + logarithm**2)


def log_volume(design: Tensor, weight: Tensor, prior: LightPrior, whites: WhiteEvidence | None = None) -> Tensor:
    """() half the log determinant of the light's posterior precision relative to the prior's.

    With it, the least sum of squares becomes minus the log likelihood of the reflectance with the light integrated out (Laplace;
    exact, as all is Gaussian). Without it a reflectance would be favoured under which the light can be bent to explain more of
    the photo: dark, glossy skin. Arguments as in `solve_light`.
    """
    blocks = [d.T @ (w[:, None] * d) for d, w in zip(design, weight.T, strict=True)]
    gram: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    if whites is not None:
        gram = gram + whites.precision
    factor = torch.linalg.cholesky(prior.precision.double())
    half = torch.linalg.solve_triangular(factor, gram.double(), upper=False)
    relative = torch.linalg.solve_triangular(factor, half.T, upper=False)
    return 0.5 * torch.logdet(relative + torch.eye(len(relative), dtype=relative.dtype)).float()


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


def solve_light(
    design: Tensor,
    target: Tensor,
    weight: Tensor,
    prior: LightPrior,
    whites: WhiteEvidence | None = None,
    negative_steps: int = 3,
) -> Tensor:
    """(B, 3) coefficients that minimise the weighted squares plus the prior, kept from being negative anywhere.

    Args:
        design: (3, N, B): radiance of sample n in channel c per unit of each coefficient.
        target: (N, 3) observed linear radiance.
        weight: (N, 3) inverse variances.
        prior: the light's prior.
        whites: what the whites of the eyes tell, where they are seen.
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
    if whites is not None:
        gram, right = gram + whites.precision, right + whites.told
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
