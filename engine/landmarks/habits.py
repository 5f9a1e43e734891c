"""A detector's habits: what it says of a head whose points are known.

MediaPipe was trained on other faces than any model here. It draws a head that looks aside as if it looked aside less, and a face
that is unlike the mean as if it were half as unlike it: along most identity modes its points move half as far as the true ones, and
their depth hardly at all. Both were learned from renders of the face model with known truth (tools/calibrate_landmarks.py), so
that a fit can ask which head the detector would draw like this, instead of believing its points.
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
# Photos show more of a face than the renders that the gains were learned from, so the detector shrinks it less.
_GAIN_TRUST = 0.5
# Nearness of a head, 100 mm over its distance, about which its terms are told: a portrait's at one metre.
_USUAL_NEARNESS = 0.1


@dataclass(frozen=True)
class Errors:
    """What a detector errs by in one pose, on average: ``mean + by_coefficients @ c``.

    Attributes:
        mean: (L, 3) pixels, x to the right, y down, and depth.
        by_coefficients: (L, 3, K + E) per unit of the identity and expression coefficients ``c``.
    """

    mean: Floats
    by_coefficients: Floats

    def of_shares(self, shares: Floats) -> Errors:
        """The errors times each point's share (L,): 0 for one that was not detected."""
        return Errors(shares[:, None] * self.mean, shares[:, None, None] * self.by_coefficients)


@dataclass(frozen=True)
class Habits:
    """What a detector errs by on one face model.

    Lengths are in units of the face's height, x to the right, y down and depth, in the picture turned so that the head is
    upright.

    Attributes:
        index: (L,) int32, the points' numbers in the detector's list.
        places: (L, 3) mm, where the points lay on the mean head when this was learned.
        terms: (D, L, 3) mean errors by the head's direction and nearness, see `pose_terms`.
        gains: (K + E, L, 3) what each coefficient adds, seen from the front.
        turning: (2, M, L, 3) what the first M coefficients add more per unit of both parts of the direction.
    """

    index: NDArray[np.int32]
    places: Floats
    terms: Floats
    gains: Floats
    turning: Floats

    def suit(self, index: NDArray[np.int32], places: Floats) -> bool:
        """Whether these were learned for points ``index`` at ``places`` (L, 3) mm of the mean head."""
        if not np.array_equal(index, self.index):
            return False
        return float(np.linalg.norm(places - self.places, axis=1).mean()) < _MOVED_MM

    def errors(self, rotation: Floats, distance: float, height: float) -> Errors:
        """The errors on a head of ``height`` pixels at ``distance`` mm, in the picture as it is."""
        roll, terms = pose_terms(rotation, distance)
        gains = self.gains.copy()
        gains[: self.turning.shape[1]] += np.tensordot(terms[1:3], self.turning, 1)
        upright = np.concatenate([np.tensordot(terms, self.terms, 1)[None], _GAIN_TRUST * gains])
        moved = height * np.concatenate([turned(upright[..., :2], roll), upright[..., 2:]], -1)
        columns = np.moveaxis(moved, 0, -1)
        return Errors(columns[..., 0], columns[..., 1:])


def pose_terms(rotation: Floats, distance: float) -> tuple[float, Floats]:
    """The head's roll in the picture, radians clockwise, and the terms that mean errors are told in.

    These are ``(1, a, b, a^2, b^2, ab, a^3, b^3, a^2 b, a b^2, n)``: ``a``, ``b`` the parts to the right and up of the unit
    vector out of the face, seen by the camera with the roll undone; ``n`` the nearness of the head.
    ``rotation`` takes the head's frame into the camera's; ``distance`` is in mm.
    """
    up, out = rotation[:, 1], rotation[:, 2]
    roll = float(np.arctan2(up[0], up[1]))
    cosine, sine = np.cos(roll), np.sin(roll)
    a, b = out[0] * cosine - out[1] * sine, out[0] * sine + out[1] * cosine
    near = 100.0 / distance - _USUAL_NEARNESS
    return roll, np.array([1.0, a, b, a * a, b * b, a * b, a**3, b**3, a * a * b, a * b * b, near])


def turned(offsets: Floats, angle: float) -> Floats:
    """(..., 2) offsets of a picture (y down) turned clockwise by ``angle`` radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray(offsets @ np.array([[cosine, sine], [-sine, cosine]]))


@cache
def load_habits(model: str, detector: str) -> Habits | None:
    """What is known of ``detector`` on the face model ``model``; None where nothing was learned."""
    path = DATA / f"habits_{model}_{detector}.npz"
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as data:
        arrays = {name: data[name].astype(np.float64) for name in data.files if name != "index"}
        return Habits(data["index"], **arrays)
