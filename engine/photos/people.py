"""Separates a person from the background, where MediaPipe's wheel brings the model for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..landmarks.quiet import quiet_stderr

FloatArray = NDArray[np.float32]


def person_mask(srgb: NDArray[np.uint8]) -> FloatArray | None:
    """(H, W) in [0, 1], 1 where an (H, W, 3) 8-bit sRGB picture shows a person; None where the model is missing."""
    with quiet_stderr():
        try:
            from mediapipe.python.solutions import selfie_segmentation

            segmenter = selfie_segmentation.SelfieSegmentation(model_selection=0)
        except (ImportError, FileNotFoundError):
            return None
        with segmenter:
            mask = segmenter.process(np.ascontiguousarray(srgb)).segmentation_mask
    return None if mask is None else np.asarray(mask, np.float32)
