"""Pictures that show how well a fit lies on its photo, for eyes and logs."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.model import FaceModel
from ..scene.camera import Camera

ByteImage = NDArray[np.uint8]
# Fixed-point bits of OpenCV's drawing calls.
_BITS = 4
_WIRE, _SEEN, _FITTED = (90, 200, 255), (255, 60, 60), (60, 255, 60)


def draw_wireframe(
    image: ByteImage, model: FaceModel, vertices: NDArray[np.float32], camera: Camera, opacity: float = 0.35
) -> ByteImage:
    """An (H, W, 3) 8-bit picture with the quads of the skin that face the camera drawn over it."""
    quads = model.quads[model.face_part == 0]
    quads = np.where(quads < 0, quads[:, :1], quads)
    corners = camera.project(vertices.astype(np.float64))[quads]
    # Pixel rows run downwards, so a polygon that is counter-clockwise from outside has a negative area.
    diagonals = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    area = diagonals[0][:, 0] * diagonals[1][:, 1] - diagonals[0][:, 1] * diagonals[1][:, 0]
    drawn = image.copy()
    lines = list(np.round((corners[area < 0.0] - 0.5) * 2**_BITS).astype(np.int32))
    cv2.polylines(drawn, lines, True, _WIRE, 1, cv2.LINE_AA, _BITS)
    return np.asarray(cv2.addWeighted(drawn, opacity, image, 1.0 - opacity, 0.0), np.uint8)


def draw_points(image: ByteImage, seen: NDArray[np.floating[Any]], fitted: NDArray[np.floating[Any]]) -> ByteImage:
    """The picture with the observed points (N, 2) in red, the fitted ones in green, and a line between the two of a
    pair.
    """
    drawn = image.copy()
    radius = max(1, round(0.002 * max(image.shape[:2]))) * 2**_BITS
    for first, second in zip(_fixed(seen), _fixed(fitted), strict=True):
        cv2.line(drawn, first, second, (255, 255, 255), 1, cv2.LINE_AA, _BITS)
        cv2.circle(drawn, first, radius, _SEEN, -1, cv2.LINE_AA, _BITS)
        cv2.circle(drawn, second, radius, _FITTED, -1, cv2.LINE_AA, _BITS)
    return drawn


def _fixed(points: NDArray[np.floating[Any]]) -> list[tuple[int, int]]:
    whole = np.round((points[:, :2] - 0.5) * 2**_BITS).astype(int)
    return [(int(x), int(y)) for x, y in whole]
