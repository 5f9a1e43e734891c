"""Glints: lamps that wet lips and oily skin mirror, taken out of what a photo shows.

The light that stage 2 finds is smooth, and explains no lamp so sharp. Its picture would stay on the diffuse map, as white paint under
any light. Pale spots of the skin are brighter than the skin around them, too, but in the skin's own colours: what a glint adds has
the lamp's (Shafer 1985, "Using color to separate reflection components"). And the map needs no guess of what lies below: the
skin around a glint tells it.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from .stage3 import Texels
from .trust import LUMINANCE, MIRRORING, disc, mirrored, mirroring, misplaced

FloatImage = NDArray[np.float32]
BoolImage = NDArray[np.bool_]

# A glint is narrower than this share of the map's side.
WIDTH = 0.03
# It is one as far as this share of the skin's own radiance, and all of it as far as twice as much, is mirrored light; seen through a blur
# of this share of the side.
LEAST, BLUR = 0.15, 0.003
# Skin between hairs, and between lashes at the lids' rims, is brighter than they are.
BY_REGION: Mapping[str, float] = {"brows": 1.0, "beard": 0.3, "eyelids": 1.0}
_DARK = 1e-4


def without_glints(texels: Texels, regions: Mapping[str, FloatImage], side: float) -> FloatImage:
    """(S, S, 3) the share of what a photo shows that is left without glints: 1 where there is none.

    Args:
        texels: the photo's. regions: the model's soft masks (S, S) of `trust.REGIONS`.
        side: what shares of the map's side are of, see `trust.skin_trust`.
    """
    seen = texels.weight.numpy() > 0.0
    shown = np.maximum(texels.image(texels.colour).numpy(), _DARK)
    body = np.where(seen[:, :, None], texels.image(texels.body).numpy(), 1.0)
    body = np.maximum(body, _DARK)
    around = body * _opened(shown / body, seen, 0.5 * WIDTH * side)
    added = (shown - around) / (around @ LUMINANCE)[:, :, None]
    brighter = np.maximum(added @ LUMINANCE, _DARK)
    # No more than there is: where the skin's colour is nearly the light's, both could be large and of opposite signs.
    mirror = np.clip(_share_of(added, around, texels.image(mirrored(texels)).numpy()), 0.0, brighter)
    # What is seen from the side mirrors all that lies behind it, which is no glint.
    spread = misplaced(regions, side)
    least = LEAST + sum(share * spread[name] for name, share in BY_REGION.items())
    least = least * (1.0 + MIRRORING * mirroring(texels))
    strong = cv2.GaussianBlur(np.asarray(mirror, np.float32), (0, 0), max(0.5, BLUR * side))
    share = np.clip(strong / least - 1.0, 0.0, 1.0) * mirror / brighter
    return np.asarray(1.0 - np.where(seen, share, 0.0)[:, :, None] * (1.0 - around / shown), np.float32)


def _opened(values: FloatImage, seen: BoolImage, radius: float) -> FloatImage:
    """(S, S, 3) ``values`` without what is larger than all around it and narrower than twice ``radius`` texels, among ``seen``."""
    inside, around = seen[:, :, None], disc(radius)
    least = cv2.erode(np.where(inside, values, np.inf).astype(np.float32), around)
    most = cv2.dilate(np.where(inside, least, -np.inf).astype(np.float32), around)
    return np.asarray(np.where(inside, np.minimum(most, values), values), np.float32)


def _share_of(added: FloatImage, skin: FloatImage, light: FloatImage) -> FloatImage:
    """(S, S) luminance of ``light``'s colour in ``added`` (S, S, 3), which is laid out in that colour and in ``skin``'s."""
    both = np.stack([colour / np.maximum(colour @ LUMINANCE, _DARK)[:, :, None] for colour in (skin, light)], 3)
    normal = np.einsum("xyci,xycj->xyij", both, both) + _DARK * np.eye(2)
    parts = np.linalg.solve(normal, np.einsum("xyci,xyc->xyi", both, added)[..., None])
    return np.asarray(parts[:, :, 1, 0], np.float32)
