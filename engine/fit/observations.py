"""What stage 1 sees of one photo: points, and what is known of the lens."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..landmarks.detector import DetectedFace
from ..landmarks.schemes import MEDIAPIPE, Scheme
from ..photos.exif import Lens
from ..photos.reading import Photo
from ..scene.camera import FULL_FRAME_DIAGONAL_MM
from ..settings import Settings

FloatArray = NDArray[np.float32]

# A focal length that a person typed in holds more tightly than the tags of a file.
_GIVEN_LOG_SD = 0.01


@dataclass(frozen=True)
class FaceObservation:
    """The points found in one photo.

    Attributes:
        points: (N, 3) float32, pixels of the photo, see `DetectedFace`.
        spread: (N,) float32, pixels, how uncertain the detector was.
        width, height: of the photo, pixels.
        lens: the focal length where one is known.
        scheme: what the points are.
        sureness: (N,) float32 in [0, 1], see `DetectedFace`; None: no point was placed by hand.
    """

    points: FloatArray
    spread: FloatArray
    width: int
    height: int
    lens: Lens | None = None
    scheme: Scheme = MEDIAPIPE
    sureness: FloatArray | None = None

    @property
    def pixels_per_35mm(self) -> float:
        """Focal length in pixels of one millimetre of 35 mm equivalent focal length, by the diagonal."""
        return math.hypot(self.width, self.height) / FULL_FRAME_DIAGONAL_MM


def observe(photo: Photo, face: DetectedFace, settings: Settings, focal_length_mm: float = 0.0) -> FaceObservation:
    """The observation of a face in a photo.

    The photo's own ``focal_length_mm`` (0: not given) goes before that of the settings, and this before the file's tags.
    """
    given = focal_length_mm or given_focal_mm(settings, photo.width, photo.height)
    lens = Lens(given, _GIVEN_LOG_SD) if given > 0.0 else photo.lens
    return FaceObservation(face.points, face.spread, photo.width, photo.height, lens, face.scheme, face.sureness)


def given_focal_mm(settings: Settings, width: int, height: int) -> float:
    """The focal length that the settings give a photo of ``width`` x ``height`` pixels, 35 mm equivalent over the
    diagonal; 0 where they give none.
    """
    if settings.focal_length_mm > 0.0:
        return settings.focal_length_mm
    return settings.focal_length_ratio * max(width, height) / math.hypot(width, height) * FULL_FRAME_DIAGONAL_MM
