"""Lights and statistical reflectance together, for a geometry that stands still: one light for each photo.

For any reflectance the best light has a closed form (`solve_light`), so only the reflectance is searched: variable
projection (Golub and Pereyra 1973). At the light's optimum its own derivative is zero, so the gradient may treat it as
fixed; the curvature is that of the residuals less what the light would take over of them (Kaufman 1975).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..faces.model import FaceModel
from ..faces.skin_colour import skin_colour, tone_of_ita
from ..faces.skin_gloss import SpecularPrior, specular_prior
from ..faces.skin_model import SkinModel
from ..faces.skin_optics import ita_degrees
from .lighting import (
    METER_POWER,
    TYPICAL_ALBEDO,
    TYPICAL_EXPOSURE,
    LightPrior,
    exposure_weight,
    log_volume,
    metered,
    negative_log_exposure,
    solve_light,
)
from .photometric import distrust, independent_share, observation_precision, robust_weight
from .shading import Transfer
from .tone_curve import curve_weight, negative_log_curve, pivot_of, straightened
from .watch import Watch, nobody
from .whites import WhiteEvidence

SPECULAR_RANGE = (0.02, 0.98)
ROUGHNESS_RANGE = (0.25, 0.8)
# The photo's evidence on gloss, level and roughness, is overrated: what transfer and light leave out looks like it. Portraits with known
# skin told how much freer roughness may be (docs/benchmark.md).
GLOSS_WEIGHT = (10.0, 3.0)
# Deviation of the logarithm of red and blue.
CAST_SPREAD = 0.1
# No photo is so dark that its light could be taken for none.
LEAST_LEVEL = 1e-3
# How far the light is integrated out. All of it would be right if noise and prior were; on renders of known skin it draws dark
# skin to the middle, and with none of it photos of people are found with ever stronger curves (docs/benchmark.md).
VOLUME_SHARE = 0.1
# Deviations at which the tone is near the end of its range, and is held back.
TONE_LIMIT = 2.5
# Deviations from which a region's coefficient costs in proportion, no longer in square.
REGION_KNEE = 1.0
# Levenberg and Marquardt's damping, relative to the curvature; what raises it when a step fails, and lowers it at most when one does
# all that was expected of it; and the longest step of any unknown, in deviations.
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-2, 1e-6, 1e4
MORE_DAMPING, LESS_DAMPING = 10.0, 0.2
LONGEST_STEP = 1.0
CURVATURE_EVERY = 2
# A search ends when a step lowers the loss, which is minus a log posterior, by less: in a geometry that will still move, and in
# the last one. Where tone and light trade off, many small steps lead far.
ENOUGH, ENOUGH_AT_LAST = 1.0, 0.1
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
        curve: logarithm of the power by which they steepen its contrast (`tone_curve`), one for all photos: (1,), or (0,) where none
            is looked for.
    """

    skin: SkinModel
    layer: SpecularPrior
    colour: Tensor
    gloss: Tensor = field(default_factory=lambda: torch.zeros(2))
    cast: Tensor = field(default_factory=lambda: torch.zeros(2))
    curve: Tensor = field(default_factory=lambda: torch.zeros(0))

    @classmethod
    def average(cls, model: FaceModel) -> Reflectance:
        """The prior's middle for ``model``."""
        if model.albedo is not None:
            # It derives from this class.
            from .albedo_reflectance import AlbedoReflectance

            return AlbedoReflectance.of(model, model.albedo)
        skin = skin_colour(model)
        return cls(skin, specular_prior(model), skin.mean())

    def packed(self) -> Tensor:
        """(n,) everything that is searched."""
        return torch.cat([self.colour, self.gloss, self.cast, self.curve])

    def unpacked(self, unknowns: Tensor) -> Reflectance:
        """This one with other values of what is searched."""
        parts = (self.colour, self.gloss, self.cast, self.curve)
        colour, gloss, cast, curve = torch.split(unknowns, [len(part) for part in parts])
        return replace(self, colour=colour, gloss=gloss, cast=cast, curve=curve)

    def with_curve(self) -> Reflectance:
        """The same skin, and a camera's curve is looked for."""
        return replace(self, curve=torch.zeros(1))

    def without_curve(self) -> Reflectance:
        """The same skin in photos that show radiance as it is."""
        return replace(self, curve=torch.zeros(0))

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
        return (self.skin.albedo(self.colour) * cast_colour(self.cast)).clamp(max=0.95)

    def hair_depth(self) -> Tensor:
        """(V,) optical depth of the hair on the skin."""
        return self.skin.hair_depth(self.colour)

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
        gloss, cast = 0.5 * (self.gloss.new_tensor(GLOSS_WEIGHT) * self.gloss**2).sum(), 0.5 * (self.cast**2).sum()
        # Huber's loss: a shadow that the light cannot explain may darken one region without moving the whole tone.
        regions = torch.nn.functional.huber_loss(
            self.colour[3:], torch.zeros_like(self.colour[3:]), reduction="sum", delta=REGION_KNEE
        )
        # The tone's own normal distribution is there to spread the ITA evenly, and would pull it to the middle.
        tone = 0.5 * (self.colour[0] / TONE_LIMIT) ** 2
        skin = tone + 0.5 * (self.colour[1:3] ** 2).sum() + regions + gloss
        return skin + cast + negative_log_curve(self.curve)

    def prior_curvature(self) -> Tensor:
        """(n,) second derivatives of `negative_log_prior`, as reweighted squares where it is Huber's loss."""
        regions = REGION_KNEE / self.colour[3:].abs().clamp(min=REGION_KNEE)
        tone = self.colour.new_tensor([TONE_LIMIT**-2, 1.0, 1.0])
        gloss, cast = self.gloss.new_tensor(GLOSS_WEIGHT), torch.ones_like(self.cast)
        return torch.cat([tone, regions, gloss, cast, curve_weight(self.curve)])


@dataclass
class ReflectanceProblem:
    """One photo at N surface points, and what is asked of light and reflectance.

    Attributes:
        transfer: of the points. colour: (N, 3) linear radiance observed. weight: (N,) trust in [0, 1].
        at_points: takes (V, C) per-vertex values to the points, (N, C).
        vertices: (v,) int64, those that ``at_points`` wants the values of, which then are (v, C); None: all.
        prior: of the light. whites: what the whites of the eyes tell of it, where they are seen.
    """

    transfer: Transfer
    colour: Tensor
    weight: Tensor
    at_points: Callable[[Tensor], Tensor]
    prior: LightPrior
    whites: WhiteEvidence | None = None
    vertices: Tensor | None = None

    def __post_init__(self) -> None:
        self.near: tuple[SkinModel, SpecularPrior] | None = None
        self.precision = observation_precision(self.colour)
        self.pivot = pivot_of(self.colour, self.weight)
        self.share = independent_share(self.weight)
        self.typical = self.transfer.lit(self.prior.middle)

    def loss(self, reflectance: Reflectance, light: Tensor, trust: Tensor) -> Tensor:
        """() minus the log of the photo's likelihood and the light's prior, the light integrated out, up to a constant.

        With what the ``trust`` itself costs, so that the losses of different trusts can be compared: at the best trust the sum is
        the robust loss (Black and Rangarajan 1996).
        """
        fields, (radiance, precision) = self._fields(reflectance), self._seen(reflectance)
        square = (precision * (self._reflected(fields, light) - radiance) ** 2).sum(1)
        evidence = 0.5 * self.share * ((trust * square).sum() + distrust(trust, self.weight))
        level, albedo = self._level(fields, trust)
        prior = self.prior.at(level)
        design, weight = self.transfer.design(*fields), self.share * trust[:, None] * precision
        volume = log_volume(design, weight, prior, self.whites)
        if self.whites is not None:
            evidence = evidence + self.whites.negative_log(light)
        return evidence + prior.negative_log(light) + VOLUME_SHARE * volume + negative_log_exposure(level, albedo)

    def best_light(self, reflectance: Reflectance, trust: Tensor) -> Tensor:
        """(B, 3) the light's coefficients for this reflectance."""
        with torch.no_grad():
            fields, (radiance, precision) = self._fields(reflectance), self._seen(reflectance)
            prior = self.prior.at(self._level(fields, trust)[0])
            weight = self.share * trust[:, None] * precision
            return solve_light(self.transfer.design(*fields), radiance, weight, prior, self.whites)

    def curvature(self, start: Reflectance, place: Tensor, light: Tensor, trust: Tensor) -> Tensor:
        """(n, n) float64: Gauss and Newton's approximation of this loss's second derivatives by the unknowns ``place``
        (n,) of ``start``, with the light following.
        """
        trusted = (self.share * trust[:, None]).sqrt()

        def rows(unknowns: Tensor) -> tuple[Tensor, Tensor]:
            found = start.unpacked(unknowns)
            fields, (radiance, precision) = self._fields(found), self._seen(found)
            residual = trusted * precision.sqrt() * (self._reflected(fields, light) - radiance)
            return residual, metered(*self._level(fields, trust))

        by_points, by_level = torch.func.jacfwd(rows)(place)
        with torch.no_grad():
            fields = self._fields(start.unpacked(place))
            weight = trusted * self._seen(start.unpacked(place))[1].sqrt()
            level, albedo = self._level(fields, trust)
            precision = self.prior.at(level).precision.double()
            if self.whites is not None:
                precision = precision + self.whites.precision
            design = self.transfer.design(*fields)
            count = design.shape[2]
            result = torch.zeros(len(place), len(place), dtype=torch.float64)
            across = torch.zeros(3 * count, len(place), dtype=torch.float64)
            for channel in range(3):
                part = weight[:, channel : channel + 1]
                lit, moved = (part * design[channel]).double(), by_points[:, channel].double()
                own = slice(channel * count, (channel + 1) * count)
                precision[own, own] += lit.T @ lit
                across[own] = lit.T @ moved
                result += moved.T @ moved
            result -= across.T @ torch.linalg.solve(precision, across)
            slope = by_level.double()
            result += exposure_weight(metered(level, albedo)) * torch.outer(slope, slope)
        return result

    def reweighted(self, reflectance: Reflectance, light: Tensor) -> Tensor:
        """(N,) trust, less where the photo is far from what is expected."""
        with torch.no_grad():
            radiance, precision = self._seen(reflectance)
            residual = precision.sqrt() * (self._reflected(self._fields(reflectance), light) - radiance)
            return self.weight * robust_weight(residual)[:, 0]

    def _fields(self, reflectance: Reflectance) -> tuple[Tensor, Tensor, Tensor]:
        near = self._near(reflectance)
        albedo = self.at_points(near.albedo())
        specular, roughness = self.at_points(near.surface()).unbind(1)
        return albedo, specular, roughness

    def _near(self, reflectance: Reflectance) -> Reflectance:
        """``reflectance`` of the problem's vertices alone. All that a search looks at share their models of skin."""
        if self.vertices is None:
            return reflectance
        if self.near is None:
            self.near = reflectance.skin.part(self.vertices), reflectance.layer.part(self.vertices.numpy())
        skin, layer = self.near
        return replace(reflectance, skin=skin, layer=layer)

    def _reflected(self, fields: tuple[Tensor, Tensor, Tensor], light: Tensor) -> Tensor:
        return self.transfer.lit(light).radiance(*fields)

    def _seen(self, reflectance: Reflectance) -> tuple[Tensor, Tensor]:
        """(N, 3) the radiance before the camera's curve, and (N, 3) inverse variances of it."""
        radiance, slope = straightened(self.colour, self.pivot, reflectance.curve)
        return radiance, self.precision * slope**2

    def _level(self, fields: tuple[Tensor, Tensor, Tensor], trust: Tensor) -> tuple[Tensor, Tensor]:
        """() the brightness at which the prior's most likely light explains the photo's mean; () the mean albedo."""
        seen, expected, albedo = (
            luminance((trust[:, None] * part).sum(0) / trust.sum())
            for part in (self.colour, self.typical.radiance(*fields), fields[0])
        )
        return (seen / expected).clamp(min=LEAST_LEVEL), albedo


@dataclass(frozen=True)
class Explained:
    """One photo under the reflectance that was found.

    Attributes:
        light: (B, 3) in which the skin looks as the photo shows it. trust: (N,) in the photo's points.
    """

    light: Tensor
    trust: Tensor


def solve_reflectance(
    photos: Sequence[ReflectanceProblem],
    start: Reflectance,
    steps: int,
    tick: Callable[[float], None],
    albedo_weight: float = 1.0,
    watch: Watch[tuple[Reflectance, list[Tensor]]] = nobody,
    enough: float = ENOUGH,
) -> tuple[Reflectance, list[Explained]]:
    """The one reflectance that explains all ``photos`` best, each in its own light.

    Gauss-Newton steps with Levenberg and Marquardt's damping; trust in each point is found anew after each step.

    Args:
        photos: at least one.
        start: where the search begins.
        steps: at most so many.
        tick: called with the loss at every step.
        albedo_weight: scales the reflectance prior.
        watch: offered the reflectance and the lights after each step.
        enough: the search ends with the first step that lowers the loss by less.
    """
    search = _Search(photos, start, [photo.weight for photo in photos], albedo_weight)
    place, damping = start.packed(), FIRST_DAMPING
    before = search.loss(place)
    for step in range(steps):
        # The curvature changes little and takes most of the time.
        if step % CURVATURE_EVERY == 0:
            curvature = search.curvature(place)
        place, damping = search.step(place, before, curvature, damping)
        search = search.reweighted(place)
        after = search.loss(place)
        tick(after)
        watch(partial(search.shown, place))
        if before - after < enough:
            break
        before = after
    return start.unpacked(place), search.explained(place)


@dataclass(frozen=True)
class _Search:
    """The posterior of the reflectance's unknowns (n,), for trusts that stand still and lights that follow."""

    photos: Sequence[ReflectanceProblem]
    start: Reflectance
    trusts: Sequence[Tensor]
    albedo_weight: float

    def lights(self, place: Tensor) -> list[Tensor]:
        """Each photo's best light."""
        found = self.start.unpacked(place)
        return [photo.best_light(found, trust) for photo, trust in zip(self.photos, self.trusts, strict=True)]

    def loss(self, place: Tensor) -> float:
        """Minus the log posterior, up to a constant."""
        with torch.no_grad():
            lights = self.lights(place)
            return float(
                reflectance_loss(self.photos, self.start.unpacked(place), lights, self.trusts, self.albedo_weight)
            )

    def step(self, place: Tensor, before: float, curvature: Tensor, damping: float) -> tuple[Tensor, float]:
        """Where the first step that lowers the loss leads to, with ever more damping, and the damping for the next; none where none
        does.

        The next damping follows what the step did of what the curvature promised (Nielsen 1999, "Damping parameter in Marquardt's
        method"): the curvature leaves out what moves with the light, and an undamped search swings between two places.
        """
        gradient, diagonal = self._gradient(place), torch.diag(curvature.diagonal())
        while damping < MOST_DAMPING:
            move = torch.linalg.solve(curvature + damping * diagonal, gradient)
            move = move * (LONGEST_STEP / move.abs().max()).clamp(max=1.0)
            moved = place - move.float()
            after = self.loss(moved)
            if after <= before:
                promised = float(gradient @ move - 0.5 * move @ curvature @ move)
                kept = (before - after) / max(promised, 1e-9)
                return moved, max(damping * max(LESS_DAMPING, 1.0 - (2.0 * kept - 1.0) ** 3), LEAST_DAMPING)
            damping *= MORE_DAMPING
        return place, FIRST_DAMPING

    def _gradient(self, place: Tensor) -> Tensor:
        """(n,) float64 slopes of the loss."""
        unknown = place.clone().requires_grad_(True)
        found = self.start.unpacked(unknown)
        loss = reflectance_loss(self.photos, found, self.lights(place), self.trusts, self.albedo_weight)
        (gradient,) = torch.autograd.grad(loss, unknown)
        return gradient.double()

    def curvature(self, place: Tensor) -> Tensor:
        """(n, n) float64 second derivatives of the loss as Gauss and Newton have them."""
        lights = self.lights(place)
        curvature = self.albedo_weight * torch.diag(self.start.unpacked(place).prior_curvature().double())
        for photo, light, trust in zip(self.photos, lights, self.trusts, strict=True):
            curvature = curvature + photo.curvature(self.start, place, light, trust)
        return curvature

    def reweighted(self, place: Tensor) -> _Search:
        """With the trusts of ``place``."""
        found, lights = self.start.unpacked(place), self.lights(place)
        trusts = [photo.reweighted(found, light) for photo, light in zip(self.photos, lights, strict=True)]
        return replace(self, trusts=trusts)

    def shown(self, place: Tensor) -> tuple[Reflectance, list[Tensor]]:
        """The reflectance at ``place`` with the lights in which it looks as the photos show it, curve and all: no renderer applies the
        camera's.
        """
        found = self.start.unpacked(place)
        plain = found.without_curve()
        lights = [photo.best_light(plain, trust) for photo, trust in zip(self.photos, self.trusts, strict=True)]
        return found, lights

    def explained(self, place: Tensor) -> list[Explained]:
        """What is found of each photo."""
        return [Explained(light, trust) for light, trust in zip(self.shown(place)[1], self.trusts, strict=True)]


def reflectance_loss(
    photos: Sequence[ReflectanceProblem],
    reflectance: Reflectance,
    lights: Sequence[Tensor],
    trusts: Sequence[Tensor],
    albedo_weight: float = 1.0,
) -> Tensor:
    """() minus the log posterior of the reflectance and all lights, up to a constant."""
    triples = zip(photos, lights, trusts, strict=True)
    loss = torch.stack([photo.loss(reflectance, light, trust) for photo, light, trust in triples]).sum()
    return loss + albedo_weight * reflectance.negative_log_prior()


def cast_colour(cast: Tensor) -> Tensor:
    """(3,) factors of red, green and blue for a cast (2,) towards red and blue, which keeps the luminance."""
    towards_red, towards_blue = [1.0, -0.2126 / 0.7152, 0.0], [0.0, -0.0722 / 0.7152, 1.0]
    return torch.exp(CAST_SPREAD * cast @ torch.tensor([towards_red, towards_blue], dtype=cast.dtype))


def luminance(linear: Tensor) -> Tensor:
    """() relative luminance of a linear Rec. 709 colour (3,)."""
    red, green, blue = linear.unbind()
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _tensor(array: NDArray[np.floating[Any]]) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))
