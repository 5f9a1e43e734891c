"""Soft masks of the face's regions for models that name none: the bundled head's, carried over by a smooth warp."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from .bundled import load
from .embedding import embedded_points
from .surface import closest_places

FloatArray = NDArray[np.float64]

# The detector's points err on either head, and more where the head has no brows or hair; the warp does not follow that. With
# 1e5 the bundled head gets its own masks back from points that err by up to 9 mm.
SMOOTHING = 1e5


def carried_regions(
    mean: NDArray[np.float32], skin: NDArray[np.bool_], points: FloatArray
) -> dict[str, NDArray[np.float32]]:
    """Region -> (V,) in [0, 1], all of the bundled head's, 0 off the skin.

    A thin-plate spline through MediaPipe's points takes the mean head to the bundled one, and each vertex gets the masks of
    the nearest place there.

    Args:
        mean: (V, 3) mm, head frame.
        skin: (V,) True where a vertex belongs to skin.
        points: (468, 3) mm, MediaPipe's points on it.
    """
    head = load()
    theirs = embedded_points(head.mean, head.triangles, head.landmarks["mediapipe"])
    warp = RBFInterpolator(points, theirs, kernel="thin_plate_spline", smoothing=SMOOTHING, degree=1)
    rows = head.face_part[head.triangle_face] == 0
    triangle, weights = closest_places(warp(mean.astype(np.float64)), head.mean, head.triangles[rows])
    corners = head.triangles[rows][triangle]
    carried = {name: (weights * mask[corners]).sum(1) * skin for name, mask in head.regions.items()}
    return {name: np.clip(mask, 0.0, 1.0).astype(np.float32) for name, mask in carried.items()}
