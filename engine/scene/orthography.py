"""Scaled orthography: how far things look that are far away, and the pose of a known shape from points without depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Orthography:
    """``u = s R_1 X + t_u``, ``v = -s R_2 X + t_v``, with the first two rows of the rotation.

    Attributes:
        rotation: (3, 3) head to camera.
        scale: pixels per mm.
        origin: (2,) where the head's origin is seen, pixels, y down.
    """

    rotation: Floats
    scale: float
    origin: Floats

    def project(self, points: Floats) -> Floats:
        """(N, 2) pixels, y down, of (N, 3) points, mm."""
        turned = points @ self.rotation[:2].T
        return np.asarray(self.origin + self.scale * turned * np.array([1.0, -1.0]))


def laid_on(model_points: Floats, seen: Floats) -> Orthography:
    """The pose that lays (N, 3) model points (mm), not all in one plane, on (N, 2) pixels, y down.

    The affine camera of least squares, then the nearest scaled rotation to it (Tomasi and Kanade 1992, "Shape and motion from
    image streams under orthography"; DeMenthon and Davis 1995 use the same step).
    """
    middle, centre = model_points.mean(0), seen.mean(0)
    goal = (seen - centre) * np.array([1.0, -1.0])
    affine = np.linalg.lstsq(model_points - middle, goal, rcond=None)[0].T
    u, values, vt = np.linalg.svd(affine, full_matrices=False)
    rows = u @ vt
    rotation = np.stack([rows[0], rows[1], np.cross(rows[0], rows[1])])
    scale = float(values.mean())
    origin = centre - scale * (rows @ middle) * np.array([1.0, -1.0])
    return Orthography(rotation, scale, origin)
