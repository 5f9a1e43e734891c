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
BORDER_REACH = 0.12
# Logarithms: the most that a border may change what lies beyond it.
LARGEST_BORDER = 0.3
# What is seen near the border of the face, within these shares of the map's side from it (3 to 9 mm of a face), is compared with
# what goes on from farther inside. What is not seen there is of at least so much of the map's area, which eyes and mouths are
# not. Seen is what has more than this weight.
BORDER, OUTSIDE_AREA, SEEN = (0.01, 0.03), 0.03, 0.35
# Logarithms: from how much darker than that, and up to how much, it is hair's.
FRINGE = (0.08, 0.25)


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
    # A pyramid makes much of the little that is known where nothing else is: only what is well known is continued.
    sure = np.clip(2.0 * weight - 1.0, 0.0, 1.0).astype(np.float32)
    border = np.clip(push_pull(change - mean, sure), -LARGEST_BORDER, LARGEST_BORDER)
    # What is known stays as it is; only what is continued from it is limited and fades.
    known = weight[:, :, None]
    outside = cv2.distanceTransform((weight < 0.5).astype(np.uint8), cv2.DIST_L2, 5) / weight.shape[0]
    fade = np.exp(-outside / BORDER_REACH)[:, :, None]
    return np.asarray(mean + known * (change - mean) + (1.0 - known) * border * fade, np.float32)


def without_fringe(change: FloatImage, own: FloatImage, forehead: FloatImage) -> FloatImage:
    """(S, S) ``own``, how far photos determine a texel, without the dark fringe where skin goes over into hair.

    Strands and their shadows are too thin there to be told from skin one by one; but skin goes on as it is farther inside.

    Args:
        change: (S, S, C) differences from the model; the first three are logarithms of red, green and blue.
        own: (S, S) in [0, 1].
        forehead: (S, S) in [0, 1], where hair hangs down on the face; beards and shaded cheeks may end it elsewhere, and stay.
    """
    level = change[:, :, :3].mean(2, keepdims=True)
    inside = _inside(own)
    expected = continued(level, own * inside)
    first, last = FRINGE
    fringe = np.clip(((expected - level)[:, :, 0] - first) / (last - first), 0.0, 1.0)
    return np.asarray(own * (1.0 - (1.0 - inside) * forehead * fringe), np.float32)


def _inside(seen: FloatImage) -> FloatImage:
    """(S, S) 0 at the border of what is ``seen`` (S, S) of the face, rising to 1 inwards; holes have no such border."""
    _, label, stats, _ = cv2.connectedComponentsWithStats((seen < SEEN).astype(np.uint8), connectivity=4)
    large = stats[:, cv2.CC_STAT_AREA] > OUTSIDE_AREA * seen.size
    large[0] = False
    distance = cv2.distanceTransform((~large[label]).astype(np.uint8), cv2.DIST_L2, 5)
    first, last = BORDER
    share = np.clip((distance / len(seen) - first) / (last - first), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)
