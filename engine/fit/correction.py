"""What transfer leaves out, taken from a path-traced picture: light that skin throws on skin, and light beyond the
bands.

The head is rendered with the maps found so far; where the render is a little darker or lighter than a photo over
whole regions, the diffuse map is scaled accordingly. Only slow changes are taken over, so noise and misplaced edges are
not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ..faces.model import FaceModel
from .atlas import make_atlas
from .blending import TONE, shares
from .fill import push_pull, smooth
from .map_view import MapView
from .maps import FinishedMaps, MapProblem
from .photometric import View, sample_image

FloatImage = NDArray[np.float32]

CORRECTION_SIZE = 256
# Blur in texels of the correction's map, and the largest change of the logarithm.
BLUR = 3.0
LARGEST = 0.35
DARK = 0.01


@dataclass(frozen=True)
class Rendered:
    """A photo and what is rendered of it: ``picture`` (H, W, 3) linear, of ``view``'s camera."""

    view: View
    picture: FloatImage


def corrected(maps: FinishedMaps, problem: MapProblem, rendered: Sequence[Rendered]) -> FinishedMaps:
    """``maps`` with the diffuse one scaled so that the renders, one for each of the problem's photos, come nearer to
    the photos.
    """
    sights = [_in_texels(view, photo) for view, photo in zip(problem.views, rendered, strict=True)]
    parts = shares([sight.standing for sight in sights])
    change = np.sum([part[:, :, None] * sight.change for part, sight in zip(parts, sights, strict=True)], 0)
    # Hair hangs over foreheads: where the map is not the photos' there, they are not believed here either.
    own = cv2.resize(maps.coverage[:, :, 0], (CORRECTION_SIZE, CORRECTION_SIZE), interpolation=cv2.INTER_AREA)
    forehead = problem.forehead(make_atlas(problem.model, CORRECTION_SIZE))
    weight = np.max([sight.weight for sight in sights], 0) * (1.0 - forehead * (1.0 - own))
    slow = push_pull(smooth(change, weight, BLUR), np.clip(weight * 4.0, 0.0, 1.0))
    size = maps.diffuse.shape[0]
    factor = np.exp(cv2.resize(slow, (size, size), interpolation=cv2.INTER_LINEAR))
    skin = make_skin_mask(problem.model, size)[:, :, None]
    diffuse = np.clip(maps.diffuse * (factor * skin + 1.0 - skin), 0.0, 1.0).astype(np.float32)
    return replace(maps, diffuse=diffuse)


def make_skin_mask(model: FaceModel, size: int) -> FloatImage:
    """(size, size): 0 on the islands of eyes, teeth, tongue and mouth, 1 elsewhere."""
    atlas = make_atlas(model, min(size, 2 * CORRECTION_SIZE))
    mask = np.ones((atlas.size, atlas.size), np.float32)
    other = ~atlas.is_part("skin")
    mask[atlas.rows[other], atlas.columns[other]] = 0.0
    return np.asarray(cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST), np.float32)


@dataclass(frozen=True)
class _Sight:
    """One photo's ``change`` (S, S, 3) of the atlas, its ``weight`` (S, S) and what it counts against others."""

    change: FloatImage
    weight: FloatImage
    standing: FloatImage


def _in_texels(view: MapView, rendered: Rendered) -> _Sight:
    """Logarithm of photo over render at the atlas's texels; glints, which the render has not, are none of the photo's."""
    photo = rendered.view
    seen = view.look(make_atlas(view.model, CORRECTION_SIZE))
    points = seen.atlas.interpolate(view.model, view.vertices)
    pixel = torch.from_numpy(photo.camera.project(points).astype(np.float32))
    both = torch.from_numpy(np.concatenate([photo.image, np.maximum(rendered.picture, 0.0)], 2))
    shown, found = np.split(sample_image(both, pixel).numpy(), 2, 1)
    ratio = np.log((shown * seen.atlas.sample(view.dimming) + DARK) / (found + DARK))
    change = seen.atlas.image(np.clip(ratio, -LARGEST, LARGEST).astype(np.float32))
    skin = replace(seen, weight=np.where(seen.atlas.is_part("skin"), seen.weight, 0.0).astype(np.float32))
    return _Sight(change, skin.weight_image(), skin.standing(TONE))
