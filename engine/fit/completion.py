"""Completes maps where no photo shows skin: from the mirror side, and where that is not seen either, from the model.

Maps are given as changes of stage 2's, so "from the model" is a change that goes back to the face's mean.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .fill import push_pull

FloatImage = NDArray[np.float32]

# How far the border of what is known reaches into what is not, as a share of the map's side.
BORDER_REACH = 0.04
# Logarithms: the most that a border may change what lies beyond it.
LARGEST_BORDER = 0.3


def source_shares(own: FloatImage, skin: FloatImage) -> FloatImage:
    """(S, S, 3) how much of a texel comes from the photos, from the mirror side, and from the model; they sum to 1.

    ``own`` (S, S) in [0, 1]: how far photos determine a texel; ``skin`` (S, S): 1 on skin, 0 elsewhere. The layout
    is symmetric about u = 0.5.
    """
    photo = own * skin
    mirrored = (1.0 - photo) * np.flip(photo, 1) * skin
    return np.asarray(np.stack([photo, mirrored, 1.0 - photo - mirrored], 2), np.float32)


def completed(change: FloatImage, shares: FloatImage) -> FloatImage:
    """(S, S, C) ``change`` where photos give it, else its mirror image or what the borders go on to.

    What is copied from the mirror side is shifted so that it meets its new surroundings without a step: the difference
    of the two sides, known along the border, is continued by a membrane, as in "Poisson Image Editing" (Perez et al.
    2003) with a membrane instead of a guidance field.

    Args:
        change: differences from the model, logarithms.
        shares: (S, S, 3) of `source_shares`.
    """
    photo, mirrored = shares[:, :, 0], shares[:, :, 1]
    other = np.flip(change, 1)
    both = photo * np.flip(photo, 1)
    offset = push_pull(change - other, both)
    copied = other + np.clip(offset, -LARGEST_BORDER, LARGEST_BORDER)
    known = photo + mirrored
    mixed = (photo[:, :, None] * change + mirrored[:, :, None] * copied) / np.maximum(known, 1e-6)[:, :, None]
    return continued(mixed, known)


def continued(change: FloatImage, weight: FloatImage) -> FloatImage:
    """(S, S, C) ``change`` where ``weight`` (S, S) is 1; beyond, its border's values that fade into the mean change."""
    mean = np.average(change, axis=(0, 1), weights=np.maximum(weight, 1e-6)[:, :, None].repeat(change.shape[2], 2))
    border = np.clip(push_pull(change - mean, weight), -LARGEST_BORDER, LARGEST_BORDER)
    # What is known stays as it is; only what is continued from it is limited and fades.
    known = weight[:, :, None]
    outside = cv2.distanceTransform((weight < 0.5).astype(np.uint8), cv2.DIST_L2, 5) / weight.shape[0]
    fade = np.exp(-outside / BORDER_REACH)[:, :, None]
    return np.asarray(mean + known * (change - mean) + (1.0 - known) * border * fade, np.float32)
