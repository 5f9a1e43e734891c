"""What a landmark detector gives, whichever one is installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import PhotoError
from ..reporter import Reporter
from .schemes import MEDIAPIPE, Scheme

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]

# Below this the points say little: an eye is then about six pixels wide.
SMALLEST_FACE_PX = 40.0


@dataclass(frozen=True)
class DetectedFace:
    """One face in a picture.

    Attributes:
        points: (N, 3) float32, pixels of the picture: x to the right, y down from the top left corner (pixel
            centres at +0.5), z depth in the same pixels about the head's centre, smaller towards the camera; 0 where
            the scheme has no depth.
        spread: (N,) float32, pixels: how far each point moved, root mean square, between several looks at the face.
        scheme: what the points are.
        sureness: (N,) float32 in [0, 1]: 1 where a person placed the point, 0 where it was detected; None: all were.
    """

    points: FloatArray
    spread: FloatArray
    scheme: Scheme = MEDIAPIPE
    sureness: FloatArray | None = None

    @property
    def height(self) -> float:
        """Distance in pixels from the chin to the top of the forehead, in the plane of the picture."""
        return float(np.linalg.norm(self.points[self.scheme.forehead_top, :2] - self.points[self.scheme.chin, :2]))

    @property
    def placed(self) -> int:
        """How many points a person moved, those that followed another one too."""
        return 0 if self.sureness is None else int(np.count_nonzero(self.sureness))

    @property
    def size(self) -> float:
        """Longer side in pixels of the box around the points; unlike the height it stays large in a bowed head."""
        low, high = self.box
        return float(np.max(high - low))

    @property
    def box(self) -> tuple[FloatArray, FloatArray]:
        """The (2,) low and high corners of the box around the points, pixels."""
        return self.points[:, :2].min(0), self.points[:, :2].max(0)


class LandmarkDetector(Protocol):
    """Finds faces and their points."""

    def detect(self, srgb: ByteArray) -> list[DetectedFace]:
        """Every face in an (H, W, 3) 8-bit sRGB picture, the largest first; an empty list where there is none."""


def largest_face(faces: list[DetectedFace], name: str, reporter: Reporter) -> DetectedFace:
    """The largest of the faces found in the photo ``name``; warns where there are several.

    Raises:
        PhotoError: there is no face, or the largest is too small to be fitted.
    """
    if not faces:
        raise PhotoError(
            f"No face was found in {name}.", "Choose a photo that shows a face from the front or from a little aside."
        )
    face = max(faces, key=lambda item: item.size)
    if face.size < SMALLEST_FACE_PX:
        raise PhotoError(
            f"The face in {name} is only {face.size:.0f} pixels large.",
            f"Choose a photo in which it has at least {SMALLEST_FACE_PX:.0f} pixels, better 500.",
        )
    if len(faces) > 1:
        reporter.warn(f"{name} shows {len(faces)} faces; the largest is used.")
    return face
