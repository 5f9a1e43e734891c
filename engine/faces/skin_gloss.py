"""The bundled head's prior for how skin shines: specular level and roughness of the Principled BSDF."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .model import FaceModel
from .smooth_functions import part_vertices

FloatArray = NDArray[np.float64]

# F0 = 0.08 * level in the Principled BSDF; skin's index 1.4 has F0 = ((1.4 - 1) / (1.4 + 1))^2 = 0.0278.
SKIN_LEVEL = 0.0278 / 0.08
# Slope deviation m = 0.3 for faces on average (d'Eon and Luebke 2007, GPU Gems 3, chapter 14, from Weyrich et al.'s
# measurements), a little oilier here, since a face in a photo is seldom powdered: alpha = m = roughness^2.
SKIN_ROUGHNESS = 0.5
_LEVEL_SD, _ROUGHNESS_SD = 0.07, 0.08

# Region -> (specular level, roughness) added to the skin's. The order is that of Weyrich et al. 2006, "Analysis of
# human faces using a measurement-based skin reflectance model": nose, forehead and lips are glossier than cheeks.
OFFSETS: dict[str, tuple[float, float]] = {
    "nose": (0.05, -0.08),
    "forehead": (0.03, -0.05),
    "lips": (0.05, -0.12),
    "eyelids": (0.02, -0.04),
    "cheeks": (0.0, 0.02),
    "beard": (-0.03, 0.03),
    "brows": (-0.08, 0.06),
    "neck": (-0.03, 0.05),
    "ears": (-0.02, 0.03),
}
# Part -> (specular level, roughness): wet surfaces are smooth, and water's index 1.33 has level 0.25.
PARTS: dict[str, tuple[float, float]] = {
    "mouth": (0.35, 0.25),
    "eye_left": (0.3, 0.06),
    "eye_right": (0.3, 0.06),
    "teeth_upper": (0.5, 0.15),
    "teeth_lower": (0.5, 0.15),
    "tongue": (0.35, 0.3),
}


@dataclass(frozen=True)
class SpecularPrior:
    """Normal priors per vertex of the Principled BSDF's "Specular IOR Level" and "Roughness", all (V,), in [0, 1]."""

    level_mean: FloatArray
    level_sd: FloatArray
    roughness_mean: FloatArray
    roughness_sd: FloatArray

    def part(self, vertices: NDArray[np.int64]) -> SpecularPrior:
        """The same of the chosen ``vertices`` (v,) alone."""
        return SpecularPrior(*(values[vertices] for values in vars(self).values()))


def specular_prior(model: FaceModel) -> SpecularPrior:
    """The prior for ``model``: skin with the offsets of its regions; parts that are not skin are known closely."""
    level = np.full(model.vertex_count, SKIN_LEVEL)
    roughness = np.full(model.vertex_count, SKIN_ROUGHNESS)
    for name, (by_level, by_roughness) in OFFSETS.items():
        if name in model.regions:
            level += by_level * model.regions[name]
            roughness += by_roughness * model.regions[name]
    skin = part_vertices(model, "skin")
    for name, (part_level, part_roughness) in PARTS.items():
        inside = part_vertices(model, name) & ~skin
        level[inside], roughness[inside] = part_level, part_roughness
    level_sd, roughness_sd = np.where(skin, _LEVEL_SD, 0.02), np.where(skin, _ROUGHNESS_SD, 0.02)
    return SpecularPrior(np.clip(level, 0, 1), level_sd, np.clip(roughness, 0.05, 1), roughness_sd)
