"""Points that a person placed, in the place of those that a detector found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..hints import PhotoHints
from ..reporter import Reporter
from .detector import DetectedFace


def corrected(face: DetectedFace, hints: PhotoHints, width: int, height: int, reporter: Reporter) -> DetectedFace:
    """``face`` in a photo of ``width`` x ``height`` pixels with the points of ``hints`` where the person put them.

    Their depth stays as it was found, and is not believed any more: see `DetectedFace.sureness`. Points of another
    detector than the one that found the face are left out, with a warning.
    """
    if not hints.points:
        return face
    if hints.detector != face.scheme.detector:
        reporter.warn(
            f"The points placed by hand are those of '{hints.detector}' and not of '{face.scheme.detector}';"
            " they are not used."
        )
        return face
    numbers = np.array(sorted(hints.points))
    places = np.array([[hints.points[n].x * width, hints.points[n].y * height] for n in numbers], np.float32)
    points, sureness = face.points.copy(), np.zeros(len(face.points), np.float32)
    points[numbers, :2] = places
    sureness[numbers] = [hints.points[n].sureness for n in numbers]
    return replace(face, points=points, sureness=sureness)
