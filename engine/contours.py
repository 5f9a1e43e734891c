"""The lines that an artist knows a face by, through each detector's points. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .landmarks.ibug import JAW
from .landmarks.schemes import MEDIAPIPE, Ring


@dataclass(frozen=True)
class Contour:
    """A line through points; ``closed`` ones come back to where they begin. Right and left are the person's."""

    name: str
    points: Ring
    closed: bool = True


# Rings from mediapipe/python/solutions/face_mesh_connections.py, put in order; the nose by the canonical face model.
_OF_MEDIAPIPE = (
    Contour("Face Oval", MEDIAPIPE.oval),
    Contour("Right Brow", (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)),
    Contour("Left Brow", (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)),
    Contour("Right Eye", MEDIAPIPE.right_eye),
    Contour("Left Eye", MEDIAPIPE.left_eye),
    *(
        Contour(f"{side} Iris", iris.edge)
        for side, iris in zip(("Right", "Left"), MEDIAPIPE.irises, strict=True)
    ),
    Contour("Bridge of the Nose", (168, 6, 197, 195, 5, 4, 1, 19, 94, 2), closed=False),
    Contour("Nostrils", (129, 98, 97, 2, 326, 327, 358), closed=False),
    Contour(
        "Lips",
        (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
    ),
    Contour("Mouth", MEDIAPIPE.inner_lips),
)  # fmt: skip


def _run(first: int, last: int) -> Ring:
    return tuple(range(first, last + 1))


_OF_FAN = (
    Contour("Jaw", JAW, closed=False),
    Contour("Right Brow", _run(17, 21), closed=False),
    Contour("Left Brow", _run(22, 26), closed=False),
    Contour("Bridge of the Nose", _run(27, 30), closed=False),
    Contour("Nostrils", _run(31, 35), closed=False),
    Contour("Right Eye", _run(36, 41)),
    Contour("Left Eye", _run(42, 47)),
    Contour("Lips", _run(48, 59)),
    Contour("Mouth", _run(60, 67)),
)
CONTOURS: Mapping[str, tuple[Contour, ...]] = {"mediapipe": _OF_MEDIAPIPE, "fan": _OF_FAN}
