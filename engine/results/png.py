"""Writes PNG files of 8 and 16 bits with zlib and numpy alone: the worker's previews need no image library."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPE = {1: 0, 3: 2, 4: 6}
_UP = 2
_PERCEPTUAL = b"\x00"


def encode_png(image: NDArray[Any], *, srgb: bool = True, level: int = 6) -> bytes:
    """The file's bytes for an (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) array of uint8 or uint16, row 0 at the top.

    ``srgb`` marks the file as sRGB (chunk sRGB of the PNG specification, second edition); data maps carry no mark.
    ``level`` is zlib's. Raises ValueError for another shape or kind.
    """
    pixels = image[..., None] if image.ndim == 2 else image
    if pixels.ndim != 3 or pixels.shape[2] not in _COLOUR_TYPE or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"A PNG needs (H, W), (H, W, 3) or (H, W, 4) of uint8 or uint16, not {image.shape} {image.dtype}."
        )
    height, width, channels = pixels.shape
    depth = 8 * pixels.dtype.itemsize
    header = struct.pack(">IIBBBBB", width, height, depth, _COLOUR_TYPE[channels], 0, 0, 0)
    chunks = [_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(_filtered(pixels), level)), _chunk(b"IEND", b"")]
    if srgb:
        chunks.insert(1, _chunk(b"sRGB", _PERCEPTUAL))
    return _SIGNATURE + b"".join(chunks)


def write_png(path: Path, image: NDArray[Any], *, srgb: bool = True, level: int = 6) -> None:
    """Write `encode_png` of ``image`` to ``path``."""
    path.write_bytes(encode_png(image, srgb=srgb, level=level))


def _filtered(pixels: NDArray[Any]) -> bytes:
    """The scanlines, each as its difference to the one above (filter type Up): smooth pictures compress well."""
    height = len(pixels)
    big_endian = pixels.astype(pixels.dtype.newbyteorder(">"))
    rows = np.frombuffer(big_endian.tobytes(), np.uint8).reshape(height, -1)
    out = np.empty((height, rows.shape[1] + 1), np.uint8)
    out[:, 0] = _UP
    out[:1, 1:] = rows[:1]
    np.subtract(rows[1:], rows[:-1], out=out[1:, 1:])
    return out.tobytes()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
