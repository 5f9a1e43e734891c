"""What all photos say of the texels, at the fitted size and at smaller ones: what stage 3 starts from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..faces.model import FaceModel
from .blending import DETAIL, TONE, levelling, resized, shares
from .fill import pad
from .lit_picture import resized_lit
from .map_view import SeenAtlas
from .shading import Lit, joined
from .stage3 import COARSEST, Maps, Texels, explaining_change

FloatImage = NDArray[np.float32]

LEAST_WEIGHT = 0.02


class PhotoPyramid:
    """What one photo shows at the fitted size and, averaged, at smaller ones."""

    def __init__(self, seen: SeenAtlas, shading: Lit) -> None:
        self.colour = seen.atlas.image(seen.colour)
        self.weight = seen.weight_image()
        self.standings = {band: seen.standing(band) for band in (TONE, DETAIL)}
        self.shading = shading

    def weight_at(self, size: int) -> FloatImage:
        """(size, size) trust in what the photo shows."""
        return resized(self.weight, size)

    def colour_at(self, size: int) -> FloatImage:
        """(size, size, 3) what it shows, each texel by its weight."""
        mass = np.maximum(self.weight_at(size), 1e-6)[:, :, None]
        return np.asarray(resized(self.colour * self.weight[:, :, None], size) / mass, np.float32)


class TexelPyramid:
    """What is known of the texels at the fitted size and, averaged, at smaller ones, from all photos."""

    def __init__(
        self, model: FaceModel, reflectance: NDArray[np.float32], seen: Sequence[SeenAtlas], shading: Sequence[Lit]
    ) -> None:
        """``reflectance`` (V, 5): stage 2's diffuse albedo, specular level and roughness; ``seen``, ``shading``: of each
        photo.
        """
        atlas = seen[0].atlas
        self.base = pad(atlas.image(atlas.interpolate(model, reflectance)), atlas.known)
        self.skin = atlas.image(atlas.is_part("skin").astype(np.float32)[:, None])[:, :, 0]
        self.photos = [PhotoPyramid(photo, lit) for photo, lit in zip(seen, shading, strict=True)]
        if len(self.photos) > 1:
            self._level(min(COARSEST, atlas.size))

    def _level(self, size: int) -> None:
        """Give all photos one tone where they overlap: each one's light was found for itself."""
        alone = [self._texels([photo], size) for photo in self.photos]
        unchanged = Maps(torch.zeros(5, size, size))
        gains = levelling(
            [explaining_change(unchanged, texels).permute(1, 2, 0).numpy() for texels in alone],
            [texels.weight.numpy() for texels in alone],
            [
                resized(photo.standings[TONE], size) * (t.weight.numpy() > 0.0)
                for photo, t in zip(self.photos, alone, strict=True)
            ],
        )
        for photo, gain in zip(self.photos, gains, strict=True):
            photo.colour *= resized(gain, len(photo.colour))

    def at(self, size: int) -> Texels:
        """Everything at ``size`` texels."""
        return self._texels(self.photos, size)

    def _texels(self, photos: list[PhotoPyramid], size: int) -> Texels:
        base = resized(self.base, size)
        skin = (resized(self.skin, size) > 0.5).astype(np.float32)
        weights = [_trusted(photo.weight_at(size) * skin) for photo in photos]
        parts = shares([resized(p.standings[DETAIL], size) * (w > 0.0) for p, w in zip(photos, weights, strict=True)])
        places = [torch.from_numpy(np.flatnonzero(weight)) for weight in weights]
        sights = list(zip(photos, places, strict=True))
        return Texels(
            weight=torch.from_numpy(np.max(weights, 0)),
            seen=torch.cat(places),
            colour=torch.cat([torch.from_numpy(p.colour_at(size).reshape(-1, 3))[seen] for p, seen in sights]),
            lit=joined([resized_lit(p.shading, size).at(seen) for p, seen in sights]),
            share=torch.cat([torch.from_numpy(part.reshape(-1))[s] for part, s in zip(parts, places, strict=True)]),
            diffuse=torch.from_numpy(base[:, :, :3].copy()),
            specular=torch.from_numpy(base[:, :, 3].copy()),
            roughness=torch.from_numpy(base[:, :, 4].copy()),
            skin=torch.from_numpy(skin),
        )


def _trusted(weight: FloatImage) -> FloatImage:
    """``weight`` where it is worth the work, else 0."""
    return np.where(weight > LEAST_WEIGHT, weight, 0.0).astype(np.float32)
