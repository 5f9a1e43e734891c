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


def srgb_to_linear(encoded: NDArray[Any]) -> FloatArray:
    """Linear values of encoded ones, any shape, float32. Integer arrays are taken as 0..their kind's largest value."""
    array = np.asarray(encoded)
    scale = np.iinfo(array.dtype).max if np.issubdtype(array.dtype, np.integer) else 1
    x = np.maximum(array.astype(np.float32) / np.float32(scale), 0.0)
    power = np.power((np.maximum(x, _ENCODED_KNEE) + _OFFSET) / (1.0 + _OFFSET), _GAMMA)
    return np.asarray(np.where(x <= _ENCODED_KNEE, x / _SLOPE, power), np.float32)
