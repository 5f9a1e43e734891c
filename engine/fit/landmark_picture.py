"""A picture of the points that were found in a photo and of the same points of the fitted head."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..faces.model import FaceModel, LandmarkEmbedding
from ..scene.camera import Camera
from ..scene.colour import linear_to_srgb

Floats = NDArray[np.floating[Any]]
Picture = NDArray[np.uint8]

# Points of a small photo would lie on each other.
LEAST_SIDE = 1024
FOUND, FITTED, BETWEEN = (60, 220, 255), (255, 190, 40), (255, 70, 70)
# What the photo is darkened to, so that points stand out on light and on dark skin.
_DIMMED = 0.55
# Binary places of the subpixels that OpenCV draws at.
_SHIFT = 4


def model_points(vertices: Floats, model: FaceModel, embedding: LandmarkEmbedding) -> Floats:
    """(L, 3) mm: where the points of ``embedding`` lie on a head with ``vertices`` (V, 3)."""
    corners = vertices[model.triangles[embedding.triangle]]
    return np.asarray((corners * embedding.barycentric[..., None]).sum(1))


def landmark_picture(linear: Floats, found: Floats, fitted: Floats, rows: NDArray[np.integer[Any]]) -> Picture:
    """(h, w, 3) 8-bit sRGB, at least `LEAST_SIDE` pixels on its longer side.

    Args:
        linear: (H, W, 3) the photo or a part of it, linear Rec. 709.
        found: (N, 2) points found in it, pixels of ``linear``.
        fitted: (L, 2) points of the fitted head, pixels of ``linear``.
        rows: (L,) the row of ``found`` that each of ``fitted`` belongs to.
    """
    height, width = linear.shape[:2]
    scale = max(1.0, LEAST_SIDE / max(height, width))
    shown = np.round(255.0 * _DIMMED * np.clip(linear_to_srgb(np.asarray(linear)), 0.0, 1.0)).astype(np.uint8)
    size = round(width * scale), round(height * scale)
    picture = np.ascontiguousarray(cv2.resize(shown, size, interpolation=cv2.INTER_CUBIC))
    radius = max(2.0, 0.0028 * max(size))
    for one, other in zip(found[rows], fitted, strict=True):
        cv2.line(picture, _place(one, scale), _place(other, scale), BETWEEN, 1, cv2.LINE_AA, _SHIFT)
    for points, colour, share in ((found, FOUND, 1.0), (fitted, FITTED, 0.7)):
        for point in points:
            cv2.circle(
                picture, _place(point, scale), round(radius * share * 2**_SHIFT), colour, -1, cv2.LINE_AA, _SHIFT
            )
    return _with_legend(picture)


def photo_landmarks(
    model: FaceModel, vertices: Floats, camera: Camera, linear: Floats, found: Floats, detector: str
) -> Picture:
    """`landmark_picture` of a fitted head: ``found`` (N, 2 or 3) as ``detector`` numbers them, pixels of ``camera``.

    Points of the face's outline are shown as found only: on the head they slide with the view.
    """
    embedding = model.landmarks[detector]
    fixed = ~embedding.contour
    fitted = camera.project(model_points(vertices, model, embedding)[fixed])
    return landmark_picture(linear, found[:, :2], fitted, embedding.index[fixed])


def _place(point: Floats, scale: float) -> tuple[int, int]:
    """OpenCV's fixed-point coordinates; its pixel centres are whole numbers."""
    x, y = np.round((np.asarray(point, np.float64) * scale - 0.5) * 2**_SHIFT).astype(int)
    return int(x), int(y)


def _with_legend(picture: Picture) -> Picture:
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    size = 0.02 * max(image.size)
    font = ImageFont.load_default(size)
    lines = (("found in the photo", FOUND), ("the same points of the fitted head", FITTED))
    for number, (text, colour) in enumerate(lines):
        y = image.height - (len(lines) - number) * 1.5 * size
        draw.ellipse((size, y - 0.35 * size, 1.7 * size, y + 0.35 * size), fill=colour)
        draw.text(
            (2.3 * size, y), text, colour, font, "lm", stroke_width=max(1, round(size / 10)), stroke_fill=(0, 0, 0)
        )
    return np.asarray(image, np.uint8)
