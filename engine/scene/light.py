"""Distant light as real spherical harmonics in the head's frame, and as a lat-long image for Mitsuba and Blender alike.

Lat-long convention: pixel (row i, column j) of an H x 2H image shows the light that comes from the direction
``(cos el cos az, sin el, -cos el sin az)`` with ``el = pi (0.5 - (i + 0.5) / H)`` and
``az = -2 pi ((j + 0.5) / (2 H) - 0.5)``. The image's centre is +x, the subject's left. Blender's Environment Texture
shows the same when the head's (x, y, z) is Blender's (x, -z, y). Radiance is linear Rec. 709.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import EngineError

if TYPE_CHECKING:
    from torch import Tensor

FloatArray = NDArray[np.float32]
MAX_BANDS = 9


@overload
def sh_basis(directions: Tensor, bands: int = MAX_BANDS) -> Tensor: ...
@overload
def sh_basis(directions: NDArray[Any], bands: int = MAX_BANDS) -> NDArray[Any]: ...
def sh_basis(directions: Any, bands: int = MAX_BANDS) -> Any:
    """Real spherical harmonics, orthonormal over the sphere, at unit ``directions``.

    Function (l, m), -l <= m <= l, has the index ``l * l + l + m``; m < 0 are the sine, m > 0 the cosine functions,
    without the Condon-Shortley sign, so index 1, 2, 3 are sqrt(3 / 4 pi) times y, z, x. The pole is +z. Recurrences of
    Sloan, "Efficient Spherical Harmonic Evaluation" (JCGT 2013), section 2: polynomials in x, y, z, so there is no
    trigonometry and no singular direction.

    Args:
        directions: (..., 3) unit vectors, numpy array or torch tensor; differentiable.
        bands: number of bands, 1 or more.

    Returns:
        (..., bands * bands), of the same kind and dtype as ``directions``.
    """
    functions = sh_functions(directions[..., 0], directions[..., 1], directions[..., 2], bands)
    if isinstance(directions, np.ndarray):
        return np.stack(functions, -1)
    import torch

    return torch.stack(functions, -1)


def sh_functions(x: Any, y: Any, z: Any, bands: int) -> list[Any]:
    """The functions of `sh_basis` one by one, for any kind of array that can be multiplied and added."""
    cosine, sine = x * 0 + 1, x * 0
    functions: list[Any] = [None] * (bands * bands)
    for m in range(bands):
        if m:
            cosine, sine = x * cosine - y * sine, x * sine + y * cosine
        for band, legendre in _legendre_column(m, z, bands):
            centre = band * band + band
            functions[centre + m] = legendre * cosine
            if m:
                functions[centre - m] = legendre * sine
    return functions


def _legendre_column(m: int, z: Any, bands: int) -> list[tuple[int, Any]]:
    """(l, P_l^m(z) / sin^m) for l = m ... bands - 1: normalised Legendre functions with the sqrt(2) of m > 0."""
    start = math.sqrt((2.0 if m else 1.0) / (4.0 * math.pi) * (2 * m + 1))
    for k in range(1, m + 1):
        start *= math.sqrt((2 * k - 1) / (2 * k))
    before, current = z * 0, z * 0 + start
    column = [(m, current)]
    for band in range(m + 1, bands):
        a = math.sqrt((4 * band * band - 1) / (band * band - m * m))
        b = math.sqrt(((band - 1) ** 2 - m * m) / (4 * (band - 1) ** 2 - 1))
        before, current = current, a * (z * current - b * before)
        column.append((band, current))
    return column


def latlong_directions(height: int) -> NDArray[np.float64]:
    """(height, 2 height, 3) unit directions that the pixel centres of a lat-long image show."""
    rows = (np.arange(height) + 0.5) / height
    columns = (np.arange(2 * height) + 0.5) / (2 * height)
    v, u = np.meshgrid(rows, columns, indexing="ij")
    return latlong_to_direction(u, v)


def latlong_to_direction(u: NDArray[Any], v: NDArray[Any]) -> NDArray[np.float64]:
    """(..., 3) unit directions at image coordinates in [0, 1], u to the right and v downwards."""
    elevation = np.pi * (0.5 - v)
    azimuth = -2.0 * np.pi * (u - 0.5)
    flat = np.cos(elevation)
    return np.asarray(np.stack([flat * np.cos(azimuth), np.sin(elevation), -flat * np.sin(azimuth)], -1))


def latlong_weights(height: int) -> NDArray[np.float64]:
    """(height, 1) solid angle of a pixel in each row; all pixels together cover 4 pi."""
    edge = np.sin(np.pi * (0.5 - np.arange(height + 1) / height))
    return np.asarray((edge[:-1] - edge[1:])[:, None] * (np.pi / height))


@dataclass(frozen=True)
class Light:
    """Distant light: ``coefficients`` (bands^2, 3) float32 of `sh_basis`, linear Rec. 709, in the head's frame."""

    coefficients: FloatArray

    def __post_init__(self) -> None:
        shape = np.shape(self.coefficients)
        if len(shape) != 2 or shape[1] != 3 or math.isqrt(shape[0]) ** 2 != shape[0]:
            raise EngineError(f"A light has coefficients of the shape {shape}.", "The shape must be (bands^2, 3).")

    @property
    def bands(self) -> int:
        """Number of bands."""
        return math.isqrt(len(self.coefficients))

    @classmethod
    def constant(cls, radiance: tuple[float, float, float], bands: int = MAX_BANDS) -> Light:
        """The same radiance from everywhere."""
        coefficients = np.zeros((bands * bands, 3), np.float32)
        coefficients[0] = np.asarray(radiance) * math.sqrt(4.0 * math.pi)
        return cls(coefficients)

    @classmethod
    def from_image(cls, image: NDArray[Any], bands: int = MAX_BANDS) -> Light:
        """Projection of a lat-long image (H, 2H, 3) of linear radiance.

        Raises:
            EngineError: the image is not twice as wide as high with three channels.
        """
        check_latlong(image)
        height = len(image)
        basis = sh_basis(latlong_directions(height), bands)
        weighted = image * latlong_weights(height)[..., None]
        return cls(np.tensordot(basis, weighted, ((0, 1), (0, 1))).astype(np.float32))

    def radiance(self, directions: NDArray[Any]) -> NDArray[np.float64]:
        """(..., 3) radiance from unit ``directions`` (..., 3), clipped at 0: harmonics ring, light is not negative."""
        basis = sh_basis(np.asarray(directions, np.float64), self.bands)
        return np.maximum(basis @ self.coefficients.astype(np.float64), 0.0)

    def image(self, height: int) -> FloatArray:
        """(height, 2 height, 3) lat-long image of linear radiance, clipped at 0."""
        return self.radiance(latlong_directions(height)).astype(np.float32)


def check_latlong(image: NDArray[Any]) -> None:
    """Raise EngineError unless ``image`` is (H, 2H, 3) and finite."""
    shape = np.shape(image)
    if len(shape) != 3 or shape[1] != 2 * shape[0] or shape[2] != 3:
        raise EngineError(f"A light's image has the shape {shape}.", "It must be (H, 2 H, 3).")
    if not np.isfinite(image).all():
        raise EngineError("A light's image has values that are no numbers.", "Write it again.")


def mitsuba_rows(height: int) -> FloatArray:
    """(2 height + 1, height) matrix from our rows to those of Mitsuba's ``envmap``, with the same picture between them.

    Mitsuba 3 puts the first and last row on the poles (row k of K at v = k / (K - 1)); we, like Blender, have pixel
    centres at (i + 0.5) / H. With K = 2 H + 1 each of our rows has a row of its own and each other row is the mean of
    two, so bilinear interpolation gives the same everywhere. The columns agree.
    """
    place = np.clip(np.arange(2 * height + 1) / 2.0 - 0.5, 0.0, height - 1.0)
    lower = np.minimum(place.astype(int), max(height - 2, 0))
    matrix = np.zeros((2 * height + 1, height), np.float32)
    rows = np.arange(2 * height + 1)
    matrix[rows, np.minimum(lower + 1, height - 1)] += place - lower
    matrix[rows, lower] += 1.0 - (place - lower)
    return matrix


def mitsuba_envmap(image: NDArray[Any]) -> dict[str, Any]:
    """Description of the ``envmap`` emitter that shows the lat-long ``image`` (H, 2H, 3). Needs Mitsuba's variant set.

    Mitsuba shows local (sin 2 pi u, ., -cos 2 pi u); the quarter turn about y takes that to our convention.
    """
    import mitsuba as mi

    check_latlong(image)
    rows = np.tensordot(mitsuba_rows(len(image)), np.asarray(image, np.float32), 1)
    turn = mi.ScalarTransform4f().rotate([0, 1, 0], 90)
    return {"type": "envmap", "bitmap": mi.Bitmap(np.ascontiguousarray(rows)), "to_world": turn}
