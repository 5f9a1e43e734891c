"""The bundled head's own statistical reflectance: what skin can look like, by its pigments.

Melanin and haemoglobin vary over the face as maps of its regions and smooth functions; optics (`skin_table`) makes
colour of them. Every coefficient has a standard normal prior. The overall tone goes through the normal distribution
function, so under its prior the ITA is uniform from +65 to -65 degrees: no skin tone is favoured.
"""

from __future__ import annotations

import weakref
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import FaceModelError
from .model import FaceModel
from .skin_table import ITA_PER_UNIT, log_albedo
from .smooth_functions import part_vertices, smooth_functions

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class RegionPigment:
    """How a region differs from the face around it: means and standard deviations in the table's coordinates.

    Melanin 0.1 is 6.5 degrees of ITA; haemoglobin 1 is twice the blood.
    """

    melanin: float = 0.0
    melanin_sd: float = 0.05
    haemoglobin: float = 0.0
    haemoglobin_sd: float = 0.25


# Signs and order after published maps: cheeks, nose and ears hold most blood, the forehead and the eye's surroundings
# most melanin (Han et al. 2006; Xiao et al. 2017; Jimenez et al. 2010, "A practical appearance model for dynamic facial
# color"). The sizes are set so that the table in docs/skin-colour.md comes out.
REGIONS: dict[str, RegionPigment] = {
    "lips": RegionPigment(0.15, 0.10, 2.7, 0.5),
    "cheeks": RegionPigment(0.0, 0.04, 0.6, 0.4),
    "nose": RegionPigment(0.02, 0.04, 0.6, 0.4),
    "forehead": RegionPigment(0.03, 0.04, 0.3, 0.25),
    "eye_sockets": RegionPigment(0.06, 0.07, 0.25, 0.3),
    "eyelids": RegionPigment(0.05, 0.06, 0.3, 0.3),
    "ears": RegionPigment(0.0, 0.05, 0.7, 0.4),
    "neck": RegionPigment(-0.02, 0.06, -0.2, 0.25),
    "brows": RegionPigment(0.05, 0.08, 0.0, 0.2),
    "beard": RegionPigment(0.02, 0.06, 0.0, 0.25),
}

# Optical depth of the hair in a region: median, and standard deviation of its logarithm. Hair darkens what is below it.
HAIR: dict[str, tuple[float, float]] = {"brows": (1.3, 0.5), "beard": (0.06, 1.1), "scalp": (0.08, 1.1)}
# Hair takes a little more of the blue than of the red.
_HAIR_RGB = (0.92, 1.0, 1.07)

# The lips' own melanin follows the face's only in part: dark faces have lighter, light faces darker lips.
_LIPS_FOLLOW = 0.65

_SYMMETRIC, _ANTISYMMETRIC = 12, 6
# Standard deviations of the slowest symmetric and antisymmetric function, in melanin and haemoglobin.
_SMOOTH_SD = {"melanin": (0.04, 0.02), "haemoglobin": (0.15, 0.08)}
_BLOOD_SD, _UNDERTONE_SD = 0.45, 0.7

# Linear Rec. 709. Teeth near the VITA shade A2, the rest redder or whiter by eye from photographs with a grey card.
_PARTS: dict[str, tuple[float, float, float]] = {
    "mouth": (0.36, 0.13, 0.12),
    "eye_left": (0.62, 0.57, 0.52),
    "eye_right": (0.62, 0.57, 0.52),
    "teeth_upper": (0.60, 0.52, 0.39),
    "teeth_lower": (0.58, 0.50, 0.37),
    "tongue": (0.42, 0.16, 0.15),
}


def part_albedo(part_name: str) -> FloatArray:
    """(3,) fixed linear Rec. 709 albedo of a part that is not skin: one of `PART_NAMES` but "skin".

    Raises:
        FaceModelError: the part has no fixed colour.
    """
    if part_name not in _PARTS:
        raise FaceModelError(f"The part '{part_name}' has no fixed colour.", f"Parts that have: {', '.join(_PARTS)}.")
    return np.array(_PARTS[part_name])


class SkinColour:
    """Albedo of a head from coefficients with a standard normal prior.

    Attributes:
        names: what each coefficient moves; "tone", "blood" and "undertone" come first.
    """

    def __init__(self, model: FaceModel, dtype: torch.dtype = torch.float32) -> None:
        """Build the maps of ``model``; regions that it lacks are left out."""
        self._dtype = dtype
        smooth, eigenvalues = smooth_functions(model, _SYMMETRIC, _ANTISYMMETRIC)
        regions = {name: np.asarray(model.regions[name], np.float64) for name in REGIONS if name in model.regions}
        melanin = _Field("melanin", regions, smooth, eigenvalues)
        haemoglobin = _Field("haemoglobin", regions, smooth, eigenvalues)
        hair = [name for name in HAIR if name in model.regions]
        self.names: tuple[str, ...] = (
            *("tone", "blood", "undertone"),
            *melanin.names,
            *haemoglobin.names,
            *(f"hair {name}" for name in hair),
        )
        self._counts = (3, len(melanin.names), len(haemoglobin.names), len(hair))
        lips = regions.get("lips", np.zeros(model.vertex_count))
        self._tone = self._tensor(1 - (1 - _LIPS_FOLLOW) * lips)
        self._melanin_mean, self._melanin_basis = self._tensor(melanin.mean), self._tensor(melanin.basis)
        self._haemoglobin_mean, self._haemoglobin_basis = (
            self._tensor(haemoglobin.mean),
            self._tensor(haemoglobin.basis),
        )
        self._hair_maps = self._tensor(np.array([model.regions[name] for name in hair]).reshape(-1, model.vertex_count))
        self._hair_prior = self._tensor(np.array([HAIR[name] for name in hair]).reshape(-1, 2))
        self._hair_rgb = self._tensor(np.array(_HAIR_RGB))
        self._is_skin = torch.from_numpy(part_vertices(model, "skin"))[:, None]
        self._fixed = self._tensor(_fixed_albedo(model))

    def _tensor(self, array: FloatArray) -> Tensor:
        return torch.as_tensor(array, dtype=self._dtype)

    @property
    def count(self) -> int:
        """Number of coefficients."""
        return len(self.names)

    def mean(self) -> Tensor:
        """(count,) the coefficients of the prior's mode: a face of ITA 0."""
        return torch.zeros(self.count, dtype=self._dtype)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """(count,) coefficients drawn from the prior."""
        return torch.randn(self.count, dtype=self._dtype, generator=generator)

    def negative_log_prior(self, coefficients: Tensor) -> Tensor:
        """() half the squared norm: -log p(coefficients) without its constant."""
        return 0.5 * coefficients.square().sum()

    def pigments(self, coefficients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(V,) melanin and haemoglobin coordinates of `skin_table.log_albedo`, and (V,) optical depth of the hair."""
        overall, by_melanin, by_haemoglobin, by_hair = torch.split(coefficients, list(self._counts))
        tone = 2 * torch.special.ndtr(overall[0]) - 1
        melanin = tone * self._tone + self._melanin_mean + by_melanin @ self._melanin_basis
        haemoglobin = _BLOOD_SD * overall[1] + self._haemoglobin_mean + by_haemoglobin @ self._haemoglobin_basis
        depth = self._hair_prior[:, 0] * torch.exp(self._hair_prior[:, 1] * by_hair)
        return melanin, haemoglobin, depth @ self._hair_maps

    def hair_depth(self, coefficients: Tensor) -> Tensor:
        """(V,) optical depth of the hair."""
        return self.pigments(coefficients)[2]

    def albedo(self, coefficients: Tensor) -> Tensor:
        """(V, 3) linear Rec. 709 diffuse albedo in [0, 1] for (count,) ``coefficients``; differentiable.

        Vertices of other parts have their `part_albedo`.
        """
        melanin, haemoglobin, hair = self.pigments(coefficients)
        logarithm = log_albedo(melanin, haemoglobin, _UNDERTONE_SD * coefficients[2])
        skin = torch.exp(logarithm - hair[:, None] * self._hair_rgb)
        return torch.where(self._is_skin, skin, self._fixed)

    def part(self, vertices: Tensor) -> SkinColour:
        """The same of the chosen ``vertices`` (v,) int64 alone: v stands for V, the coefficients are the same."""
        chosen = copy(self)
        for name in ("_tone", "_melanin_mean", "_haemoglobin_mean", "_is_skin", "_fixed"):
            setattr(chosen, name, getattr(self, name)[vertices])
        for name in ("_melanin_basis", "_haemoglobin_basis", "_hair_maps"):
            setattr(chosen, name, getattr(self, name)[:, vertices])
        return chosen


_kept: list[tuple[weakref.ref[FaceModel], SkinColour]] = []


def skin_colour(model: FaceModel) -> SkinColour:
    """The `SkinColour` of ``model``, kept for the next fit, which most often is of the same model: to make one takes as
    long as a step of the fit.
    """
    for known, skin in _kept:
        if known() is model:
            return skin
    skin = SkinColour(model)
    _kept[:] = [(weakref.ref(model), skin)]
    return skin


def tone_of_ita(ita: float) -> float:
    """The "tone" coefficient of a face whose ITA is about ``ita`` degrees, a first guess, limited to +-64 degrees."""
    share = 0.5 * (1 - np.clip(ita, -64, 64) / ITA_PER_UNIT)
    return float(torch.special.ndtri(torch.tensor(share, dtype=torch.float64)))


class _Field:
    """Mean and scaled basis of one pigment over the head: regions first, then the smooth functions."""

    def __init__(
        self, pigment: str, regions: dict[str, FloatArray], smooth: FloatArray, eigenvalues: FloatArray
    ) -> None:
        priors = [REGIONS[name] for name in regions]
        maps = np.array(list(regions.values())).reshape(len(regions), smooth.shape[1])
        self.mean = np.array([getattr(p, pigment) for p in priors]) @ maps
        deviations = np.array([getattr(p, f"{pigment}_sd") for p in priors])
        scale = _smooth_deviations(eigenvalues, _SMOOTH_SD[pigment])
        self.basis = np.concatenate([deviations[:, None] * maps, scale[:, None] * smooth])
        self.names = (
            *(f"{pigment} {name}" for name in regions),
            *(f"{pigment} smooth {i}" for i in range(_SYMMETRIC)),
            *(f"{pigment} one-sided {i}" for i in range(_ANTISYMMETRIC)),
        )


def _smooth_deviations(eigenvalues: FloatArray, slowest: tuple[float, float]) -> FloatArray:
    """(N,) standard deviations that fall with the frequency, the square root of the eigenvalue."""
    groups = eigenvalues[:_SYMMETRIC], eigenvalues[_SYMMETRIC:]
    return np.concatenate([sd * np.sqrt(g[0] / g) for sd, g in zip(slowest, groups, strict=True)])


def _fixed_albedo(model: FaceModel) -> FloatArray:
    """(V, 3) `part_albedo` at the vertices of the other parts, 0 on the skin."""
    result = np.zeros((model.vertex_count, 3))
    for name in _PARTS:
        result[part_vertices(model, name)] = part_albedo(name)
    return result
