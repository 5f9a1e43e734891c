"""Separates a person from the background, where MediaPipe's wheel brings the model for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..landmarks.quiet import quiet_stderr

FloatArray = NDArray[np.float32]

# Of a face, at least so much is a person: 0.99 and more in photos in which one was seen at all, none in an old press photo in which
# none was.
LEAST_OF_FACE = 0.5


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


def believed(person: FloatArray | None, face: NDArray[np.bool_]) -> FloatArray | None:
    """``person`` (H, W) of `person_mask`; None where it leaves out most of a ``face`` (H, W) that a detector found there."""
    if person is None or not face.any() or (person[face] > 0.5).mean() < LEAST_OF_FACE:
        return None
    return person
