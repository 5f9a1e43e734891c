"""Statistical reflectance of a face model that brings its own, such as AlbedoMM: linear in its coefficients.

Smith et al., "A morphable face albedo model" (2020): one vector of coefficients drives diffuse and specular albedo. The
specular albedo is taken relative to its mean over the face, whose level is that of skin's index of refraction: what a light
stage measures is known up to its calibration.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..faces.model import AlbedoBasis, FaceModel
from ..faces.skin_gloss import specular_prior
from .lighting import METER_POWER, TYPICAL_ALBEDO, TYPICAL_EXPOSURE
from .reflectance import GLOSS_WEIGHT, ROUGHNESS_RANGE, SPECULAR_RANGE, Reflectance, cast_colour, luminance
from .tone_curve import curve_weight, negative_log_curve

# Skin is no darker than this, and its gloss within these factors of the mean's, whatever the coefficients say.
LEAST_ALBEDO, MOST_ALBEDO = 0.01, 0.95
GLOSS_FACTORS = (0.3, 3.0)
# Deviation of the mean albedo that a first guess is made with.
GUESS_SPREAD = 0.03


@dataclass
class AlbedoSkin:
    """The basis as tensors. ``diffuse`` (A, V * 3), ``gloss`` (A, V) relative to the mean specular albedo of the ``face``."""

    mean: Tensor
    diffuse: Tensor
    gloss_mean: Tensor
    gloss: Tensor
    face: Tensor

    @classmethod
    def of(cls, basis: AlbedoBasis, face: NDArray[np.float32]) -> AlbedoSkin:
        """``face`` (V,): what counts as face, 0 to 1."""
        share = torch.from_numpy(face / face.sum())
        specular = torch.from_numpy(basis.specular_mean)
        level = (share * specular).sum()
        return cls(
            mean=torch.from_numpy(basis.diffuse_mean),
            diffuse=torch.from_numpy(basis.diffuse_basis.reshape(len(basis.diffuse_basis), -1)),
            gloss_mean=specular / level,
            gloss=torch.from_numpy(basis.specular_basis) / level,
            face=share,
        )

    def albedo(self, coefficients: Tensor) -> Tensor:
        """(V, 3) for (A,)."""
        return (self.mean + (coefficients @ self.diffuse).view_as(self.mean)).clamp(LEAST_ALBEDO, MOST_ALBEDO)

    def hair_depth(self, coefficients: Tensor) -> Tensor:
        """(V,) 0: the model tells colour, and not what makes it."""
        return torch.zeros(len(self.mean))

    def gloss_factor(self, coefficients: Tensor) -> Tensor:
        """(V,) specular albedo over its mean over the mean face."""
        return (self.gloss_mean + coefficients @ self.gloss).clamp(*GLOSS_FACTORS)

    def part(self, vertices: Tensor) -> AlbedoSkin:
        """The same of the chosen ``vertices`` (v,) int64 alone: v stands for V, the coefficients are the same."""
        diffuse = self.diffuse.view(len(self.diffuse), -1, 3)[:, vertices]
        return AlbedoSkin(
            mean=self.mean[vertices],
            diffuse=diffuse.reshape(len(diffuse), -1),
            gloss_mean=self.gloss_mean[vertices],
            gloss=self.gloss[:, vertices],
            face=self.face[vertices],
        )

    def guess(self, albedo: Tensor) -> Tensor:
        """(A,) the most likely coefficients of a face whose mean albedo is ``albedo`` (3,), give or take `GUESS_SPREAD`."""
        modes = torch.einsum("v,avc->ca", self.face, self.diffuse.view(len(self.diffuse), -1, 3))
        away = albedo - (self.face[:, None] * self.mean).sum(0)
        pull: Tensor = torch.linalg.solve(modes @ modes.T + GUESS_SPREAD**2 * torch.eye(3), away)
        return modes.T @ pull


@dataclass
class AlbedoReflectance(Reflectance):
    """A `Reflectance` whose ``colour`` (A,) are the coefficients of ``skin``, not of pigments."""

    skin: AlbedoSkin

    @classmethod
    def of(cls, model: FaceModel, albedo: AlbedoBasis) -> AlbedoReflectance:
        """The prior's middle."""
        basis = AlbedoSkin.of(albedo, model.regions["face"])
        return cls(basis, specular_prior(model), torch.zeros(len(albedo.diffuse_basis)))

    def guessed(self, colour: Tensor) -> Reflectance:
        """With the tone that the mean ``colour`` (3,) of lit skin has if the light is typical."""
        metered = colour / TYPICAL_EXPOSURE / TYPICAL_ALBEDO
        albedo = TYPICAL_ALBEDO * metered * luminance(metered) ** (METER_POWER / (1.0 - METER_POWER))
        return replace(self, colour=self.skin.guess(albedo.clamp(0.02, 0.8)))

    def albedo(self) -> Tensor:
        """(V, 3) diffuse albedo, linear Rec. 709."""
        return (self.skin.albedo(self.colour) * cast_colour(self.cast)).clamp(max=MOST_ALBEDO)

    def surface(self) -> Tensor:
        """(V, 2) specular IOR level and roughness."""
        level, roughness = (
            torch.from_numpy(v.astype(np.float32)) for v in (self.layer.level_mean, self.layer.roughness_mean)
        )
        by_level, by_roughness = (
            torch.from_numpy(v.astype(np.float32)) for v in (self.layer.level_sd, self.layer.roughness_sd)
        )
        level = (level + self.gloss[0] * by_level) * self.skin.gloss_factor(self.colour)
        roughness = roughness + self.gloss[1] * by_roughness
        return torch.stack([level.clamp(*SPECULAR_RANGE), roughness.clamp(*ROUGHNESS_RANGE)], 1)

    def moderate(self) -> Reflectance:
        """The same: its modes belong to the whole face, and what is not seen follows what is."""
        return self

    def negative_log_prior(self) -> Tensor:
        """() minus the log density of the coefficients, up to a constant."""
        gloss = (self.gloss.new_tensor(GLOSS_WEIGHT) * self.gloss**2).sum()
        return 0.5 * ((self.colour**2).sum() + gloss + (self.cast**2).sum()) + negative_log_curve(self.curve)

    def prior_curvature(self) -> Tensor:
        """(n,) second derivatives of `negative_log_prior`."""
        colour, cast = torch.ones_like(self.colour), torch.ones_like(self.cast)
        return torch.cat([colour, self.gloss.new_tensor(GLOSS_WEIGHT), cast, curve_weight(self.curve)])
