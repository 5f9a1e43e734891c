"""What 68 points leave open of a face, estimated: its forehead, the lower edges of its brows, places of bare skin, its irises.

The mean head is laid on the points of eyes, nose and brows; what it has in the open places is where it projects to. The
estimates serve masks and the crop, which are drawn with margins; nothing is fitted to them.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..faces import bundled
from ..scene.orthography import Orthography, laid_on
from . import ibug
from .detector import ByteArray, DetectedFace, FloatArray
from .irises import find_iris
from .schemes import FOREHEAD_ON_MESH, IBUG, MEDIAPIPE, SKIN_ON_MESH

Floats = NDArray[np.float64]

# Brows, nose and eyes: what neither the jaw's opening nor the outline's sliding moves.
_STIFF = slice(17, 48)
_BROWS = slice(17, 27)
# Radius of the iris, mm: Caroline and Andre 2002 (corneas of adults, 11.7 mm wide).
_IRIS_MM = 5.85


class _MeanHead(NamedTuple):
    """The bundled mean head, mm, at its points: ``seen`` (68, 3), ``mesh`` (468, 3) MediaPipe's."""

    seen: Floats
    mesh: Floats


@cache
def _mean_head() -> _MeanHead:
    model = bundled.load()
    places = {}
    for name in ("fan", "mediapipe"):
        embedding = model.landmarks[name]
        corners = model.mean[model.triangles[embedding.triangle]].astype(np.float64)
        places[name] = np.einsum("lc,lcx->lx", embedding.barycentric.astype(np.float64), corners)
    return _MeanHead(places["fan"], places["mediapipe"])


def whole_face(points: FloatArray, spread: FloatArray, srgb: ByteArray) -> DetectedFace:
    """The face with everything that `IBUG` names.

    Args:
        points: (68, 2) pixels of the picture, as `DetectedFace.points`.
        spread: (68,) pixels.
        srgb: (H, W, 3) the picture, 8-bit sRGB, in which the irises are looked for.
    """
    seen = points[:, :2].astype(np.float64)
    head = _mean_head()
    lay = laid_on(head.seen[_STIFF], seen[_STIFF])
    irises = [find_iris(srgb, seen[list(ring)], _IRIS_MM * lay.scale) for ring in (IBUG.right_eye, IBUG.left_eye)]
    everything = [
        seen,
        *irises,
        _forehead(head, lay, seen),
        _below_brows(head, lay, seen),
        lay.project(head.mesh[list(SKIN_ON_MESH)]),
    ]
    flat = np.concatenate(everything)
    result = np.zeros((len(flat), 3), np.float32)
    result[:, :2] = flat
    more = np.full(len(flat) - len(seen), spread.mean(), np.float32)
    return DetectedFace(result, np.concatenate([spread, more]).astype(np.float32), IBUG)


def _forehead(head: _MeanHead, lay: Orthography, seen: Floats) -> Floats:
    """(13, 2) pixels over the forehead from the left temple to the right, joined to where the jaw's ends are seen."""
    places = head.mesh[list(FOREHEAD_ON_MESH)]
    result = lay.project(places)
    for end in (ibug.JAW[0], ibug.JAW[-1]):
        share = np.clip(places[:, 0] / head.seen[end, 0], 0.0, 1.0) ** 2
        result += share[:, None] * (seen[end] - lay.project(head.seen[end][None]))
    return result


def _below_brows(head: _MeanHead, lay: Orthography, seen: Floats) -> Floats:
    """(10, 2) pixels of the brows' lower edges: as far below the points seen as on the mean head."""
    thickness = lay.project(head.mesh[list(MEDIAPIPE.below_brows)]) - lay.project(head.seen[_BROWS])
    return np.asarray(seen[_BROWS] + thickness)
