"""Spectacles: where a photo shows their frames, which belong on no map of the skin.

A frame is two closed lines of nearly one shape before the eyes. So rims of all usual shapes are laid before the eyes of a head whose
pose is known, and the one whose line the photo shows best is compared with what the others show of it: wrinkles, lids and brows are
lines too, but follow none of them all around. What is found is followed where it is seen, and so are the bridge between
the rims and the temples.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.model import FaceModel
from ..landmarks.schemes import Scheme
from ..scene.camera import Camera

FloatImage = NDArray[np.float32]
Floats = NDArray[np.float64]
BoolImage = NDArray[np.bool_]

# The picture that is searched: upright, so many pixels for a millimetre at the eyes, and so many mm to its sides, above and below.
PER_MM = 2.0
ASIDE_MM, ABOVE_MM, BELOW_MM = 88.0, 42.0, 52.0
# Lines: widths in mm, directions over half a turn, how long a piece must be to be one (mm), and the difference of the logarithm of
# luminance from which one is as clear as can be.
WIDTHS = (1.0, 1.8, 3.0, 4.6)
DIRECTIONS = 16
PIECE_MM = 2.5
CLEAR = 0.25
# The most that one counts where it is followed: its middle more than its sides.
MOST = 4.0
DARK = 0.01
# Rims: half of the distance between the lenses' centres, half width, half height, exponent of the superellipse, and how far below
# the eyes they lie; mm. So lenses are 40 to 56 mm wide and 28 to 54 mm high.
APART = (28.0, 30.0, 32.0, 34.0, 36.0)
HALF_WIDTHS = (20.0, 22.0, 24.0, 26.0, 28.0)
HALF_HEIGHTS = (14.0, 16.5, 19.0, 21.5, 24.0, 27.0)
EXPONENTS = (2.0, 2.8, 4.2)
BELOW_EYES = (-9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0, 12.0)
# They stand so far before the lids, bend back to the sides, and their lower edge leans towards the cheeks.
BEFORE_MM, BENT, LEANING = 9.0, 0.0022, 0.12
RIM_POINTS, EVEN_POINTS = 64, 96
# What a line counts at most on a brow, which is one itself, where spectacles are looked for; what the so many narrowest count where
# they are known to be. On open eyes, their lids and this far around them, none counts.
ON_BROWS, NARROW, MOST_ON_BROWS, LIDS_MM = 0.06, 2, 0.5, 4.0
# Half of what a rim is worth is its mean, half the share of it that this percentile shows.
SEEN_PERCENTILE = 30.0
# What the best rim must be worth: so much, of 0.225 at most, or less if that is so many times the median of all that are tried. Of 74 bare
# faces (docs/benchmark.md) none reaches 0.16, and none 0.12 with twice the median.
SURE_WORTH, LEAST_WORTH, LEAST_ADVANTAGE = 0.19, 0.12, 2.05
# How far a rim may lie from the one that was found, mm, and once it was followed; what of one must be seen at least, over so
# many points.
OFF_MM, STILL_OFF_MM, SEEN, SEEN_OVER = 4.0, 1.5, 0.05, 9
# What bridge and temples must show along four fifths of their way; how far temples are followed beyond the face.
LINE_SEEN, LINE_PERCENTILE, BEYOND_MM = 0.08, 20.0, 6.0
# How wide what is taken out is: so many times the line, and its edges and shadow.
WIDER, EDGE_MM = 1.2, 1.0
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def find_spectacles(
    image: FloatImage,
    camera: Camera,
    model: FaceModel,
    vertices: FloatImage,
    points: FloatImage,
    scheme: Scheme,
    brows: FloatImage,
    oval: FloatImage,
) -> FloatImage | None:
    """(H, W) 1 where a photo shows a frame of spectacles before the skin, 0 elsewhere; None where it shows none.

    Args:
        image: (H, W, 3) linear. camera: of the image.
        vertices: (V, 3) mm, the head as far as it is known.
        points: (N, 2 or 3) pixels of the face's points, which ``scheme`` names.
        brows: (H, W) 1 on brows. oval: (H, W) 1 inside the face's outline, beyond which temples are not followed far.
    """
    eyes = _eyes(model, vertices)
    if eyes is None:
        return None
    upright = _Upright.of(camera, eyes)
    lines = _lines(upright.picture(image))
    at_eyes = _around_eyes(upright.points(points[:, :2]), scheme, lines.shape[2:])
    on_brows = upright.picture(brows) > 0.5
    any_line = _counted(np.abs(lines), on_brows, at_eyes)
    if not _best_rims(any_line, upright, camera, eyes).told:
        return None
    # Frames are darker than the skin, or brighter. Beside a dark line lie bright ones, which are less so.
    traced = [_traced(part, on_brows, at_eyes, upright, camera, eyes) for part in (-lines, lines)]
    line = max(traced, key=lambda found: found.strength)
    rims, seen, lines = line.rims, line.seen, line.lines
    drawn = np.zeros(seen.shape[1:], np.uint8)
    for rim in rims:
        _draw(drawn, rim, _shown(rim, seen), _width(rim, lines))
    face = upright.picture(oval) > 0.5
    for path in _between_and_beside(rims, seen, face):
        _draw(drawn, path, np.ones(len(path), bool), _width(path, lines))
    return upright.back(cv2.GaussianBlur(drawn.astype(np.float32), (0, 0), 0.5), image.shape[:2])


@dataclass(frozen=True)
class _Traced:
    """Rims (N, 2) that follow ``lines``, of which ``seen`` (directions, h, w) counts, and the ``strength`` of their line."""

    rims: list[Floats]
    lines: FloatImage
    seen: FloatImage
    strength: float


def _traced(
    lines: FloatImage, brows: BoolImage, at_eyes: BoolImage, upright: _Upright, camera: Camera, eyes: Floats
) -> _Traced:
    """The best rims among bright ``lines``."""
    seen = _counted(lines, brows, at_eyes, known=True)
    exact = _counted(lines, brows, at_eyes, most=MOST, known=True)
    near = _best_rims(seen, upright, camera, eyes).rims
    rims = [_followed(_evenly(_followed(_evenly(rim), exact, OFF_MM)), exact, STILL_OFF_MM) for rim in near]
    return _Traced(rims, lines, seen, float(sum(_along(rim, exact).mean() for rim in rims)))


def _eyes(model: FaceModel, vertices: FloatImage) -> Floats | None:
    """(3,) mm: the middle of both eyes, where the lids are foremost; None for a model that does not tell its lids."""
    lids = model.regions.get("eyelids", np.zeros(model.vertex_count, np.float32)) > 0.5
    if not lids.any():
        return None
    there = vertices[lids].astype(np.float64)
    left = there[:, 0] > np.median(there[:, 0])
    middle = (there[left].mean(0) + there[~left].mean(0)) / 2.0
    return np.array([middle[0], middle[1], np.percentile(there[:, 2], 95)])


@dataclass(frozen=True)
class _Upright:
    """The part of a picture around the eyes, turned upright. ``place`` (2, 3) takes its pixels, OpenCV's, to the picture's."""

    place: Floats

    @classmethod
    def of(cls, camera: Camera, eyes: Floats) -> _Upright:
        middle, aside = camera.project(np.stack([eyes, eyes + np.array([10.0, 0.0, 0.0])])) - 0.5
        across = (aside - middle) / max(1e-6, float(np.linalg.norm(aside - middle)))
        down = np.array([-across[1], across[0]])
        pixel = camera.focal_px / float(np.linalg.norm(eyes - camera.centre)) / PER_MM
        corner = middle - PER_MM * pixel * (ASIDE_MM * across + ABOVE_MM * down)
        return cls(np.column_stack([pixel * across, pixel * down, corner]))

    @property
    def scale(self) -> float:
        """Pixels of the whole picture for one of this part."""
        return float(np.linalg.norm(self.place[:, 0]))

    def picture(self, image: FloatImage) -> FloatImage:
        """(h, w, ...) of ``image`` (H, W, ...)."""
        size = (round(2.0 * ASIDE_MM * PER_MM), round((ABOVE_MM + BELOW_MM) * PER_MM))
        place, share = self.place.copy(), 1.0 / self.scale
        if share < 1.0:
            # A large picture is shrunk first: averaged, and without a second one of its size.
            image = np.asarray(cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.float32)
            place *= share
            place[:, 2] += 0.5 * share - 0.5
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(image, place, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))

    def points(self, places: NDArray[np.floating[Any]]) -> Floats:
        """(..., 2) pixels here of (..., 2) pixels of the whole picture, whose centres lie at +0.5."""
        return np.asarray((places - 0.5 - self.place[:, 2]) @ np.linalg.inv(self.place[:, :2]).T)

    def back(self, values: FloatImage, shape: tuple[int, ...]) -> FloatImage:
        """(H, W) of the whole picture, 0 beyond this part."""
        size = (shape[1], shape[0])
        return np.asarray(cv2.warpAffine(values, self.place, size, flags=cv2.INTER_LINEAR), np.float32)


def _lines(image: FloatImage) -> FloatImage:
    """(widths, directions, h, w) how much brighter than beside it a line through each pixel is, of the logarithm of luminance."""
    light = np.log(np.maximum(image, 0.0) @ LUMINANCE + np.float32(DARK))
    found = [cv2.filter2D(light, cv2.CV_32F, _kernel(w, d), borderType=cv2.BORDER_REPLICATE) for w, d in _kinds()]
    return np.asarray(np.stack(found), np.float32).reshape(len(WIDTHS), DIRECTIONS, *light.shape)


def _kinds() -> list[tuple[float, int]]:
    return list(itertools.product(WIDTHS, range(DIRECTIONS)))


def _kernel(width: float, direction: int) -> FloatImage:
    """A piece of a line of ``width`` mm less what lies beside it: the second derivative of a Gaussian across, a Gaussian along."""
    across, along = 0.45 * width * PER_MM, max(PIECE_MM * PER_MM, 0.72 * width * PER_MM)
    reach = int(np.ceil(3.0 * max(across, along)))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    angle = np.pi * direction / DIRECTIONS
    far = (y * np.cos(angle) - x * np.sin(angle)) / across
    near = (x * np.cos(angle) + y * np.sin(angle)) / along
    kernel = (1.0 - far**2) * np.exp(-0.5 * (far**2 + near**2))
    kernel -= kernel.mean()
    return np.asarray(kernel / kernel[kernel > 0.0].sum(), np.float32)


def _around_eyes(points: Floats, scheme: Scheme, shape: tuple[int, ...]) -> BoolImage:
    """(h, w) True on the eyes' openings and `LIDS_MM` around them."""
    eyes = np.zeros(shape, np.uint8)
    for ring in (scheme.right_eye, scheme.left_eye):
        cv2.fillPoly(eyes, [np.round(points[list(ring)]).astype(np.int32)], 1)
    size = 2 * round(LIDS_MM * PER_MM) + 1
    return np.asarray(cv2.dilate(eyes, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))) > 0)


def _counted(
    lines: FloatImage, brows: BoolImage, eyes: BoolImage, most: float = CLEAR, known: bool = False
) -> FloatImage:
    """(directions, h, w) what the ``lines`` of any width count, from 0 to ``most``; ``known``: whether there are spectacles."""
    best = np.clip(lines.max(0), 0.0, most)
    # A brow is a wide line.
    there = np.clip(lines[:NARROW].max(0), 0.0, MOST_ON_BROWS) if known else np.minimum(best, ON_BROWS)
    best = np.where(brows, there, best)
    return np.asarray(np.where(eyes, 0.0, best), np.float32)


@dataclass(frozen=True)
class _Rims:
    """The right and the left rim, (N, 2) pixels each from the outer end on, of which most is seen; what they are ``worth``, and the
    median of all that were tried.
    """

    rims: list[Floats]
    worth: float
    usual: float

    @property
    def told(self) -> bool:
        """Whether there are rims."""
        return self.worth > min(SURE_WORTH, max(LEAST_WORTH, LEAST_ADVANTAGE * self.usual))


def _best_rims(seen: FloatImage, upright: _Upright, camera: Camera, eyes: Floats) -> _Rims:
    """Of all usual rims those that show best."""
    shapes = np.array(list(itertools.product(APART, HALF_WIDTHS, HALF_HEIGHTS, EXPONENTS, BELOW_EYES)))
    rims = [upright.points(camera.project(_rim(shapes, side, eyes))) for side in (-1.0, 1.0)]
    worth = np.mean([_worth(_along(rim, seen)) for rim in rims], 0)
    best = int(np.argmax(worth))
    return _Rims([rim[best] for rim in rims], float(worth[best]), float(np.median(worth)))


def _rim(shapes: Floats, side: float, eyes: Floats) -> Floats:
    """(S, N, 3) mm: the rims of ``shapes`` (S, 5) on a ``side``, 1 for the person's left."""
    apart, width, height, exponent, below = (column[:, None] for column in shapes.T)
    turn = np.linspace(0.0, 2.0 * np.pi, RIM_POINTS, endpoint=False)[None]
    across, up = (np.sign(part) * np.abs(part) ** (2.0 / exponent) for part in (np.cos(turn), np.sin(turn)))
    x, y = side * (apart + width * across), height * up
    back = eyes[2] + BEFORE_MM - BENT * x**2 + LEANING * y
    return np.stack([eyes[0] + x, eyes[1] - below + y, back], -1)


def _along(path: Floats, seen: FloatImage) -> Floats:
    """(..., N) what is ``seen`` of a line along closed paths (..., N, 2); 0 beyond the picture."""
    step = np.roll(path, -1, -2) - np.roll(path, 1, -2)
    return _at(path, _direction(step), seen)


def _direction(step: Floats) -> NDArray[np.intp]:
    """(...) the number of the direction of (..., 2)."""
    return np.asarray(np.round(np.arctan2(step[..., 1], step[..., 0]) / np.pi * DIRECTIONS).astype(int) % DIRECTIONS)


def _at(place: Floats, direction: NDArray[np.intp], seen: FloatImage) -> Floats:
    """(...) what is ``seen`` at (..., 2) pixels in one ``direction`` (...) or the next to it."""
    column, row = np.moveaxis(np.round(place).astype(int), -1, 0)
    height, width = seen.shape[1:]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    column, row = np.clip(column, 0, width - 1), np.clip(row, 0, height - 1)
    near = [seen[(direction + turned) % DIRECTIONS, row, column] for turned in (-1, 0, 1)]
    return np.asarray(np.where(inside, np.max(near, 0), 0.0), np.float64)


def _worth(seen: Floats) -> Floats:
    """(S,) of what is seen along rims (S, N)."""
    whole = np.minimum(seen, 0.8 * CLEAR).mean(1)
    return np.asarray(0.5 * whole + 0.5 * np.percentile(seen, SEEN_PERCENTILE, axis=1), np.float64)


def _evenly(rim: Floats) -> Floats:
    """(N, 2) points at equal distances along the closed line through ``rim`` (N, 2)."""
    closed = np.concatenate([rim, rim[:1]])
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    there = np.linspace(0.0, way[-1], EVEN_POINTS, endpoint=False)
    return np.stack([np.interp(there, way, closed[:, axis]) for axis in range(2)], 1)


def _followed(rim: Floats, seen: FloatImage, off: float) -> Floats:
    """(N, 2) the closed line beside ``rim`` (N, 2), no more than ``off`` mm away, along which most is ``seen``."""
    step = np.roll(rim, -1, 0) - np.roll(rim, 1, 0)
    out = np.stack([step[:, 1], -step[:, 0]], 1) / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-6)
    offsets = np.arange(-off, off + 0.25, 0.5) * PER_MM
    places = rim[:, None] + offsets[:, None] * out[:, None]
    along = _at(places, np.broadcast_to(_direction(step)[:, None], places.shape[:2]), seen)
    # Twice around, of which the middle knows of no beginning.
    path = _best_path(np.concatenate([along, along]).T)
    half = len(rim) // 2
    chosen = np.roll(path[half : half + len(rim)], half)
    return np.asarray(places[np.arange(len(rim)), chosen])


def _best_path(worth: Floats) -> NDArray[np.intp]:
    """(w,) the row in each column of ``worth`` (h, w), no more than one off the column before, whose sum is most."""
    height, width = worth.shape
    total, back = worth[:, 0].astype(np.float64), np.zeros((height, width), int)
    for column in range(1, width):
        wall = np.concatenate([[-np.inf], total, [-np.inf]])
        before = np.stack([wall[:-2], wall[1:-1] + 1e-6, wall[2:]])
        back[:, column] = before.argmax(0) - 1
        total = before.max(0) + worth[:, column]
    rows = [int(total.argmax())]
    for column in range(width - 1, 0, -1):
        rows.append(rows[-1] + int(back[rows[-1], column]))
    return np.array(rows[::-1])


def _shown(rim: Floats, seen: FloatImage) -> BoolImage:
    """(N,) True where a rim is seen: some have none below the lens."""
    around = np.pad(_along(rim, seen), SEEN_OVER // 2, mode="wrap")
    return np.asarray(np.convolve(around, np.ones(SEEN_OVER) / SEEN_OVER, "valid") > SEEN)


def _width(path: Floats, lines: FloatImage) -> float:
    """Pixels: how wide the line along ``path`` (N, 2) is for the most part."""
    step = np.gradient(path, axis=0)
    by_width = [_at(path, _direction(step), np.clip(part, 0.0, MOST)).sum() for part in lines]
    return WIDTHS[int(np.argmax(by_width))] * PER_MM


def _between_and_beside(rims: list[Floats], seen: FloatImage, face: BoolImage) -> list[Floats]:
    """(N, 2) each: the bridge, and the temples as far as they lie before the ``face``; those that are seen."""
    right, left = sorted(rims, key=lambda rim: float(rim[:, 0].mean()))
    top, bottom = (float(of(pick(rim[:, 1]) for rim in rims)) for of, pick in ((min, np.min), (max, np.max)))
    low = top + 0.6 * (bottom - top)
    columns = np.flatnonzero(face[int(max(0, top)) : int(max(1, bottom))].any(0))
    beyond = BEYOND_MM * PER_MM
    first, last = (columns[0] - beyond, columns[-1] + beyond) if len(columns) else (0.0, 0.0)
    parts = ((right[:, 0].max(), left[:, 0].min()), (first, right[:, 0].min()), (left[:, 0].max(), last))
    found = [_line_across(begin, end, top - 4.0 * PER_MM, low, seen) for begin, end in parts]
    return [path for path in found if path is not None]


def _line_across(begin: float, end: float, top: float, bottom: float, seen: FloatImage) -> Floats | None:
    """(N, 2) the line from the column ``begin`` to ``end`` between two rows along which most is seen, where enough is."""
    height, width = seen.shape[1:]
    x0, x1 = max(0, round(begin) - 1), min(width, round(end) + 2)
    y0, y1 = max(0, round(top)), min(height, round(bottom))
    if x1 - x0 < 3 * PER_MM or y1 - y0 < 2 * PER_MM:
        return None
    level = [d for d in range(DIRECTIONS) if min(d, DIRECTIONS - d) <= DIRECTIONS * 38 // 180]
    worth = seen[level, y0:y1, x0:x1].max(0)
    rows = _best_path(worth)
    columns = np.arange(x1 - x0)
    if np.percentile(worth[rows, columns], LINE_PERCENTILE) < LINE_SEEN:
        return None
    return np.asarray(np.stack([columns + x0, rows + y0], 1), np.float64)


def _draw(picture: NDArray[np.uint8], path: Floats, shown: BoolImage, width: float) -> None:
    """Draw what is ``shown`` (N,) of a line (N, 2), and close it where its ends meet."""
    thickness = max(1, round(WIDER * width + 2.0 * EDGE_MM * PER_MM))
    ends = np.roll(path, -1, 0)
    for begin, end, seen in zip(path, ends, shown, strict=True):
        # An open line's ends are far apart.
        if seen and np.linalg.norm(end - begin) < 6.0 * PER_MM:
            corners = [tuple(int(v) for v in np.round(place)) for place in (begin, end)]
            cv2.line(picture, corners[0], corners[1], 1, thickness)
