"""A UV layout for faces: one symmetric island of skin in which the face is large, and a strip of small islands below it.

The half x > 0 is laid out, the other half mirrored at u = 0.5. The skin's half fills a rectangle: the midline of face and
forehead lies on u = 0.5, the cut down the back of the head and the neck's rim slide along the other sides. Such a map cannot
overlap: no triangle is turned over, and the rim goes once round the rectangle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nextgenface.engine.faces.model import PART_NAMES
from numpy.typing import NDArray

from .uv_charts import Chart, pieces
from .uv_energy import Array, Ints, twice_area
from .uv_figures import Figures, cover_count, flipped, split_corners, stretch
from .uv_islands import Island, eyeball, pack, unfold_freely
from .uv_regions import face_region, openness, skin_scale
from .uv_skin import Domain, unfold

# Between islands and to the border: 5 texels at 1024.
GAP = 5 / 1024
# UVs are whole multiples of 1 / GRID, so that they can be stored in 16 bits without loss; even, so that 0.5 is one of them.
GRID = 65534
# The strip below the skin, with the eyeballs' discs in it.
EYE_DISC = 0.105
SKIN = Domain(right=1 - GAP, bottom=EYE_DISC + 2 * GAP, top=1 - GAP)
# How large the other parts are drawn, relative to one another. Nobody sees the linings.
SHARES = {"teeth_upper": 1.0, "teeth_lower": 1.0, "tongue": 0.7, "mouth": 0.5}
LINING_SHARE = 0.3


@dataclass(frozen=True)
class LayoutResult:
    """A layout.

    Attributes:
        uv: (F, 4, 2) float32 in [0, 1], v upwards, at each polygon's corners; a triangle repeats its third corner.
        face: (F,) bool, the front of the face: what a camera in front sees of it before the ears, from hairline to chin.
        figures: stretch and shares; see `measure`.
    """

    uv: NDArray[np.float32]
    face: NDArray[np.bool_]
    figures: Figures


def face_layout(vertices: Array, quads: Ints, face_part: NDArray[np.uint8], mirror_vertex: Ints) -> LayoutResult:
    """Lays a head out.

    Args:
        vertices: (V, 3) mm, y up, z out of the face, x > 0 the subject's left.
        quads: (F, 4) counter-clockwise from outside; a triangle repeats -1 in its last column.
        face_part: (F,) indices of `PART_NAMES`.
        mirror_vertex: (V,) the vertex on the other side, itself on the midline.

    Raises:
        ValueError: the head is not symmetric, or a part cannot be unfolded.
    """
    vertices, quads = np.asarray(vertices, np.float64), np.asarray(quads, np.int64)
    half, other, corner = _halves(vertices, quads, np.asarray(mirror_vertex, np.int64))
    midline = np.asarray(mirror_vertex) == np.arange(len(vertices))
    charts = {
        name: pieces(vertices, quads, half[face_part[half] == part], midline)
        for part, name in enumerate(PART_NAMES)
        if (face_part[half] == part).any()
    }
    region = face_region(vertices, quads, face_part)
    uv = np.zeros((len(quads), 4, 2), np.float32)
    skin = charts.pop("skin")
    _put_skin(uv, skin[0], skin_scale(skin[0], region.inside, openness(vertices, quads)))
    for island, places in _strip(charts, skin[1:]):
        uv[island.polygons] = places
    uv = (np.rint(uv.astype(np.float64) * GRID) / GRID).astype(np.float32)
    uv[other] = np.take_along_axis(uv[half], corner[:, :, None], 1) * (-1, 1) + np.array([1, 0], np.float32)
    return LayoutResult(uv, region.face, measure(vertices, quads, face_part, uv, region.face))


def _put_skin(uv: NDArray[np.float32], chart: Chart, wanted: tuple[Array, Array]) -> None:
    """Write the UVs of half the skin; ``wanted`` is the size and weight (F,) of each of its polygons."""
    corner = unfold(chart, SKIN, *wanted)[chart.quads]
    is_triangle = chart.quads[:, 3] < 0
    corner[is_triangle, 3] = corner[is_triangle, 2]
    uv[chart.polygons] = corner


def _strip(charts: dict[str, list[Chart]], rest_of_skin: list[Chart]) -> list[tuple[Island, Array]]:
    """The small islands and their UVs, in the strip below the skin, u > 0.5: the eyeball outside, the others towards the middle."""
    small: list[Island] = [unfold_freely(chart, LINING_SHARE) for chart in rest_of_skin]
    placed: list[tuple[Island, Array]] = []
    for name, several in charts.items():
        if not name.startswith("eye_"):
            small += [unfold_freely(c, SHARES[name] if c.midline.any() else LINING_SHARE) for c in several]
            continue
        disc, *back = eyeball(several[0])
        uv = disc.uv * EYE_DISC / disc.extent.max()
        placed.append((disc, uv + np.array([SKIN.right - EYE_DISC, GAP])))
        small += back
    width = SKIN.right - 0.5 - 1.5 * GAP - (EYE_DISC if placed else 0)
    if small:
        places = pack(small, width, EYE_DISC, GAP)
        placed += [(island, uv + np.array([0.5 + GAP / 2, GAP])) for island, uv in zip(small, places, strict=True)]
    return placed


def _halves(vertices: Array, quads: Ints, mirror: Ints) -> tuple[Ints, Ints, Ints]:
    """Polygons with x > 0, their mirror images, and for each corner (F / 2, 4) of an image the corner that it mirrors."""
    closed = np.where(quads < 0, quads[:, 2:3], quads)
    left = vertices[closed].mean(1)[:, 0] > 0
    wrong = (vertices[closed][:, :, 0] * np.where(left, 1, -1)[:, None] < -1e-3) & (mirror[closed] != closed)
    if wrong.any():
        raise ValueError(f"{wrong.any(1).sum()} polygons cross the midline.")
    right = {frozenset(closed[row].tolist()): row for row in np.flatnonzero(~left)}
    other = np.array([right.get(frozenset(row), -1) for row in mirror[closed[left]].tolist()])
    if (other < 0).any() or len(other) != len(right):
        raise ValueError(f"{max((other < 0).sum(), len(right) - len(other))} polygons have no mirror image.")
    same = mirror[closed[left]][:, None, :] == closed[other][:, :, None]
    return np.flatnonzero(left), other, same.argmax(2)


def measure(vertices: Array, quads: Ints, part: NDArray[np.uint8], uv: Array, face: NDArray[np.bool_]) -> Figures:
    """Figures of a layout.

    ``covered`` is the share of the unit square that islands cover, ``face_of_square`` and ``face_of_covered`` the face's share,
    ``flipped`` the number of triangles turned over, ``overlap`` the texels (of 2048 x 2048) covered twice. Stretch for "face",
    "skin" and "all" is that of `uv_figures.stretch`.
    """
    places = np.asarray(uv, np.float64)
    closed = np.where(quads < 0, quads[:, 2:3], quads)
    flat, owner = split_corners(quads, places)
    solid, _ = split_corners(quads, np.asarray(vertices, np.float64)[closed])
    area = np.abs(twice_area(flat.reshape(-1, 2), np.arange(flat[..., 0].size).reshape(-1, 3))) / 2
    covered, face_area = float(area.sum()), float(area[face[owner]].sum())
    figures = {
        "covered": covered,
        "face_of_square": face_area,
        "face_of_covered": face_area / covered,
        "flipped": flipped(quads, places),
        "overlap": float((cover_count(flat, 2048) > 1).sum()),
    }
    skin = part == PART_NAMES.index("skin")
    for name, rows in (("face", face), ("skin", skin), ("all", np.ones(len(quads), bool))):
        if rows.any():
            figures |= stretch(solid[rows[owner]], flat[rows[owner]], name)
    return figures
