"""Light and statistical reflectance together, for a geometry that stands still.

For any reflectance the best light has a closed form (`solve_light`), so only the reflectance is searched: variable
projection (Golub and Pereyra 1973). At the light's optimum its own derivative is zero, so the gradient may treat it as
fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..faces.model import FaceModel
from ..faces.skin_colour import SkinColour, tone_of_ita
from ..faces.skin_gloss import SpecularPrior, specular_prior
from ..faces.skin_optics import ita_degrees
from .lighting import (
    METER_POWER,
    TYPICAL_ALBEDO,
    TYPICAL_EXPOSURE,
    LightPrior,
    log_volume,
    negative_log_exposure,
    solve_light,
)
from .photometric import independent_share, observation_precision, robust_weight
from .shading import Transfer

SPECULAR_RANGE = (0.02, 0.98)
ROUGHNESS_RANGE = (0.25, 0.8)
# The photo's evidence on gloss is overrated: what transfer and bands leave out looks like it.
GLOSS_WEIGHT = 10.0
# Deviation of the logarithm of red and blue.
CAST_SPREAD = 0.1
# Deviations at which the tone is near the end of its range, and is held back.
TONE_LIMIT = 2.5
# Deviations from which a region's coefficient costs in proportion, no longer in square.
REGION_KNEE = 1.0
# Deviations that a region may have in `Reflectance.moderate`.
MODERATE = 0.4


@dataclass
class Reflectance:
    """A face's statistical reflectance.

    Attributes:
        skin, layer: the models of colour and gloss.
        colour: (C,) skin-colour coefficients.
        gloss: (2,) offsets of specular level and roughness, in deviations.
        cast: (2,) offsets of the colour's red and blue against green, in deviations: cameras render skin each in its
            way.
    """

    skin: SkinColour
    layer: SpecularPrior
    colour: Tensor
    gloss: Tensor = field(default_factory=lambda: torch.zeros(2))
    cast: Tensor = field(default_factory=lambda: torch.zeros(2))

    @classmethod
    def average(cls, model: FaceModel) -> Reflectance:
        """The prior's middle for ``model``."""
        skin = SkinColour(model)
        return cls(skin, specular_prior(model), skin.mean())

    @property
    def unknowns(self) -> list[Tensor]:
        """What is searched."""
        return [self.colour, self.gloss, self.cast]

    def guessed(self, colour: Tensor) -> Reflectance:
        """With the tone that the mean ``colour`` (3,) of lit skin has if the light is typical: where a search may
        start.
        """
        metered = colour / TYPICAL_EXPOSURE / TYPICAL_ALBEDO
        albedo = TYPICAL_ALBEDO * metered * luminance(metered) ** (METER_POWER / (1.0 - METER_POWER))
        coefficients = self.colour.clone()
        coefficients[0] = tone_of_ita(float(ita_degrees(albedo.clamp(0.005, 0.9).double().numpy())))
        return replace(self, colour=coefficients)

    def albedo(self) -> Tensor:
        """(V, 3) diffuse albedo, linear Rec. 709."""
        red, blue = (CAST_SPREAD * self.cast).unbind()
        green = -(0.2126 * red + 0.0722 * blue) / 0.7152
        return (self.skin.albedo(self.colour) * torch.exp(torch.stack([red, green, blue]))).clamp(max=0.95)

    def moderate(self) -> Reflectance:
        """The same with no region far from the others: what to paint where the photo shows nothing.

        Hair over a forehead, or its shadow, moves that region's coefficients far; its unseen rest should not follow.
        """
        colour = self.colour.clone()
        colour[3:] = colour[3:].clamp(-MODERATE, MODERATE)
        return replace(self, colour=colour)

    def surface(self) -> Tensor:
        """(V, 2) specular IOR level and roughness."""
        mean = _tensor(np.stack([self.layer.level_mean, self.layer.roughness_mean], 1))
        spread = _tensor(np.stack([self.layer.level_sd, self.layer.roughness_sd], 1))
        level, roughness = (mean + self.gloss * spread).unbind(1)
        return torch.stack([level.clamp(*SPECULAR_RANGE), roughness.clamp(*ROUGHNESS_RANGE)], 1)

    def negative_log_prior(self) -> Tensor:
        """() minus the log density of the coefficients, up to a constant."""
        gloss, cast = 0.5 * GLOSS_WEIGHT * (self.gloss**2).sum(), 0.5 * (self.cast**2).sum()
        # Huber's loss: a shadow that the light cannot explain may darken one region without moving the whole tone.
        regions = torch.nn.functional.huber_loss(
            self.colour[3:], torch.zeros_like(self.colour[3:]), reduction="sum", delta=REGION_KNEE
        )
        # The tone's own normal distribution is there to spread the ITA evenly, and would pull it to the middle.
        tone = 0.5 * (self.colour[0] / TONE_LIMIT) ** 2
        return tone + 0.5 * (self.colour[1:3] ** 2).sum() + regions + gloss + cast


@dataclass
class ReflectanceProblem:
    """The photo at N surface points, and what is asked of light and reflectance.

    Attributes:
        transfer: of the points. colour: (N, 3) linear radiance observed. weight: (N,) trust in [0, 1].
        at_points: takes (V, C) per-vertex values to the points, (N, C).
        prior: of the light. albedo_weight: scales the reflectance prior.
    """

    transfer: Transfer
    colour: Tensor
    weight: Tensor
    at_points: Callable[[Tensor], Tensor]
    prior: LightPrior
    albedo_weight: float = 1.0

    def __post_init__(self) -> None:
        self.precision = observation_precision(self.colour)
        self.share = independent_share(self.weight)
        self.typical = self.transfer.lit(self.prior.middle)

    def solve(
        self, start: Reflectance, rounds: int, steps: int, tick: Callable[[float], None]
    ) -> tuple[Reflectance, Tensor, Tensor]:
        """The reflectance, the light (B, 3) and the trust (N,) after ``rounds`` of reweighting of ``steps`` each.

        ``tick`` is called with the loss at every evaluation.
        """
        found = replace(start, colour=start.colour.clone(), gloss=start.gloss.clone(), cast=start.cast.clone())
        trust = self.weight
        for _ in range(rounds):
            self._search(found, trust, steps, tick)
            light = self._light(found, trust)
            with torch.no_grad():
                trust = self.weight * robust_weight(self._residual(found, light) * self.precision.sqrt())[:, 0]
        return found, self._light(found, trust), trust

    def loss(self, reflectance: Reflectance, light: Tensor, trust: Tensor) -> Tensor:
        """() minus the log posterior of reflectance and light, up to a constant."""
        square = (self.precision * self._residual(reflectance, light) ** 2).sum(1)
        evidence = 0.5 * self.share * (trust * square).sum()
        level, albedo = self._level(reflectance, trust)
        prior = self.prior.at(level)
        design = self.transfer.design(*self._fields(reflectance))
        volume = log_volume(design, self.share * trust[:, None] * self.precision, prior)
        light_cost = prior.negative_log(light) + volume + negative_log_exposure(level, albedo)
        return evidence + self.albedo_weight * reflectance.negative_log_prior() + light_cost

    def _level(self, reflectance: Reflectance, trust: Tensor) -> tuple[Tensor, Tensor]:
        """() the brightness at which the prior's most likely light explains the photo's mean; () the mean albedo."""
        fields = self._fields(reflectance)
        seen, expected, albedo = (
            luminance((trust[:, None] * part).sum(0) / trust.sum())
            for part in (self.colour, self.typical.radiance(*fields), fields[0])
        )
        return seen / expected, albedo

    def _fields(self, reflectance: Reflectance) -> tuple[Tensor, Tensor, Tensor]:
        albedo = self.at_points(reflectance.albedo())
        specular, roughness = self.at_points(reflectance.surface()).unbind(1)
        return albedo, specular, roughness

    def _light(self, reflectance: Reflectance, trust: Tensor) -> Tensor:
        with torch.no_grad():
            design = self.transfer.design(*self._fields(reflectance))
            level, _ = self._level(reflectance, trust)
            return solve_light(design, self.colour, self.share * trust[:, None] * self.precision, self.prior.at(level))

    def _residual(self, reflectance: Reflectance, light: Tensor) -> Tensor:
        return self.transfer.lit(light).radiance(*self._fields(reflectance)) - self.colour

    def _search(self, found: Reflectance, trust: Tensor, steps: int, tick: Callable[[float], None]) -> None:
        """L-BFGS over the reflectance, with the light solved anew at every evaluation."""
        for tensor in found.unknowns:
            tensor.requires_grad_(True)
        optimiser = torch.optim.LBFGS(
            found.unknowns,
            max_iter=steps,
            max_eval=2 * steps,
            history_size=12,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            optimiser.zero_grad()
            loss = self.loss(found, self._light(found, trust), trust)
            torch.autograd.backward(loss)
            tick(float(loss.detach()))
            return loss

        optimiser.step(closure)  # type: ignore[no-untyped-call]
        for tensor in found.unknowns:
            tensor.requires_grad_(False)


def luminance(linear: Tensor) -> Tensor:
    """() relative luminance of a linear Rec. 709 colour (3,)."""
    return linear @ linear.new_tensor([0.2126, 0.7152, 0.0722])


def _tensor(array: NDArray[np.floating[Any]]) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))
