"""Filling what a photo does not show: smooth extrapolation by pyramids."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]

RELAXATIONS = 12
_NEIGHBOURS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4.0


def push_pull(values: FloatImage, weight: FloatImage) -> FloatImage:
    """(H, W, C) ``values`` where ``weight`` (H, W) in [0, 1] is 1, continued smoothly where it is less.

    Gortler et al., "The Lumigraph" (1996), section 3.4.2: averages over ever coarser pixels, then the gaps filled from
    the coarser levels downwards. At each level the gaps are relaxed towards a membrane (Laplace's equation), which
    joins what is known without a step. Sides need not be powers of two. With no weight anywhere the result is 0.
    """
    height, width = weight.shape
    if max(height, width) <= 2:
        total = float(weight.sum())
        mean = (values * weight[:, :, None]).sum((0, 1)) / total if total > 0 else np.zeros(values.shape[2], np.float32)
        gap = (1.0 - weight)[:, :, None]
        return np.asarray(values * weight[:, :, None] + mean * gap, np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    mass = shrink(weight, half)
    moment = shrink(values * weight[:, :, None], half)
    coarse_values = moment / np.maximum(mass, 1e-6)[:, :, None]
    coarse = push_pull(coarse_values, np.minimum(1.0, 4.0 * mass).astype(np.float32))
    filled = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).reshape(values.shape)
    share = np.clip(weight, 0.0, 1.0)[:, :, None]
    known = values * share
    filled = known + filled * (1.0 - share)
    for _ in range(RELAXATIONS):
        around = cv2.filter2D(filled, -1, _NEIGHBOURS, borderType=cv2.BORDER_REPLICATE).reshape(values.shape)
        filled = known + around * (1.0 - share)
    return np.asarray(filled, np.float32)


def shrink(image: FloatImage, size: tuple[int, int]) -> FloatImage:
    """(h, w, ...) of (H, W, ...) by averages over areas; ``size`` is (w, h)."""
    # OpenCV's area filter takes up to four channels at once for most sizes.
    channels = image.reshape(*image.shape[:2], -1)
    parts = [channels[:, :, first : first + 4] for first in range(0, channels.shape[2], 4)]
    small = [cv2.resize(part, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1) for part in parts]
    return np.asarray(np.concatenate(small, 2).reshape(size[1], size[0], *image.shape[2:]), np.float32)


def smooth(values: FloatImage, weight: FloatImage, deviation: float) -> FloatImage:
    """(H, W, C) ``values`` blurred by a Gaussian of ``deviation`` pixels, each pixel counting by ``weight`` (H, W); 0
    without any.
    """
    mass = cv2.GaussianBlur(weight, (0, 0), deviation)
    moment = cv2.GaussianBlur(values * weight[:, :, None], (0, 0), deviation).reshape(values.shape)
    return np.asarray(moment / np.maximum(mass, 1e-6)[:, :, None], np.float32)


def pad(values: FloatImage, known: NDArray[np.bool_]) -> FloatImage:
    """(H, W, C) ``values`` with every pixel that is not ``known`` (H, W) given its nearest known one: no seam when
    filtered.
    """
    if known.all() or not known.any():
        return values
    from scipy.ndimage import distance_transform_edt

    rows, columns = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(values[rows, columns], np.float32)
