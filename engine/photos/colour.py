"""The sRGB transfer function of IEC 61966-2-1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def srgb_to_linear(encoded: NDArray[Any]) -> FloatArray:
    """Linear Rec. 709 in [0, 1] of sRGB values: uint8 or uint16 over their whole range, or float in [0, 1]."""
    if encoded.dtype in (np.uint8, np.uint16):
        # A table over all values is quicker than the power.
        table = _decode(np.arange(np.iinfo(encoded.dtype).max + 1, dtype=np.float64) / np.iinfo(encoded.dtype).max)
        return np.asarray(np.take(table.astype(np.float32), encoded))
    return _decode(encoded.astype(np.float32)).astype(np.float32)


def linear_to_srgb(linear: NDArray[np.floating[Any]]) -> FloatArray:
    """sRGB values in [0, 1] of linear Rec. 709; what lies outside of [0, 1] is clipped."""
    clipped = np.clip(linear, 0.0, 1.0).astype(np.float32)
    return np.where(
        clipped <= 0.0031308, 12.92 * clipped, 1.055 * np.maximum(clipped, 1e-8) ** (1 / 2.4) - 0.055
    ).astype(np.float32)


def linear_to_srgb8(linear: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """8-bit sRGB of linear Rec. 709."""
    return np.asarray(np.round(linear_to_srgb(linear) * 255.0), np.uint8)


def _decode(encoded: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((np.maximum(encoded, 0.0) + 0.055) / 1.055) ** 2.4)
