"""Lips that the photo shows closed: where they meet, and a head whose lips meet there.

A detector tells the inner edges of full lips apart where they touch, and a face model's modes leave them ajar: the render would
show teeth that the photo does not. Closed lips show a dark line no higher than a shadow, and skin on both sides of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ..faces.model import PART_NAMES, FaceModel
from ..landmarks.schemes import Scheme
from ..render.geometry import TracedScene
from ..render.transfer import primary_hits
from ..scene.camera import Camera
from .slit import COLUMNS, Slit

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# The part of the mouth's width that is looked at: towards the corners there is always a shadow.
INNER = (0.2, 0.8)
# Lengths as shares of the face's height, about 185 mm: how far over the detected edges the lips are looked at; the highest line
# that a shadow makes between closed ones; the widest gap that a detector sees between them; over how much the line may be
# off what it says.
REACH, LINE, AJAR, STRAY = 0.018, 0.0095, 0.019, 0.004
# What is darker than this share of the lips' luminance beside it lies between them; so do teeth, which have less red by so much
# in the logarithm of R/G and so much of the luminance. Of the columns so many must show no more than a line.
DARK, LESS_RED, LEAST_BRIGHT, SHARE_CLOSED = 0.25, 0.12, 0.6, 0.9
# Samples in a pixel; how many columns the line is smoothed over.
PER_PIXEL, SMOOTHING = 4, 1.5
# The lower lip is what the jaw moves; all of it follows by this share of the most that moves.
JAW, FULLY_MOVED = "jawOpen", 0.6
# mm: around its rim a lip follows within this deviation; how far around the line the model's opening is looked for, in which
# steps; by how much closed lips overlap. How often the opening is looked for again.
FOLLOWS_MM, AROUND_MM, STEP_MM, OVERLAP_MM, ROUNDS = 4.0, 8.0, 0.1, 0.1, 3
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True)
class Seam:
    """Where closed lips meet in a picture: ``pixels`` (N, 2) from corner to corner; ``down`` (2,) the unit direction across."""

    pixels: Doubles
    down: Doubles


def find_seam(image: Floats, points: Floats, scheme: Scheme, height: float) -> Seam | None:
    """The line between closed lips; None where the photo shows the mouth open.

    Args:
        image: (H, W, 3) linear Rec. 709. points: (L, 2 or more) the detected landmarks in its pixels.
        height: of the face, pixels.
    """
    slit = Slit.of(points[:, :2].astype(np.float64), scheme.inner_lips)
    if slit is None:
        return None
    gap, looked_at = slit.lower - slit.upper, slit.within(INNER)
    if gap[looked_at].max() > AJAR * height:
        return None
    middle, opening = 0.5 * (slit.upper + slit.lower), np.zeros(COLUMNS)
    for column in np.flatnonzero(looked_at):
        reach = REACH * height + 0.5 * gap[column]
        steps = np.arange(-reach, reach, 1.0 / PER_PIXEL)
        between, relative = _between_lips(slit.shown(image, int(column), middle[column] + steps))
        opening[column] = between.sum() / PER_PIXEL
        line = np.clip(steps[relative.argmin()], -STRAY * height, STRAY * height)
        # The less dark it is, the less it says.
        middle[column] += line * max(0.0, 1.0 - float(relative.min()))
    line_height = max(LINE * height, 2.0)
    if (opening[looked_at] <= line_height).mean() < SHARE_CLOSED:
        return None
    smooth = cv2.GaussianBlur(middle[:, None], (1, 0), SMOOTHING, sigmaY=SMOOTHING, borderType=cv2.BORDER_REPLICATE)
    return Seam(slit.pixels(smooth[:, 0]), slit.down)


def _between_lips(shown: Floats) -> tuple[NDArray[np.bool_], Doubles]:
    """In one column (N, 3) over both lips: (N,) True for what lies between them, and (N,) luminance relative to theirs."""
    luminance = (shown @ _LUMINANCE).astype(np.float64) + 1e-4
    redness = np.log(shown[:, 0] + 0.004) - np.log(shown[:, 1] + 0.004)
    end = max(2, len(shown) // 4)

    def usual(values: Doubles | Floats) -> Doubles:
        return np.linspace(float(np.median(values[:end])), float(np.median(values[-end:])), len(values))

    relative = luminance / usual(luminance)
    pale = (redness < usual(redness) - LESS_RED) & (relative > LEAST_BRIGHT)
    inner = np.zeros(len(shown), bool)
    inner[end // 2 : len(shown) - end // 2] = True
    return ((relative < DARK) | pale) & inner, np.where(inner, relative, np.inf)


def closing_shift(model: FaceModel, vertices: Floats, camera: Camera, seam: Seam) -> Floats:
    """(V, 3) mm to add to a head so that its lips meet where the photo's do; zeros where they are closed, and for a model that
    has no mouth behind them or no jaw.

    Args:
        vertices: (V, 3) mm, with the expression.
        camera: of the picture in which ``seam`` was found.
    """
    shift = np.zeros_like(vertices)
    lower = _lower_lip(model)
    if lower is None:
        return shift
    lips = np.unique(model.triangles[np.isin(model.face_part[model.triangle_face], [_SKIN, _MOUTH])])
    for _ in range(ROUNDS):
        moves = _Opening.of(model, vertices + shift, camera, seam).moves()
        if moves is None:
            break
        shift[lips] += moves.at((vertices + shift)[lips], lower[lips])
    return shift


_SKIN, _MOUTH = PART_NAMES.index("skin"), PART_NAMES.index("mouth")
_INSIDE = tuple(PART_NAMES.index(name) for name in ("mouth", "teeth_upper", "teeth_lower", "tongue"))


def _lower_lip(model: FaceModel) -> Floats | None:
    """(V,) in [0, 1]: how far each vertex goes with the jaw."""
    if JAW not in model.expression_names or not np.isin(model.face_part, _INSIDE).any() or "lips" not in model.regions:
        return None
    moved = np.linalg.norm(model.expression_basis[model.expression_names.index(JAW)], axis=1)
    most = float(moved[model.regions["lips"] > 0.5].max(initial=0.0))
    return np.asarray(np.clip(moved / (FULLY_MOVED * most), 0.0, 1.0), np.float32) if most > 0.0 else None


@dataclass(frozen=True)
class _Moves:
    """What brings the rims of both lips together, at the N columns: ``place`` (N,) mm along the mouth's axis ``along`` (3,),
    ``upper`` and ``lower`` (N,) mm to go ``down`` (3,), and the ``rims`` (2, N, 3) themselves.
    """

    along: Doubles
    down: Doubles
    place: Doubles
    upper: Doubles
    lower: Doubles
    rims: Doubles

    def at(self, points: Floats, lowerness: Floats) -> Floats:
        """(P, 3) mm for ``points`` (P, 3) that go with the lower lip by ``lowerness`` (P,)."""
        where = points @ self.along
        upper, lower = (np.interp(where, self.place, values, 0.0, 0.0) for values in (self.upper, self.lower))
        near = [np.exp(-0.5 * (cdist(points, rim).min(1) / FOLLOWS_MM) ** 2) for rim in self.rims]
        amount = (1.0 - lowerness) * upper * near[0] + lowerness * lower * near[1]
        return np.asarray(amount[:, None] * self.down, np.float32)


@dataclass(frozen=True)
class _Opening:
    """What the model shows in columns across the seam, ``steps`` (S,) mm downwards from it: ``inside`` (N, S) is True where
    that is the mouth's inside, ``places`` (N, S, 3) mm are on its surface (nan where there is none).
    """

    seam: Seam
    camera: Camera
    steps: Doubles
    inside: NDArray[np.bool_]
    places: Doubles

    @classmethod
    def of(cls, model: FaceModel, vertices: Floats, camera: Camera, seam: Seam) -> _Opening:
        steps = np.arange(-AROUND_MM, AROUND_MM, STEP_MM)
        pixel_mm = float(np.linalg.norm(camera.centre)) / camera.focal_px
        pixels = seam.pixels[:, None] + (steps / pixel_mm)[:, None] * seam.down
        triangle, barycentric = primary_hits(
            TracedScene(vertices, model.triangles), camera, pixels.reshape(-1, 2).astype(np.float32)
        )
        part = model.face_part[model.triangle_face[triangle]]
        inside = (triangle >= 0) & np.isin(part, _INSIDE)
        corners = vertices[model.triangles[triangle]].astype(np.float64)
        places = np.where((triangle >= 0)[:, None], (corners * barycentric[:, :, None]).sum(1), np.nan)
        shape = pixels.shape[:2]
        return cls(seam, camera, steps, inside.reshape(shape), places.reshape(*shape, 3))

    def moves(self) -> _Moves | None:
        """How to close it; None where it is closed."""
        found = [self._rims(column) for column in range(len(self.inside))]
        known = [each for each in found if each is not None]
        if not any(top < bottom for top, bottom in known):
            return None
        rows = np.array([column for column, each in enumerate(found) if each is not None])
        tops, bottoms = np.array(known).T
        rims = np.stack([self.places[rows, tops], self.places[rows, bottoms]])
        open_here = tops < bottoms
        across = np.append(self.seam.down, 0.0) * [1.0, -1.0, 1.0]
        span = self.seam.pixels[-1] - self.seam.pixels[0]
        axis = np.append(span / np.linalg.norm(span), 0.0) * [1.0, -1.0, 1.0]
        turn = self.camera.rotation.T
        along = turn @ axis
        place = rims.mean(0) @ along
        order = np.argsort(place)
        top, bottom = self.steps[tops], self.steps[bottoms]
        # Neither lip goes beyond the other: where the model's mouth lies higher or lower than the photo's, it stays so.
        meeting = np.clip(0.0, top, bottom)
        upper = np.where(open_here, meeting - top + OVERLAP_MM, 0.0)
        lower = np.where(open_here, meeting - bottom - OVERLAP_MM, 0.0)
        return _Moves(along, turn @ across, place[order], upper[order], lower[order], rims[:, order])

    def _rims(self, column: int) -> tuple[int, int] | None:
        """Steps of the last skin above the opening and of the first below it; twice the seam's where it is closed, None where
        the head is not seen.
        """
        inside, seen = self.inside[column], np.isfinite(self.places[column, :, 0])
        middle = len(inside) // 2
        if not inside.any():
            return (middle, middle) if seen[middle] else None
        # The opening that lies nearest to the seam.
        nearest = np.flatnonzero(inside)[np.abs(np.flatnonzero(inside) - middle).argmin()]
        shut = np.flatnonzero(~inside)
        above, below = shut[shut < nearest], shut[shut > nearest]
        if not len(above) or not len(below) or not seen[above[-1]] or not seen[below[0]]:
            return None
        return int(above[-1]), int(below[0])
