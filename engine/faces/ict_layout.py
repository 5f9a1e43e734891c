"""ICT-FaceKit's own UVs in one square: there each group of parts has a square of its own, one beside the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .ict_files import Obj, Part

# (left, bottom, side) of each part's place. Skin is mirrored about u = 0.5 wherever it lies, as stage 3 expects.
CELLS: dict[str, tuple[float, float, float]] = {
    "face": (0.12, 0.24, 0.76),
    "head and neck": (0.38, 0.0, 0.24),
    "eye socket left": (0.90, 0.04, 0.08),
    "eye socket right": (0.02, 0.04, 0.08),
    "eyeball left": (0.66, 0.02, 0.20),
    "eyeball right": (0.14, 0.02, 0.20),
    "mouth socket": (0.0, 0.26, 0.11),
    "gums and tongue": (0.0, 0.40, 0.11),
    "upper teeth": (0.0, 0.54, 0.11),
    "lower teeth": (0.0, 0.68, 0.11),
    "lashes left": (0.89, 0.26, 0.05),
    "lashes right": (0.95, 0.26, 0.05),
}
# Room at a cell's border, as a share of its side.
MARGIN = 0.02


def packed_uv(
    neutral: Obj, parts: tuple[Part, ...], number: NDArray[np.int64], kept: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(F, 4, 2) in [0, 1]: each part's UVs, as large as its cell allows, in the middle of it.

    Args:
        neutral: the mesh. parts: in the order of their polygons.
        number: (all polygons,) of the part. kept: (F,) the polygons that are wanted.
    """
    result = np.zeros((len(kept), 4, 2), np.float32)
    for row, part in enumerate(parts):
        chosen = np.flatnonzero(number[kept] == row)
        if not len(chosen):
            continue
        corners = neutral.corners[kept[chosen]]
        placed = _fitted(neutral.uv[np.maximum(corners, 0)].astype(np.float64), corners >= 0, CELLS[part.name])
        result[chosen] = placed
    return result


def _fitted(uv: NDArray[np.float64], real: NDArray[np.bool_], cell: tuple[float, float, float]) -> NDArray[np.float64]:
    """``uv`` (F, 4, 2), of which the corners ``real`` (F, 4) count, scaled into the middle of a cell."""
    low, high = uv[real].min(0), uv[real].max(0)
    left, bottom, side = cell
    scale = (1.0 - 2.0 * MARGIN) * side / max(float((high - low).max()), 1e-9)
    middle = np.array([left + side / 2.0, bottom + side / 2.0])
    return np.asarray((uv - (low + high) / 2.0) * scale + middle)
