"""Robust losses for least squares with weights (IRLS)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def huber_weight(distance: Floats, knee: float) -> Floats:
    """Weights of squared residuals of length ``distance`` (in standard deviations) for Huber's loss with this knee."""
    return np.asarray(knee / np.maximum(distance, knee))


def huber_loss(distance: Floats, knee: float) -> Floats:
    """Huber's loss, scaled to be ``distance**2`` below the knee: ``2 k d - k^2`` above (Huber 1964)."""
    return np.where(distance <= knee, distance**2, 2.0 * knee * distance - knee**2)
