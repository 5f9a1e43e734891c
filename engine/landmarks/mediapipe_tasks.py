"""MediaPipe's face landmarker from a ``face_landmarker.task`` file, for the wheels that bring no models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SettingsError
from .detector import ByteArray, DetectedFace, FloatArray
from .mediapipe_solutions import MOST_FACES, points_in_pixels
from .quiet import quiet_stderr
from .search import find_faces

WHERE_TO_GET = (
    "Set the engine up again, or download face_landmarker.task from MediaPipe's page 'Face landmark detection guide' and choose "
    "it in the settings."
)
SYSTEM_LIBRARIES = "Install it, on Debian and Ubuntu with the packages libegl1 and libgles2."


class TasksDetector:
    """`LandmarkDetector` on ``mediapipe.tasks.vision.FaceLandmarker``."""

    def __init__(self, model_file: Path) -> None:
        try:
            model = model_file.read_bytes()
        except OSError as error:
            raise SettingsError(f"The landmark model {model_file.name} cannot be read.", WHERE_TO_GET) from error
        with quiet_stderr():
            self._landmarker = _landmarker(model, model_file.name)

    def detect(self, srgb: ByteArray) -> list[DetectedFace]:
        """Every face in an (H, W, 3) 8-bit sRGB picture, the largest first."""
        with quiet_stderr():
            return find_faces(np.ascontiguousarray(srgb), self._points)

    def _points(self, srgb: ByteArray) -> list[FloatArray]:
        import mediapipe

        height, width = srgb.shape[:2]
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(srgb))
        found = self._landmarker.detect(image).face_landmarks
        return [points_in_pixels(face, width, height) for face in found]


def _landmarker(model: bytes, name: str) -> Any:
    """The landmarker in a model file's bytes; MediaPipe takes no path with letters beyond ASCII on Windows."""
    try:
        from mediapipe.tasks.python import BaseOptions, vision

        options = vision.FaceLandmarkerOptions(base_options=BaseOptions(model_asset_buffer=model), num_faces=MOST_FACES)
        return vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise SettingsError(f"{name} is not a face landmarker that MediaPipe can use.", WHERE_TO_GET) from error
    except OSError as error:
        # Its newer versions are linked to libraries that a system without a desktop may lack.
        lacking = str(error).partition(":")[0]
        raise SettingsError(f"MediaPipe lacks a library of the system: {lacking}.", SYSTEM_LIBRARIES) from error
