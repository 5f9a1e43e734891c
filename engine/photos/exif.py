"""What a photo's EXIF tags say about its lens and its orientation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from PIL import Image

from ..scene.camera import FULL_FRAME_DIAGONAL_MM

# Tag numbers of EXIF 2.32.
_ORIENTATION = 0x0112
_EXIF_IFD = 0x8769
_FOCAL_LENGTH = 0x920A
_PIXEL_X, _PIXEL_Y = 0xA002, 0xA003
_PLANE_X_RESOLUTION, _PLANE_Y_RESOLUTION, _PLANE_UNIT = 0xA20E, 0xA20F, 0xA210
_FOCAL_LENGTH_35MM = 0xA405
# FocalPlaneResolutionUnit: millimetres per unit.
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}

# Sides of the frames that cameras take; a photo of other proportions was cropped after it was taken.
_CAMERA_ASPECTS = (1.0, 5 / 4, 4 / 3, 3 / 2, 16 / 9)


@dataclass(frozen=True)
class Lens:
    """The focal length that a photo was taken with.

    Attributes:
        focal_35mm: 35 mm equivalent over the diagonal of the photo as it is.
        log_sd: standard deviation of its logarithm: small where nothing speaks against the tags.
    """

    focal_35mm: float
    log_sd: float


def read_orientation(exif: Image.Exif) -> int:
    """EXIF orientation, 1 to 8; 1 (upright) where the tag is absent or not one of these."""
    value = exif.get(_ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def read_lens(exif: Image.Exif, width: int, height: int) -> Lens | None:
    """The lens of a photo of ``width`` x ``height`` stored pixels, or None where the tags do not suffice.

    FocalLengthIn35mmFilm is taken first; else FocalLength with the sensor's size from the focal plane's resolution.
    """
    tags = exif.get_ifd(_EXIF_IFD)
    focal = _number(tags, _FOCAL_LENGTH_35MM) or _from_sensor(tags)
    if focal is None or not 5.0 <= focal <= 2000.0:
        return None
    taken = (_number(tags, _PIXEL_X) or width, _number(tags, _PIXEL_Y) or height)
    if not _same_aspect(taken, (width, height)):
        # Cropped after it was taken, as far as one can know without being scaled: the focal length in pixels stays.
        return Lens(focal * math.hypot(*taken) / math.hypot(width, height), 0.25)
    aspect = max(width, height) / min(width, height)
    usual = min(abs(math.log(aspect / usual)) for usual in _CAMERA_ASPECTS) < 0.02
    return Lens(focal, 0.04 if usual else 0.2)


def _from_sensor(tags: dict[int, Any]) -> float | None:
    """35 mm equivalent of FocalLength (mm) on a sensor of PixelXDimension / FocalPlaneXResolution units."""
    focal = _number(tags, _FOCAL_LENGTH)
    unit = _UNIT_MM.get(int(_number(tags, _PLANE_UNIT) or 2))
    pixels = (_number(tags, _PIXEL_X), _number(tags, _PIXEL_Y))
    resolution = (_number(tags, _PLANE_X_RESOLUTION), _number(tags, _PLANE_Y_RESOLUTION))
    if focal is None or unit is None or None in pixels or None in resolution:
        return None
    sides = [unit * (p or 0.0) / (r or 1.0) for p, r in zip(pixels, resolution, strict=True)]
    return focal * FULL_FRAME_DIAGONAL_MM / math.hypot(*sides)


def _number(tags: dict[int, Any], tag: int) -> float | None:
    """A tag's value if it is a positive, finite number."""
    try:
        value = float(tags[tag])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return value if math.isfinite(value) and value > 0.0 else None


def _same_aspect(first: tuple[float, float], second: tuple[float, float]) -> bool:
    """Whether two sizes have one aspect, upright or on their side (tools turn pixels and leave the tags)."""
    ratio = math.log((first[0] / first[1]) / (second[0] / second[1]))
    turned = math.log((first[1] / first[0]) / (second[0] / second[1]))
    return min(abs(ratio), abs(turned)) < 0.015
