"""A head whose lips are closed and meet where a photo's do.

A face model's modes leave closed lips ajar, so that the render would show teeth that the photo does not, and lay the line
between them a millimetre or two beside the photo's, so that the maps would have one lip's colour on the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ..faces.model import PART_NAMES, FaceModel
from ..render.geometry import TracedScene
from ..render.transfer import primary_hits
from ..scene.camera import Camera
from .seam import Seam

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# The lower lip is what the jaw moves; all of it follows by this share of the most that moves.
JAW, FULLY_MOVED = "jawOpen", 0.6
# mm: around its rim a lip follows within this deviation; how far around the line the model's lips are looked for, in which
# steps; by how much closed lips overlap. How often they are looked for again.
FOLLOWS_MM, AROUND_MM, STEP_MM, OVERLAP_MM, ROUNDS = 4.0, 8.0, 0.1, 0.1, 3
# The most that closed lips are moved in a round, mm; columns that must show where the model's meet; over how many columns that is
# smoothed; and the sureness of a photo's line at which only half of the way is gone.
MOST_MM, FEWEST, SMOOTHING, DOUBT = 4.0, 8, 2.0, 0.1


def closing_shift(model: FaceModel, vertices: Floats, camera: Camera, seam: Seam) -> Floats:
    """(V, 3) mm to add to a head so that its lips are closed and meet where the photo's do; zeros for a model that has no mouth
    behind them or no jaw.

    Args:
        vertices: (V, 3) mm, with the expression.
        camera: of the picture in which ``seam`` was found.
    """
    shift = np.zeros_like(vertices)
    lower = _lower_lip(model)
    if lower is None:
        return shift
    lips = np.unique(model.triangles[np.isin(model.face_part[model.triangle_face], [_SKIN, _MOUTH])])
    for moves_of in (_Mouth.closed, _Mouth.laid):
        for _ in range(ROUNDS):
            moves = moves_of(_Mouth.of(model, vertices + shift, lower, camera, seam))
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
    """What moves the rims of both lips, at the N columns: ``place`` (N,) mm along the mouth's axis ``along`` (3,), ``upper`` and
    ``lower`` (N,) mm to go ``down`` (3,), and the ``rims`` (2, N, 3) themselves.
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
        upper, lower = (np.interp(where, self.place, values) for values in (self.upper, self.lower))
        near = [np.exp(-0.5 * (cdist(points, rim).min(1) / FOLLOWS_MM) ** 2) for rim in self.rims]
        amount = (1.0 - lowerness) * upper * near[0] + lowerness * lower * near[1]
        return np.asarray(amount[:, None] * self.down, np.float32)


@dataclass(frozen=True)
class _Mouth:
    """What the model shows in columns across the seam, ``steps`` (S,) mm downwards from it: ``inside`` (N, S) is True where
    that is the mouth's inside, ``places`` (N, S, 3) mm are on its surface, which goes with the jaw by ``lowerness`` (N, S); both
    are nan where there is none.
    """

    seam: Seam
    camera: Camera
    steps: Doubles
    inside: NDArray[np.bool_]
    places: Doubles
    lowerness: Doubles

    @classmethod
    def of(cls, model: FaceModel, vertices: Floats, lower: Floats, camera: Camera, seam: Seam) -> _Mouth:
        steps = np.arange(-AROUND_MM, AROUND_MM, STEP_MM)
        pixel_mm = float(np.linalg.norm(camera.centre)) / camera.focal_px
        pixels = seam.pixels[:, None] + (steps / pixel_mm)[:, None] * seam.down
        triangle, barycentric = primary_hits(
            TracedScene(vertices, model.triangles), camera, pixels.reshape(-1, 2).astype(np.float32)
        )
        part = model.face_part[model.triangle_face[triangle]]
        hit = triangle >= 0
        values = np.concatenate([vertices, lower[:, None]], 1).astype(np.float64)[model.triangles[triangle]]
        shown = np.where(hit[:, None], (values * barycentric[:, :, None]).sum(1), np.nan).reshape(*pixels.shape[:2], 4)
        inside = (hit & np.isin(part, _INSIDE)).reshape(pixels.shape[:2])
        return cls(seam, camera, steps, inside, shown[..., :3], shown[..., 3])

    def closed(self) -> _Moves | None:
        """How to close it; None where it is closed."""
        found = [self._rims(column) for column in range(len(self.inside))]
        known = [each for each in found if each is not None]
        if not any(top < bottom for top, bottom in known):
            return None
        rows = np.array([column for column, each in enumerate(found) if each is not None])
        tops, bottoms = np.array(known).T
        open_here = tops < bottoms
        top, bottom = self.steps[tops], self.steps[bottoms]
        # Neither lip goes beyond the other.
        meeting = np.clip(0.0, top, bottom)
        upper = np.where(open_here, meeting - top + OVERLAP_MM, 0.0)
        lower = np.where(open_here, meeting - bottom - OVERLAP_MM, 0.0)
        return self._moves(np.stack([self.places[rows, tops], self.places[rows, bottoms]]), upper, lower)

    def laid(self) -> _Moves | None:
        """How to move both lips of a closed mouth onto the seam; None where it does not show where they meet."""
        meets = (self.lowerness[:, :-1] <= 0.5) & (self.lowerness[:, 1:] > 0.5)
        columns = np.flatnonzero(meets.any(1))
        if len(columns) < FEWEST:
            return None
        # Of several places the one that lies nearest to the seam.
        off = np.where(meets[columns], np.abs(self.steps[:-1] + self.steps[1:]), np.inf).argmin(1)
        way, sure = np.zeros((2, len(meets)))
        way[columns] = np.clip(-0.5 * (self.steps[off] + self.steps[off + 1]), -MOST_MM, MOST_MM)
        sure[columns] = self.seam.sure[columns]
        told, weight = _smooth(sure * way), _smooth(sure)
        moved = (told / (weight + DOUBT))[columns]
        return self._moves(np.stack([self.places[columns, off]] * 2), moved, moved)

    def _moves(self, rims: Doubles, upper: Doubles, lower: Doubles) -> _Moves:
        """Of ``rims`` (2, N, 3) that go down by ``upper`` and ``lower`` (N,) mm."""
        span = self.seam.pixels[-1] - self.seam.pixels[0]
        across, axis = (np.append(way, 0.0) * [1.0, -1.0, 1.0] for way in (self.seam.down, span / np.linalg.norm(span)))
        turn = self.camera.rotation.T
        place = rims.mean(0) @ (turn @ axis)
        order = np.argsort(place)
        return _Moves(turn @ axis, turn @ across, place[order], upper[order], lower[order], rims[:, order])

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


def _smooth(values: Doubles) -> Doubles:
    """(N,) over neighbouring columns."""
    return np.asarray(
        cv2.GaussianBlur(values[:, None], (1, 0), SMOOTHING, sigmaY=SMOOTHING, borderType=cv2.BORDER_REPLICATE)[:, 0]
    )
