"""Cuts the head out of a photo at the size that the fit looks at."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..scene.camera import Camera
from ..scene.colour import srgb_to_linear
from .reading import Photo

FloatArray = NDArray[np.float32]

# The window around the box of the face's points, in units of that box's longer side: hair and ears need room at the top
# and the sides, the neck some below.
_SIDE = 1.7
_RAISED = 0.06


@dataclass(frozen=True)
class FaceCrop:
    """A window of a photo, resampled.

    A photo pixel (x, y) lies at ``((x - left) * scale, (y - top) * scale)`` of the crop; corners at integers in both.

    Attributes:
        linear: (h, w, 3) float32, linear Rec. 709.
        alpha: (h, w) float32 in [0, 1], or None.
        left, top: the window's corner in photo pixels; not whole numbers in general.
        scale: crop pixels per photo pixel.
    """

    linear: FloatArray = field(repr=False)
    alpha: FloatArray | None = field(repr=False)
    left: float
    top: float
    scale: float

    @property
    def width(self) -> int:
        """Pixels of the crop."""
        return int(self.linear.shape[1])

    @property
    def height(self) -> int:
        """Pixels of the crop."""
        return int(self.linear.shape[0])

    def from_photo(self, points: FloatArray) -> FloatArray:
        """(N, 2) or (N, 3) photo pixels in pixels of the crop; depth is scaled too."""
        offset = np.zeros(points.shape[-1], np.float32)
        offset[:2] = self.left, self.top
        return np.asarray((points - offset) * np.float32(self.scale), np.float32)

    def camera(self, photo_camera: Camera) -> Camera:
        """The crop's camera, of the photo's."""
        return photo_camera.cropped(self.left, self.top, self.width, self.height, self.scale)


def crop_face(photo: Photo, points: FloatArray, fit_size: int) -> FaceCrop:
    """The head around the face's points (N, 2 or 3 photo pixels), ``fit_size`` pixels on the longer side.

    The window is a square, cut off where the photo ends; it is area-filtered when it gets smaller, bicubic when larger,
    in linear light.
    """
    low, high = _window(photo, points)
    scale = fit_size / float(np.max(high - low))
    size = np.maximum(1, np.round((high - low) * scale)).astype(int)
    # The shorter side is moved by a fraction of a pixel, so that one scale holds for both.
    high = np.minimum(low + size / scale, [photo.width, photo.height])
    low = high - size / scale
    linear, alpha = _resampled(photo, low, high, (int(size[0]), int(size[1])))
    return FaceCrop(linear, alpha, float(low[0]), float(low[1]), scale)


def _window(photo: Photo, points: FloatArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The (2,) corners of the window in photo pixels."""
    low, high = points[:, :2].min(0).astype(np.float64), points[:, :2].max(0).astype(np.float64)
    longer = float(np.max(high - low))
    centre = (low + high) / 2 - np.array([0.0, _RAISED * longer])
    size = np.array([photo.width, photo.height], np.float64)
    first = np.clip(centre - _SIDE / 2 * longer, 0.0, size - 2.0)
    return first, np.clip(centre + _SIDE / 2 * longer, first + 2.0, size)


def _resampled(
    photo: Photo, low: NDArray[np.float64], high: NDArray[np.float64], size: tuple[int, int]
) -> tuple[FloatArray, FloatArray | None]:
    """Linear colour and alpha of a window; only this part of the photo is made linear."""
    limit = np.array([photo.width, photo.height])
    # Filters reach over the window's edge.
    reach = int(np.ceil(3 * max(1.0, float((high - low)[0]) / size[0])))
    first = np.clip(np.floor(low).astype(int) - reach, 0, limit)
    last = np.clip(np.ceil(high).astype(int) + reach, 0, limit)
    part = np.s_[first[1] : last[1], first[0] : last[0]]
    box = (*np.maximum(low - first, 0.0), *np.minimum(high - first, last - first))
    linear = srgb_to_linear(photo.encoded[part])
    planes = [_resize(linear[..., channel], size, box) for channel in range(3)]
    alpha = None if photo.alpha is None else np.clip(_resize(photo.alpha[part], size, box), 0.0, 1.0)
    return np.maximum(np.stack(planes, -1), 0.0), alpha


def _resize(plane: FloatArray, size: tuple[int, int], box: tuple[float, ...]) -> FloatArray:
    smaller = box[2] - box[0] > size[0]
    image = Image.fromarray(np.ascontiguousarray(plane))
    kind = Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC
    return np.asarray(image.resize(size, kind, box=(box[0], box[1], box[2], box[3])), np.float32)
