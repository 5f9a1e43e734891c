"""Which pixels of a crop show skin of the face, and how surely."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..landmarks.schemes import MEDIAPIPE, Ring, Scheme
from ..scene.colour import linear_to_srgb
from .crop import FaceCrop

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

# Share of the face's height by which a face may reach beyond the detector's oval.
_OVAL_MARGIN = 0.08
# Share of the face's height by which brows reach beyond the detector's points.
_BROW_MARGIN = 0.025
# Share of the face's height over which the rims of lids and lips reach beyond the detector's points.
_RIM = 0.008
# sRGB values of the brightest channel between which trust falls: a clipped channel carries no colour, and next to it
# the sensor's own curve bends.
_BRIGHT, _BLOWN_OUT = 0.93, 0.985
_BLACK = 0.02
# Widths in natural logarithms at which colour or brightness stop being like the face's own skin. Highlights take the
# light's colour and shadows that of the surroundings, so colour alone says little below a factor of two.
_CHROMA_WIDTH = 0.9
_DARKNESS_WIDTH = 0.6
# In such widths, what is dark enough to be hair.
_HAIRY = 0.6
# A far brow ends at the face's border; hair comes in along it. Share of its own length up to which a brow touches it, how
# far from the detector's brows it lies (raised, they err by this share of the face's height), and how much of it does.
_BROW_CONTACT = 0.4
_BROW_RAISED = 0.06
_BROW_SHARE = 0.9
_BORDER_PX = 2.0


def skin_mask(
    crop: FaceCrop,
    points: FloatArray,
    person: FloatArray | None = None,
    also: BoolArray | None = None,
    scheme: Scheme = MEDIAPIPE,
    lips_closed: bool = False,
    rims: bool = False,
) -> FloatArray:
    """(h, w) weights in [0, 1]: 1 where a pixel surely shows skin of the face, lips and brows included.

    Args:
        crop: the picture.
        points: (N, 2 or 3) the face's points in pixels of the crop.
        person: (h, w) in [0, 1], 1 where a person is, or None.
        also: (h, w) True where the face is known to be seen: close to the detector's oval, which on the far side of a face
            seen from aside ends before the face does, this counts as inside.
        scheme: what the points are.
        lips_closed: whether there is nothing between the lips, though a detector sees them apart.
        rims: whether lashes and the wet rims of the lids count as well: they are no lit skin, but belong on its map.
    """
    shape = (crop.height, crop.width)
    face_px = float(np.max(np.ptp(points[:, :2], axis=0)))
    inside = oval_mask(shape, points, scheme)
    if also is not None:
        inside |= also & _grown(inside, _OVAL_MARGIN * face_px)
    weight = inside.copy()
    for ring in (scheme.right_eye, scheme.left_eye):
        # Without rims a little wider than the ring.
        opening = _filled(points, ring, shape)
        weight[opening if rims else _grown(opening, _RIM * face_px)] = False
    if not lips_closed:
        weight[_grown(_filled(points, scheme.inner_lips, shape), _RIM * face_px)] = False
    result = weight.astype(np.float32) * _well_exposed(crop.linear)
    result *= _skin_like(crop.linear, points, inside, scheme)
    for other in (crop.alpha, person):
        if other is not None:
            result *= np.clip(2.0 * other - 0.5, 0.0, 1.0)
    return np.asarray(cv2.GaussianBlur(result, (0, 0), max(0.5, 0.002 * face_px)) * weight, np.float32)


def oval_mask(shape: tuple[int, int], points: FloatArray, scheme: Scheme = MEDIAPIPE) -> BoolArray:
    """(h, w) True inside the detector's oval of a face with the ``points`` (N, 2 or 3) in pixels."""
    return _filled(points, scheme.oval, shape)


def _filled(points: FloatArray, ring: Ring, shape: tuple[int, int]) -> BoolArray:
    """(h, w) True inside the polygon through the points of a ring."""
    image = np.zeros(shape, np.uint8)
    # OpenCV takes fixed-point corners (4 fraction bits) with pixel centres at integers.
    corners = np.round((points[list(ring), :2] - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(image, [corners], 1, shift=4)
    return image.astype(bool)


def _grown(mask: BoolArray, pixels: float) -> BoolArray:
    size = 2 * max(1, round(pixels)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel), bool)


def _well_exposed(linear: FloatArray) -> FloatArray:
    """Weights that fall where a channel is clipped at the top, or all are black."""
    brightest = linear_to_srgb(linear).max(-1)
    # Resampling has mixed clipped pixels with their neighbours.
    near = cv2.dilate(brightest, np.ones((3, 3), np.uint8))
    share = np.clip((_BLOWN_OUT - near) / (_BLOWN_OUT - _BRIGHT), 0.0, 1.0)
    dark = np.clip((brightest - _BLACK) / 0.02, 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share) * dark, np.float32)


def _skin_like(linear: FloatArray, points: FloatArray, inside: BoolArray, scheme: Scheme) -> FloatArray:
    """Weights for the likeness to the face's own skin: no skin tone is assumed.

    Colour is compared as ``log(R/G), log(B/G)``, brightness as ``log`` luminance, each with a plane or quadric over the
    face that is fitted robustly: light of two colours, or from one side, is no reason to doubt skin.
    """
    height, width = inside.shape
    step = max(1, min(height, width) // 128)
    colour = _log_colour(linear)
    rows, columns = np.nonzero(inside[::step, ::step])
    rows, columns = rows * step, columns * step
    start = _core_colour(colour, points, scheme)
    smooth = _robust_surfaces(_basis(rows, columns, points), colour[rows, columns], start)
    all_rows, all_columns = np.nonzero(inside)
    difference = colour[all_rows, all_columns] - _basis(all_rows, all_columns, points) @ smooth
    chroma = (difference[:, :2] ** 2).sum(-1) / _CHROMA_WIDTH**2
    darker = np.zeros(inside.shape, np.float32)
    darker[all_rows, all_columns] = np.maximum(-difference[:, 2], 0.0) / _DARKNESS_WIDTH
    darker[~_forehead(points, (height, width), scheme)] = 0.0
    face_px = float(np.max(np.ptp(points[:, :2], axis=0)))
    brows = _grown(_brows(points, (height, width), scheme), (_BROW_MARGIN + _BROW_RAISED) * face_px)
    darker[_islands(darker > _HAIRY, inside, brows)] = 0.0
    result = np.ones(inside.shape, np.float32)
    result[all_rows, all_columns] = 1.0 / (1.0 + chroma**2)
    return np.asarray(result / (1.0 + darker**4), np.float32)


def _islands(dark: BoolArray, inside: BoolArray, brows: BoolArray) -> BoolArray:
    """(h, w) True where ``dark`` pixels are raised brows and not hair, which comes from outside: parts that do not reach
    the face's border, or end at it and lie where ``brows`` may be.
    """
    count, label, boxes, _ = cv2.connectedComponentsWithStats(dark.astype(np.uint8), connectivity=8)
    border = inside & _grown(~inside, _BORDER_PX)
    touching = np.bincount(label[border & dark], minlength=count) / _BORDER_PX
    length = np.hypot(boxes[:, cv2.CC_STAT_WIDTH], boxes[:, cv2.CC_STAT_HEIGHT])
    at_brows = np.bincount(label[brows & dark], minlength=count) > _BROW_SHARE * boxes[:, cv2.CC_STAT_AREA]
    hair = (touching > 0.0) & ~(at_brows & (touching < _BROW_CONTACT * length))
    return np.asarray(dark & ~hair[label])


def _forehead(points: FloatArray, shape: tuple[int, int], scheme: Scheme) -> BoolArray:
    """(h, w) True in the part of the face's oval above the brows, however thick these are.

    Dark pixels are hair there and not beard.
    """
    oval = scheme.oval
    start, end = (oval.index(temple) for temple in scheme.temples)
    raised = points.copy()
    upper, lower = list(scheme.above_brows[1:-1]), list(scheme.below_brows)
    raised[upper] += points[upper] - points[lower]
    return _filled(raised, (*oval[start:], *oval[: end + 1], *reversed(upper)), shape)


def _log_colour(linear: FloatArray) -> FloatArray:
    """(h, w, 3) log(R/G), log(B/G), log luminance; noise in the dark is held down by a small constant."""
    safe = np.log(cv2.GaussianBlur(linear, (0, 0), 2.0) + 0.004)
    luminance: FloatArray = np.log(linear @ np.array([0.2126, 0.7152, 0.0722], np.float32) + 0.004)
    return np.asarray(np.stack([safe[..., 0] - safe[..., 1], safe[..., 2] - safe[..., 1], luminance], -1))


def _core_colour(colour: FloatArray, points: FloatArray, scheme: Scheme) -> FloatArray:
    """(3,) median colour around points that are seldom covered."""
    height, width = colour.shape[:2]
    places = np.round(points[list(scheme.core), :2] - 0.5).astype(int)
    places = np.clip(places, 0, [width - 1, height - 1])
    return np.asarray(np.median(colour[places[:, 1], places[:, 0]], 0))


def _basis(rows: NDArray[np.intp], columns: NDArray[np.intp], points: FloatArray) -> FloatArray:
    """(N, 6) quadratic polynomials in coordinates of about [-1, 1] over the face."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    x, y = ((np.stack([columns, rows], -1) + 0.5 - (low + high) / 2) / (0.5 * np.max(high - low))).T
    return np.asarray(np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1), np.float32)


def _robust_surfaces(basis: FloatArray, values: FloatArray, start: FloatArray) -> NDArray[Any]:
    """(6, 3) coefficients by iterated weighted least squares (Geman-McClure weights), from a constant start.

    Colour gets a plane, luminance a quadric; the ridge keeps both flat where hair covers much of the face.
    """
    result = np.zeros((6, 3))
    result[0] = start
    for channel, (terms, width) in enumerate(((3, _CHROMA_WIDTH), (3, _CHROMA_WIDTH), (6, _DARKNESS_WIDTH))):
        part = basis[:, :terms].astype(np.float64)
        ridge = np.diag([0.0] + [0.02 * len(part)] * (terms - 1))
        for _ in range(6):
            difference = values[:, channel] - part @ result[:terms, channel]
            weight = 1.0 / (1.0 + (difference / width) ** 2) ** 2
            normal = (part * weight[:, None]).T
            result[:terms, channel] = np.linalg.solve(normal @ part + ridge, normal @ values[:, channel])
    return result


def brow_mask(crop: FaceCrop, points: FloatArray, scheme: Scheme = MEDIAPIPE) -> FloatArray:
    """(h, w) 1 on and close around both brows, 0 elsewhere; arguments as in `skin_mask`."""
    face_px = float(np.max(np.ptp(points[:, :2], axis=0)))
    brows = _brows(points, (crop.height, crop.width), scheme)
    return _grown(brows, _BROW_MARGIN * face_px).astype(np.float32)


def _brows(points: FloatArray, shape: tuple[int, int], scheme: Scheme) -> BoolArray:
    """(h, w) True between the detector's points of both brows."""
    upper, lower = scheme.above_brows[1:-1], scheme.below_brows
    half = len(lower) // 2
    rings = ((*upper[:half], *reversed(lower[:half])), (*upper[half:], *reversed(lower[half:])))
    return _filled(points, rings[0], shape) | _filled(points, rings[1], shape)


def eye_mask(crop: FaceCrop, points: FloatArray, scheme: Scheme = MEDIAPIPE) -> FloatArray:
    """(h, w) 1 inside both open eyes, 0 elsewhere; arguments as in `skin_mask`."""
    shape = (crop.height, crop.width)
    right, left = (_filled(points, ring, shape) for ring in (scheme.right_eye, scheme.left_eye))
    return np.asarray(right | left, np.float32)


def mouth_mask(crop: FaceCrop, points: FloatArray, scheme: Scheme = MEDIAPIPE) -> FloatArray:
    """(h, w) 1 between the lips, 0 elsewhere; arguments as in `skin_mask`."""
    return _filled(points, scheme.inner_lips, (crop.height, crop.width)).astype(np.float32)
