"""What a face model's modes leave of a person's shape, as a Gaussian process over the face.

No hundred modes hold every nose. Laid on scans of heads that are not its own, the bundled model leaves 0.4 to 0.7 mm at the
median, and a search that has nothing else bends the modes to explain that too. So stage 2 may move the face by a smooth field
beside them, with a prior of its own (Luethi, Gerig, Jud and Vetter, "Gaussian Process Morphable Models", PAMI 40(8), 2018:
a model's covariance plus a smooth one). The field's covariance is written as a sum over modes by a pivoted Cholesky
decomposition (Harbrecht, Peters and Schneider, Applied Numerical Mathematics 62(4), 2012), so its coefficients are searched
like the model's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..faces.model import PART_NAMES, FaceModel

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# Deviation of what the modes leave, mm in each direction, and the distance over which it is alike. Near the midline, where both sides
# are one, it is 1.4 times that up and forward, and little sideways. Settled with a look at the benchmark's heads and at portraits of
# our own (docs/benchmark.md).
SPREAD_MM, LENGTH_MM = 1.0, 12.0
# How far left and right go their own ways, as a part of the deviation.
ONE_SIDED = 0.15
# The modes hold all of the variance but this part.
LEFT_OUT = 0.03
# Lids fit the eyeballs, and ears are no part of a face.
FIXED = ("eyelids", "ears")
# The lining of the mouth follows the lips this far inside, mm.
LINING_MM = 5.0
LEAST_FREE = 1e-3


def residual_basis(model: FaceModel) -> Floats:
    """(R, V, 3) mm that each mode moves each vertex by, for coefficients of unit deviation; zeros off the face.

    Most are alike on both sides; those that are not are `ONE_SIDED` as large.
    """
    field = _Field.of(model)
    even, odd = field.functions(1), field.functions(-1)
    # A displacement is its own mirror image where it goes alike up and forward on both sides, and opposite ways sideways.
    symmetric, lopsided = (odd, even, even), (even, odd, odd)
    modes = []
    for spread, functions in ((SPREAD_MM, symmetric), (SPREAD_MM * ONE_SIDED, lopsided)):
        for axis, values in enumerate(functions):
            moves = np.zeros((values.shape[1], model.vertex_count, 3), np.float32)
            moves[:, field.vertices, axis] = spread * values.T
            modes.append(moves)
    return np.concatenate(modes)


@dataclass(frozen=True)
class _Field:
    """Smooth functions on the mean face: ``vertices`` (N,) that may move, their ``place`` and its mirror image ``mirrored``
    (N, 3) mm, and how ``free`` they are (N,).
    """

    vertices: NDArray[np.intp]
    place: Doubles
    mirrored: Doubles
    free: Doubles

    @classmethod
    def of(cls, model: FaceModel) -> _Field:
        free = _free(model)
        vertices = np.flatnonzero(free > LEAST_FREE)
        place = model.mean[vertices].astype(np.float64)
        return cls(vertices, place, place * (-1.0, 1.0, 1.0), free[vertices])

    def functions(self, sign: Literal[1, -1]) -> Doubles:
        """(N, R) functions whose squares sum to the variance: the same on both sides for ``sign`` 1, opposite for -1."""

        def covariance(pivot: int) -> Doubles:
            """(N,) with one vertex."""
            here, there = (
                np.exp(-0.5 * ((self.place - centre) ** 2).sum(1) / LENGTH_MM**2)
                for centre in (self.place[pivot], self.mirrored[pivot])
            )
            return np.asarray(self.free[pivot] * self.free * (here + sign * there))

        apart = ((self.place - self.mirrored) ** 2).sum(1)
        return _pivoted_cholesky(covariance, self.free**2 * (1.0 + sign * np.exp(-0.5 * apart / LENGTH_MM**2)))


def _pivoted_cholesky(column: Callable[[int], Doubles], diagonal: Doubles) -> Doubles:
    """(N, R) a factor of a covariance (N, N) of which ``column`` gives any column, but for `LEFT_OUT` of its trace."""
    left, enough = diagonal.copy(), LEFT_OUT * float(diagonal.sum())
    factor = np.empty((0, len(diagonal)))
    while left.sum() > enough:
        pivot = int(left.argmax())
        added = (column(pivot) - factor[:, pivot] @ factor) / np.sqrt(left[pivot])
        factor = np.concatenate([factor, added[None]])
        left = np.maximum(left - added**2, 0.0)
    return factor.T


def _free(model: FaceModel) -> Doubles:
    """(V,) in [0, 1]: how far each vertex may move."""
    skin, mouth = (_of_part(model, name) for name in ("skin", "mouth"))
    free = np.where(skin, model.regions["face"], 0.0).astype(np.float64)
    for name in FIXED:
        free *= 1.0 - model.regions.get(name, 0.0)
    lining = np.flatnonzero(mouth & ~skin)
    if len(lining):
        distance, nearest = cKDTree(model.mean[skin]).query(model.mean[lining])
        free[lining] = free[skin][nearest] * np.exp(-0.5 * (distance / LINING_MM) ** 2)
    return free


def _of_part(model: FaceModel, name: str) -> NDArray[np.bool_]:
    """(V,) whether each vertex belongs to a part's triangles."""
    own = np.zeros(model.vertex_count, bool)
    own[model.triangles[model.face_part[model.triangle_face] == PART_NAMES.index(name)]] = True
    return own
