"""A detector's habits: where it puts its points beside their true places, by the direction in which the head looks.

MediaPipe was trained on other faces than any model here, and draws a head that looks aside as if it looked aside less. The
mean of these errors was learned from renders of the face model with known truth (tools/calibrate_landmarks.py) and is taken off
what the detector says.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DATA = Path(__file__).parent.parent / "faces" / "data"
# An embedding whose points have moved by more than this, on average, is another one.
_MOVED_MM = 0.3


@dataclass(frozen=True)
class Habits:
    """Mean errors of a detector's points on one face model.

    Attributes:
        index: (L,) int32, the points' numbers in the detector's list.
        terms: (6, L, 3) errors as polynomials in the head's direction, see `direction_terms`: x to the right, y down, depth;
            in units of the face's height, in the picture turned so that the head is upright.
        places: (L, 3) mm, where the points lay on the mean head when this was learned.
    """

    index: NDArray[np.int32]
    terms: Floats
    places: Floats

    def suit(self, index: NDArray[np.int32], places: Floats) -> bool:
        """Whether these were learned for points ``index`` at ``places`` (L, 3) mm of the mean head."""
        if not np.array_equal(index, self.index):
            return False
        return float(np.linalg.norm(places - self.places, axis=1).mean()) < _MOVED_MM

    def errors(self, rotation: Floats, height: float) -> Floats:
        """(L, 3) pixels and depth by which the points of a head of ``height`` pixels err, in the picture as it is."""
        roll, terms = direction_terms(rotation)
        upright: Floats = np.tensordot(terms, self.terms, 1)
        return np.asarray(np.concatenate([turned(upright[:, :2], roll), upright[:, 2:]], 1) * height)


def direction_terms(rotation: Floats) -> tuple[float, Floats]:
    """The head's roll in the picture, radians clockwise, and ``(1, a, b, a^2, b^2, a b)``.

    ``a``, ``b`` are the parts to the right and up of the unit vector out of the face, seen by the camera with the roll undone.
    ``rotation`` takes the head's frame into the camera's.
    """
    up, out = rotation[:, 1], rotation[:, 2]
    roll = float(np.arctan2(up[0], up[1]))
    cosine, sine = np.cos(roll), np.sin(roll)
    a, b = out[0] * cosine - out[1] * sine, out[0] * sine + out[1] * cosine
    return roll, np.array([1.0, a, b, a * a, b * b, a * b])


def turned(offsets: Floats, angle: float) -> Floats:
    """(N, 2) offsets of a picture (y down) turned clockwise by ``angle`` radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray(offsets @ np.array([[cosine, sine], [-sine, cosine]]))


@cache
def load_habits(model: str, detector: str) -> Habits | None:
    """What was learned of a detector on a face model; None where nothing was."""
    path = DATA / f"habits_{model}_{detector}.npz"
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as data:
        return Habits(data["index"], data["terms"].astype(np.float64), data["places"].astype(np.float64))
