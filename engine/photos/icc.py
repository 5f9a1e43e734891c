"""Colour profiles: any to sRGB at 8 bits through Little CMS; matrix profiles at any depth by their own formula."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from ..scene.colour import linear_to_srgb

Floats = NDArray[np.float64]

# Linear Rec. 709 to XYZ relative to D50, Bradford-adapted: the matrix of the ICC's sRGB profile (IEC 61966-2-1:1999).
_SRGB_TO_XYZ_D50 = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)


def to_srgb8(image: Image.Image, profile: bytes) -> Image.Image:
    """An RGB image in sRGB of an 8-bit image (L, RGB or CMYK) with an ICC profile; relative colorimetric.

    Raises:
        ValueError: the profile is damaged or is one for another kind of image.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        converted = ImageCms.profileToProfile(image, source, target, renderingIntent=intent, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        raise ValueError("not a usable colour profile") from error
    if converted is None:
        raise ValueError("not a usable colour profile")
    return converted


@dataclass(frozen=True)
class MatrixProfile:
    """An RGB profile of three curves and a matrix (ICC.1:2022, 8.3.3): ``XYZ_D50 = matrix . curve(rgb)``.

    Attributes:
        matrix: (3, 3), columns are the colorants.
        curves: three tables over [0, 1] of linear values.
    """

    matrix: Floats
    curves: tuple[Floats, Floats, Floats]

    def to_srgb(self, encoded: NDArray[np.float32]) -> NDArray[np.float32]:
        """(H, W, 3) sRGB in [0, 1] of (H, W, 3) values in [0, 1] of this profile; what sRGB lacks is clipped."""
        linear = np.stack(
            [np.interp(encoded[..., i], np.linspace(0, 1, len(c)), c) for i, c in enumerate(self.curves)], -1
        )
        in_srgb = linear @ (np.linalg.inv(_SRGB_TO_XYZ_D50) @ self.matrix).T
        return linear_to_srgb(np.clip(in_srgb, 0.0, 1.0))


def read_matrix_profile(profile: bytes) -> MatrixProfile | None:
    """The matrix and curves of an ICC profile, or None where it is of another kind or damaged."""
    try:
        tags = _tags(profile)
        columns = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        red, green, blue = (_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
    except (KeyError, struct.error, ValueError, ZeroDivisionError, OverflowError):
        return None
    if not all(np.isfinite(curve).all() for curve in (red, green, blue)):
        return None
    return MatrixProfile(np.array(columns).T, (red, green, blue))


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """The tag table (ICC.1:2022, 7.3)."""
    if profile[36:40] != b"acsp" or profile[16:20] != b"RGB ":
        raise ValueError("not an RGB profile")
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * i) for i in range(min(count, 256)))
    return {name: profile[start : start + length] for name, start, length in entries}


def _xyz(data: bytes) -> list[float]:
    """A colorant: XYZType, s15Fixed16 numbers."""
    if data[:4] != b"XYZ ":
        raise ValueError("not an XYZ tag")
    return [value / 65536.0 for value in struct.unpack_from(">3i", data, 8)]


def _curve(data: bytes) -> Floats:
    """A table over [0, 1] of curveType or parametricCurveType (ICC.1:2022, 10.6 and 10.18)."""
    x = np.linspace(0.0, 1.0, 4096)
    if data[:4] == b"para":
        return _parametric(data, x)
    if data[:4] != b"curv":
        raise ValueError("not a curve tag")
    (count,) = struct.unpack_from(">I", data, 8)
    values = np.array(struct.unpack_from(f">{count}H", data, 12), np.float64)
    if count == 0:
        return x
    return np.asarray(x ** (values[0] / 256.0)) if count == 1 else values / 65535.0


def _parametric(data: bytes, x: Floats) -> Floats:
    """Y = (aX + b)^g + e for X >= d, cX + f below, with what a function type leaves out at its neutral value."""
    (kind,) = struct.unpack_from(">H", data, 8)
    if kind > 4:
        raise ValueError("unknown parametric curve")
    g, *rest = (v / 65536.0 for v in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", data, 12))
    a, b, c, d, e, f = 1.0, 0.0, 0.0, 0.0, 0.0, 0.0
    if kind in (1, 2):
        a, b = rest[:2]
        d = -b / a
        e = f = rest[2] if kind == 2 else 0.0
    elif kind >= 3:
        a, b, c, d = rest[:4]
        e, f = rest[4:6] if kind == 4 else (0.0, 0.0)
    return np.where(x >= d, np.maximum(a * x + b, 0.0) ** g + e, c * x + f)
