"""The sRGB curve between linear light in Rec. 709 primaries and what an sRGB picture stores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

# IEC 61966-2-1: a straight line near black, a shifted power above.
_SLOPE, _OFFSET, _GAMMA = 12.92, 0.055, 2.4
_LINEAR_KNEE, _ENCODED_KNEE = 0.0031308, 0.04045


def linear_to_srgb(linear: NDArray[Any]) -> FloatArray:
    """Encoded values of linear ones, any shape, float32. Negative values go to 0; values above 1 stay above 1."""
    x = np.maximum(np.asarray(linear, np.float32), 0.0)
    power = (1.0 + _OFFSET) * np.power(np.maximum(x, _LINEAR_KNEE), 1.0 / _GAMMA) - _OFFSET
    return np.asarray(np.where(x <= _LINEAR_KNEE, _SLOPE * x, power), np.float32)


def linear_to_srgb8(linear: NDArray[Any]) -> NDArray[np.uint8]:
    """8-bit sRGB of linear values, any shape; what lies outside of [0, 1] is clipped."""
    return np.asarray(np.round(np.minimum(linear_to_srgb(linear), 1.0) * 255.0), np.uint8)


def srgb_to_linear(encoded: NDArray[Any]) -> FloatArray:
    """Linear values of encoded ones, any shape, float32. uint8 and uint16 are taken over their whole range."""
    array = np.asarray(encoded)
    if array.dtype in (np.uint8, np.uint16):
        # A table over all values is quicker than the power.
        top = np.iinfo(array.dtype).max
        table = _decoded(np.arange(top + 1, dtype=np.float64) / top).astype(np.float32)
        return np.asarray(np.take(table, array))
    return _decoded(array.astype(np.float32)).astype(np.float32)


def _decoded(encoded: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    x = np.maximum(encoded, 0.0)
    power = np.power((np.maximum(x, _ENCODED_KNEE) + _OFFSET) / (1.0 + _OFFSET), _GAMMA)
    return np.where(x <= _ENCODED_KNEE, x / _SLOPE, power)
