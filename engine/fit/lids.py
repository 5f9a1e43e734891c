"""Lower lids: how far down the photo shows the white of an eye, and a head whose lids let it be seen.

Expression units lift and lower the upper lid, but leave the lower one where a face at rest has it, and people's lie lower or
higher by a millimetre or two. Beside the iris the photo tells where: there the white ends at the lid's edge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ..faces.model import PART_NAMES, FaceModel
from ..landmarks.schemes import Iris, Ring, Scheme
from ..render.geometry import TracedScene
from ..render.transfer import primary_hits
from ..scene.camera import Camera
from .eyes import SIDES, fit_sphere
from .slit import COLUMNS, Slit

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# The part of an eye's width in which an edge counts; fewest columns that must show one.
INNER, FEWEST = (0.12, 0.88), 6
# Shares of the eye's width: from so far above the detected edge to so far below it the white's end is looked for, and from there
# to so far below is skin.
ABOVE, BELOW, SKIN = 0.16, 0.2, 0.3
# An edge that lies nearer to the iris's centre than so many of its radii is the iris's.
BESIDE_IRIS = 1.12
# How far from skin to white a pixel is, in logarithms with this much added: both must be so far apart, the white is surely one from
# the first share on, and ends at the second.
DARK, APART, SURE, ENDS = 0.01, 0.3, 0.7, 0.5
# The highest edge that columns may miss on the median, pixels or as a share of the eye's width: else what is seen is no lid.
LOOSE_PX, LOOSE = 1.0, 0.02
# mm: how the lid's skin follows its rim; how far around the photo's edge the model's is looked for, in which steps; the most that a
# lid is moved. How often the rim is looked for again.
FOLLOWS_MM, AROUND_MM, STEP_MM, MOST_MM, ROUNDS = 5.0, 7.0, 0.1, 3.0, 3
# log R/G, log B/G, and a share of the luminance's logarithm.
LEVEL_SHARE = 0.3
_COLOUR = np.stack([(1.0, -1.0, 0.0), (0.0, -1.0, 1.0), np.multiply(LEVEL_SHARE, (0.2126, 0.7152, 0.0722))], 1)


@dataclass(frozen=True)
class LidEdge:
    """Where the lower lid of the eye ``side`` ends in a picture: ``pixels`` (N, 2) from corner to corner; ``down`` (2,) the unit
    direction across.
    """

    side: str
    pixels: Doubles
    down: Doubles


def find_lower_lids(image: Floats, points: Floats, scheme: Scheme) -> list[LidEdge]:
    """The edges of the lower lids that the photo shows beneath the whites of the eyes.

    Args:
        image: (H, W, 3) linear Rec. 709. points: (L, 2 or more) the detected landmarks in its pixels.
    """
    rings = zip(("eye_right", "eye_left"), (scheme.right_eye, scheme.left_eye), scheme.irises, strict=True)
    found = [_lower_lid(image, points[:, :2].astype(np.float64), *ring) for ring in rings]
    return [edge for edge in found if edge is not None]


def _lower_lid(image: Floats, points: Doubles, side: str, ring: Ring, iris: Iris) -> LidEdge | None:
    slit = Slit.of(points, ring)
    if slit is None:
        return None
    place, width, said = slit.place, slit.width, slit.lower
    centre = (points[iris.centre] - slit.corner) @ np.stack([slit.along, slit.down], 1)
    radius = float(np.linalg.norm(points[list(iris.edge)] - points[iris.centre], axis=1).mean())
    steps = np.arange(-ABOVE * width, SKIN * width, 0.25)
    off = np.full(COLUMNS, np.nan)
    for column in np.flatnonzero(slit.within(INNER)):
        end = _end_of_white(slit.shown(image, int(column), said[column] + steps), steps, width)
        if end is not None:
            away = np.hypot(place[column] - centre[0], said[column] + end - centre[1])
            off[column] = end if away > BESIDE_IRIS * radius else np.nan
    bump = 4.0 * (place / width) * (1.0 - place / width)
    known = np.isfinite(off)
    if known.sum() < FEWEST:
        return None
    # One number for an eye: how much lower than said its middle lies.
    amount = float(np.median(off[known] / bump[known]))
    if np.median(np.abs(off[known] - amount * bump[known])) > max(LOOSE_PX, LOOSE * width):
        return None
    return LidEdge(side, slit.pixels(said + amount * bump), slit.down)


def _end_of_white(shown: Floats, steps: Doubles, width: float) -> float | None:
    """Where in a column (N, 3) downwards the white ends, of ``steps`` (N,); None where it shows none, or no skin below."""
    # The lid is lit otherwise than the skin below it, but is of its colour.
    logarithm = np.log(np.maximum(shown, 0.0).astype(np.float64) + DARK) @ _COLOUR
    below, inside = steps > BELOW * width, steps < BELOW * width
    skin = np.median(logarithm[below], 0)
    upper = np.flatnonzero(steps <= 0.0)
    white = logarithm[upper[np.argsort(shown[upper].sum(1))[-max(2, len(upper) // 5) :]]].mean(0)
    way = white - skin
    if np.linalg.norm(way) < APART or way[2] < 0.0:
        return None
    share = (logarithm - skin) @ way / (way @ way)
    sure = np.flatnonzero((share > SURE) & inside & (steps < 0.5 * BELOW * width))
    if not len(sure):
        return None
    after = np.flatnonzero((share < ENDS) & (np.arange(len(steps)) > sure[-1]))
    if not len(after) or not inside[after[0]]:
        return None
    before, here = share[after[0] - 1], share[after[0]]
    return float(steps[after[0]] - 0.25 * (ENDS - here) / max(before - here, 1e-6))


def lowering_shift(model: FaceModel, vertices: Floats, camera: Camera, edge: LidEdge) -> Floats:
    """(V, 3) mm to add to a head so that a lower lid lies as low as the photo's; zeros where it does, and for a model that has no
    eyeball behind it.

    Args:
        vertices: (V, 3) mm, with the expression.
        camera: of the picture in which ``edge`` was found.
    """
    shift = np.zeros_like(vertices)
    polygons = model.quads[model.face_part == PART_NAMES.index(edge.side)]
    if not len(polygons):
        return shift
    skin = np.unique(model.triangles[model.face_part[model.triangle_face] == PART_NAMES.index("skin")])
    centre, _ = fit_sphere(vertices[np.unique(polygons[polygons >= 0])])
    start = vertices[skin].astype(np.float64)
    for _ in range(ROUNDS):
        rim = _Rim.of(model, vertices + shift, camera, edge)
        if rim is None or rim.lower.max() < STEP_MM:
            break
        moved = start + shift[skin]
        away = moved - centre
        after = away + rim.at(moved)
        # Lids slide over the ball.
        after *= (np.linalg.norm(away, axis=1) / np.linalg.norm(after, axis=1))[:, None]
        total = centre + after - start
        length = np.linalg.norm(total, axis=1, keepdims=True)
        shift[skin] = total * np.minimum(1.0, MOST_MM / np.maximum(length, 1e-9))
    return shift


@dataclass(frozen=True)
class _Rim:
    """The model's lower lid before a photo's edge, in columns: ``places`` (N, 3) mm of its rim, ``along`` (3,) the eye's axis and
    ``down`` (3,) the direction across, and how much ``lower`` (N,) mm it should lie, not below 0.
    """

    along: Doubles
    down: Doubles
    places: Doubles
    lower: Doubles

    @classmethod
    def of(cls, model: FaceModel, vertices: Floats, camera: Camera, edge: LidEdge) -> _Rim | None:
        steps = np.arange(-AROUND_MM, AROUND_MM, STEP_MM)
        pixel_mm = float(np.linalg.norm(camera.centre)) / camera.focal_px
        pixels = edge.pixels[:, None] + (steps / pixel_mm)[:, None] * edge.down
        scene = TracedScene(vertices, model.triangles)
        triangle, barycentric = primary_hits(scene, camera, pixels.reshape(-1, 2).astype(np.float32))
        part = np.where(triangle >= 0, model.face_part[model.triangle_face[triangle]], 0).reshape(pixels.shape[:2])
        corners = vertices[model.triangles[triangle]].astype(np.float64)
        hit = (corners * barycentric[:, :, None]).sum(1).reshape(*pixels.shape[:2], 3)
        ball = part == PART_NAMES.index(edge.side)
        rows = np.flatnonzero(ball[:, :-1].any(1) & ~ball[:, -1])
        last = len(steps) - 1 - ball[rows, ::-1].argmax(1)
        # Before a far eye's ball there may be no skin, but the background.
        skin = (triangle.reshape(ball.shape) >= 0)[rows, last + 1]
        rows, last = rows[skin], last[skin]
        if len(rows) < FEWEST:
            return None
        lower = np.clip(-steps[last], 0.0, MOST_MM)
        smooth = cv2.GaussianBlur(lower[:, None], (1, 0), 2.0, sigmaY=2.0, borderType=cv2.BORDER_CONSTANT)[:, 0]
        turn = camera.rotation.T
        down = turn @ (np.append(edge.down, 0.0) * [1.0, -1.0, 1.0])
        along = turn @ np.array([edge.down[1], edge.down[0], 0.0])
        places = hit[rows, last + 1]
        order = np.argsort(places @ along)
        return cls(along, down, places[order], np.minimum(smooth, lower)[order])

    def at(self, points: Doubles) -> Doubles:
        """(P, 3) mm to add to ``points`` (P, 3)."""
        amount = np.interp(points @ self.along, self.places @ self.along, self.lower, 0.0, 0.0)
        near = np.exp(-0.5 * (cdist(points, self.places).min(1) / FOLLOWS_MM) ** 2)
        # What lies above the line between the corners belongs to the upper lid.
        line = np.interp(points @ self.along, (self.places @ self.along)[[0, -1]], (self.places @ self.down)[[0, -1]])
        below = np.clip((points @ self.down - line) / 1.0 + 0.5, 0.0, 1.0)
        return np.asarray((amount * near * below)[:, None] * self.down)


def lids_of(seen: Sequence[Mapping[str, Floats]]) -> Floats | None:
    """(V, 3) mm of both lids, from what each photo says of either: the mean of those that show it; None where none does."""
    sides = [[photo[side] for photo in seen if side in photo] for side in SIDES]
    means = [np.mean(shifts, 0) for shifts in sides if shifts]
    return np.asarray(np.sum(means, 0), np.float32) if means else None


def eyes_open(model: FaceModel, expression: Floats) -> Floats:
    """(V, 1) in [0, 1]: how far the eye on each vertex's side is not closed by the weights (E,) of an ``expression``."""
    result = np.ones((model.vertex_count, 1), np.float32)
    for name, own in _blinks(model):
        result[own] = 1.0 - np.clip(expression[model.expression_names.index(name)], 0.0, 1.0)
    return result


def expressions_with(model: FaceModel, lids: Floats) -> Floats:
    """(E, V, 3) mm of the expressions at weight 1 for a head with ``lids`` (V, 3) mm lower: its eyes close where the model's do."""
    deltas = model.expression_basis.copy()
    for name, own in _blinks(model):
        deltas[model.expression_names.index(name), own] -= lids[own]
    return deltas


def _blinks(model: FaceModel) -> list[tuple[str, NDArray[np.bool_]]]:
    """The model's units that close an eye, and (V,) True on that side of the head."""
    sides = {"eyeBlinkLeft": model.mean[:, 0] > 0.0, "eyeBlinkRight": model.mean[:, 0] < 0.0}
    return [(name, own) for name, own in sides.items() if name in model.expression_names]
