"""MediaPipe's points on a face model's mean head, found with the detector that is installed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..landmarks.choose import choose_detector
from ..settings import Settings
from .embedding import FACE_OVAL, POINTS, embed_points
from .model import LandmarkEmbedding


def embed_mediapipe(
    mean: NDArray[np.float32],
    triangles: NDArray[np.int32],
    skin: NDArray[np.bool_],
    colour: NDArray[np.float64],
    settings: Settings,
    height_mm: float | None = None,
) -> LandmarkEmbedding:
    """`embed_points` of MediaPipe's 468, whichever detector ``settings`` ask for.

    Raises:
        FaceModelError: no face is found in the renders. SettingsError: MediaPipe is not there.
    """
    detector = choose_detector(replace(settings, landmark_detector="mediapipe"))

    def detect(picture: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        faces = detector.detect(picture)
        return faces[0].points[:POINTS] if faces else None

    return embed_points(mean, triangles, skin, colour, detect, FACE_OVAL, height_mm)
