"""Pictures, maps and light as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..scene.colour import linear_to_srgb
from .png import write_png

# Pixels of a large picture that are encoded at once: the curve's intermediate results take several times their room.
BAND_PIXELS = 1 << 20
_KINDS: dict[int, type[np.unsignedinteger[Any]]] = {8: np.uint8, 16: np.uint16}


def quantised(values: NDArray[Any], bits: int = 8) -> NDArray[Any]:
    """Floats in [0, 1] (others are clipped, NaN is 0) as uint8 or uint16; integer arrays are returned as they are."""
    if np.issubdtype(values.dtype, np.integer):
        return values
    top = 2**bits - 1
    finite = np.nan_to_num(np.asarray(values, np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    return np.asarray((np.clip(finite, 0.0, 1.0) * top + 0.5).astype(_KINDS[bits]))


def displayed(image: NDArray[Any], bits: int = 8) -> NDArray[Any]:
    """An sRGB picture, uint8 or uint16, of linear floats; integers are returned as they are.

    The shape is (H, W), (H, W, 3) or (H, W, 4). A fourth channel is coverage and keeps its linear values.
    """
    if np.issubdtype(image.dtype, np.integer):
        return image
    linear = np.nan_to_num(image, nan=0.0, posinf=1.0, neginf=0.0)
    if linear.ndim == 3 and linear.shape[2] == 4:
        encoded = np.concatenate([linear_to_srgb(linear[..., :3]), linear[..., 3:].astype(np.float32)], -1)
    else:
        encoded = linear_to_srgb(linear)
    return quantised(encoded, bits)


def resized(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A square 8-bit picture at ``size`` pixels, interpolated linearly."""
    if len(image) == size:
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def save_picture(path: Path, image: NDArray[Any], bits: int = 8) -> None:
    """Write a PNG marked as sRGB of a linear float image, or of uint8/uint16 sRGB pixels as they are."""
    rows = max(1, BAND_PIXELS // image.shape[1])
    bands = [displayed(image[first : first + rows], bits) for first in range(0, len(image), rows)]
    write_png(path, np.concatenate(bands))


def save_data(path: Path, values: NDArray[Any], bits: int = 8) -> None:
    """Write a PNG of values in [0, 1], (H, W) or (H, W, 3), without any curve: Blender's "Non-Color"."""
    write_png(path, quantised(values, bits), srgb=False)


def load_data(path: Path) -> NDArray[np.float32]:
    """(H, W) or (H, W, C) in [0, 1]: the pixels of a PNG of 8 or 16 bits as they are stored, without any curve."""
    import cv2

    stored = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    ordered = stored if stored.ndim == 2 else stored[..., [2, 1, 0, *range(3, stored.shape[2])]]
    return np.asarray(ordered, np.float32) / np.float32(np.iinfo(stored.dtype).max)


def save_exr(path: Path, image: NDArray[Any]) -> None:
    """Write (H, W, 3) linear light, Rec. 709, as a 32-bit float OpenEXR file.

    Mitsuba's encoder is used because Mitsuba is in the process anyway; it needs no variant. Python writes the bytes:
    Mitsuba's own errors (no such folder, a full disk) are no OSErrors.
    """
    import mitsuba as mi

    stream = mi.MemoryStream()
    mi.Bitmap(np.ascontiguousarray(image, np.float32)).write(stream, mi.Bitmap.FileFormat.OpenEXR)
    path.write_bytes(stream.raw_buffer())


def load_exr(path: Path) -> NDArray[np.float32]:
    """(H, W, 3) linear light of an OpenEXR file."""
    import mitsuba as mi

    bitmap = mi.Bitmap(str(path)).convert(mi.Bitmap.PixelFormat.RGB, mi.Struct.Type.Float32, srgb_gamma=False)
    return np.array(bitmap, np.float32)
