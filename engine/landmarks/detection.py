"""What a photo tells before any fit: its size, its lens, and where the face's points are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import PhotoError
from ..photos.reading import Photo, read_photo
from ..protocol import PhotoSeen
from ..reporter import Reporter
from ..settings import Settings
from .choose import choose_detector
from .detector import DetectedFace, largest_face


def look_at(path: Path, settings: Settings, reporter: Reporter) -> PhotoSeen:
    """Size, focal length and points of the photo at ``path``; the reason in words where it shows no face of use.

    Raises:
        PhotoError: the file cannot be read.
        SettingsError: the detector cannot be used.
    """
    photo = read_photo(path, reporter)
    reporter.check()
    faces = choose_detector(settings, reporter).detect(photo.srgb8)
    try:
        return _seen(photo, settings, largest_face(faces, photo.name, reporter), "", "")
    except PhotoError as error:
        return _seen(photo, settings, None, error.message, error.remedy)


def _seen(photo: Photo, settings: Settings, face: DetectedFace | None, message: str, remedy: str) -> PhotoSeen:
    """In pixels of the file, however small a huge one was read."""
    found = np.zeros((0, 2)) if face is None else face.points[: face.scheme.seen, :2].astype(np.float64)
    return PhotoSeen(
        width=photo.width * photo.reduction,
        height=photo.height * photo.reduction,
        focal_35mm=round(photo.focal_35mm or 0.0, 3),
        orientation=photo.orientation,
        detector=settings.landmark_detector,
        points=np.round(np.ravel(found * photo.reduction), 2).tolist(),
        message=message,
        remedy=remedy,
    )
