"""MediaPipe's face mesh from the wheels that bring its models (up to 0.10.21)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .detector import ByteArray, DetectedFace, FloatArray
from .quiet import quiet_stderr
from .search import find_faces

MOST_FACES = 10


class SolutionsDetector:
    """`LandmarkDetector` on ``mediapipe.solutions.face_mesh``. Keep one: making it takes longer than using it."""

    def __init__(self) -> None:
        with quiet_stderr():
            from mediapipe.python.solutions import face_mesh

            self._mesh: Any = face_mesh.FaceMesh(
                static_image_mode=True, refine_landmarks=True, max_num_faces=MOST_FACES, min_detection_confidence=0.5
            )
            # The graph starts in threads of its own and still talks after it was made; a first picture waits for it.
            self._mesh.process(np.zeros((64, 64, 3), np.uint8))

    def detect(self, srgb: ByteArray) -> list[DetectedFace]:
        """Every face in an (H, W, 3) 8-bit sRGB picture, the largest first."""
        with quiet_stderr():
            return find_faces(np.ascontiguousarray(srgb), self._points)

    def _points(self, srgb: ByteArray) -> list[FloatArray]:
        height, width = srgb.shape[:2]
        found = self._mesh.process(srgb).multi_face_landmarks or []
        return [points_in_pixels(face.landmark, width, height) for face in found]


def points_in_pixels(landmarks: Any, width: int, height: int) -> FloatArray:
    """(478, 3) pixels of MediaPipe's normalised points, whose depth has the scale of x."""
    raw = np.array([(point.x, point.y, point.z) for point in landmarks], np.float32)
    return np.asarray(raw * np.array([width, height, width], np.float32))
