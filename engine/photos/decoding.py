"""From a file's bytes to pixels, within bounds of memory."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import PhotoError

# uint8 or uint16.
Pixels = NDArray[Any]

# A JPEG can be decoded at an eighth of its size without ever holding all of it, so it may be larger than other files.
MOST_PIXELS = 120_000_000
MOST_JPEG_PIXELS = 1_000_000_000
SMALLEST_SIDE = 32

# What Pillow and OpenCV raise for damaged files.
_DAMAGED = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, ArithmeticError),
    *(RuntimeError, struct.error, zlib.error, cv2.error),
)
_REMEDY_KIND = "Choose a PNG, JPEG, TIFF or WebP photo."
# Phones' multi-picture files (MPO) come in as JPEG.
_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")
# TIFF tags: BitsPerSample and SampleFormat (3: floating point).
_TIFF_BITS, _TIFF_SAMPLE_FORMAT = 258, 339


@dataclass(frozen=True)
class Decoded:
    """Pixels as they are stored.

    Attributes:
        colour: (H, W, 3) or (H, W) uint8 or uint16 in the file's own colour space, or an 8-bit CMYK `Image`.
        alpha: (H, W) of the same kind, or None.
        bit_depth: 8 or 16.
        profile: the ICC profile's bytes, or None.
        exif: the EXIF tags.
        full_size: width and height before a large JPEG was reduced.
    """

    colour: Pixels | Image.Image
    alpha: Pixels | None
    bit_depth: int
    profile: bytes | None
    exif: Image.Exif
    full_size: tuple[int, int]


def decode(data: bytes, name: str) -> Decoded:
    """The pixels in a file's bytes; ``name`` is for messages.

    Raises:
        PhotoError: not an image that can be read, damaged, too large, or too small.
    """
    image = _open(data, name)
    size = image.size
    _check_size(image, name)
    exif = _exif(image)
    profile = image.info.get("icc_profile") or None
    try:
        deep = _is_deep(image, data, name)
        colour, alpha = _deep_pixels(data) if deep else _shallow_pixels(image)
    except _DAMAGED as error:
        raise PhotoError(
            f"{name} is damaged: it ends too early or was not written whole.", "Copy or export it again."
        ) from error
    return Decoded(colour, alpha, 16 if deep else 8, profile, exif, size)


def _open(data: bytes, name: str) -> Image.Image:
    """The image behind its header; nothing is decoded yet."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return _without_bomb_limit(data)
    except UnidentifiedImageError as error:
        raise PhotoError(f"{name} is not an image.", _REMEDY_KIND) from error
    except _DAMAGED as error:
        raise PhotoError(f"{name} is damaged.", "Copy or export it again.") from error


def _without_bomb_limit(data: bytes) -> Image.Image:
    """Pillow's own limit is lifted while the header is read: ours, which knows the format, comes right after."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _check_size(image: Image.Image, name: str) -> None:
    """Refuse what is too small or too large; have a large JPEG decoded at a half, a quarter or an eighth."""
    width, height = image.size
    if min(width, height) < SMALLEST_SIDE:
        raise PhotoError(
            f"{name} is only {width} x {height} pixels.", "Choose a larger photo, best with 500 pixels of face."
        )
    pixels = width * height
    # Progressive files need memory for the whole photo before any reduction.
    reducible = image.format == "JPEG" and not image.info.get("progressive")
    if pixels > (MOST_JPEG_PIXELS if reducible else MOST_PIXELS):
        raise PhotoError(
            f"{name} is too large: {width} x {height} pixels.",
            f"Make it smaller than {MOST_PIXELS // 1_000_000} million pixels, or crop it around the face.",
        )
    if pixels > MOST_PIXELS:
        factor = next(f for f in (2, 4, 8) if pixels / (f * f) <= MOST_PIXELS)
        image.draft(None, (width // factor, height // factor))


def _exif(image: Image.Image) -> Image.Exif:
    """The EXIF tags; none where they are damaged, which is no reason to refuse a photo."""
    try:
        exif = image.getexif()
        exif.get_ifd(0x8769)
    except _DAMAGED:
        return Image.Exif()
    return exif


def _is_deep(image: Image.Image, data: bytes, name: str) -> bool:
    """Whether samples have 16 bits; Pillow would cut colour ones to 8."""
    if image.format == "PNG":
        # The bit depth is byte 24 of a PNG: after the signature, IHDR's length and type, width and height.
        return data[24] == 16
    if image.format != "TIFF":
        return False
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    if tags.get(_TIFF_SAMPLE_FORMAT, (1,))[0] == 3:
        raise PhotoError(
            f"{name} is a floating-point TIFF, which cannot be read.", "Export the photo with 8 or 16 bits."
        )
    return int(tags.get(_TIFF_BITS, (8,))[0]) == 16


def _deep_pixels(data: bytes) -> tuple[Pixels, Pixels | None]:
    """16-bit samples through OpenCV, which gives blue first."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise OSError("OpenCV cannot decode it")
    stored = np.asarray(pixels, np.uint16)
    if stored.ndim == 2:
        return stored, None
    if stored.shape[2] not in (3, 4):
        raise OSError(f"{stored.shape[2]} channels")
    alpha = stored[..., 3] if stored.shape[2] == 4 else None
    return np.ascontiguousarray(stored[..., 2::-1]), alpha


def _shallow_pixels(image: Image.Image) -> tuple[Pixels | Image.Image, Pixels | None]:
    """8-bit samples through Pillow; palettes become colours, fewer bits become 8."""
    image.load()
    if image.mode == "CMYK":
        return image, None
    alpha = None
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
    mode = "L" if image.mode in ("1", "L") else "RGB"
    return np.asarray(image.convert(mode)), alpha
