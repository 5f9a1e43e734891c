"""The small islands: eyeballs, and whatever else is cut along the midline and unfolded freely; and their places in the strip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .uv_charts import Chart, arc_share, corner_triangles, edges, fan, rims, tutte
from .uv_energy import Array, Ints, flatten, minimise, targets, twice_area, twice_area_of
from .uv_figures import cover_count, split_corners

# The eyeball is true to length along the meridians up to here, degrees from the front pole: an iris reaches so far that looks 25 degrees
# aside. Behind, it is drawn in, for there is white alone, and most of it is hidden.
EYE_TRUE = 50.0
EYE_BEHIND = 0.15


@dataclass(frozen=True)
class Island:
    """Part of the map that can be put anywhere.

    Attributes:
        polygons: (F,) rows of the mesh's polygons.
        uv: (F, 4, 2) mm at the polygons' corners, lowest at 0, 0.
        share: how large it should be drawn, relative to other islands.
    """

    polygons: Ints
    uv: Array
    share: float

    @property
    def extent(self) -> Array:
        """(2,) width and height, mm."""
        return np.asarray(self.uv.max((0, 1)) - self.uv.min((0, 1)))


def eyeball(chart: Chart) -> list[Island]:
    """An azimuthal map with the front pole in its centre, and the polygons round the back pole by themselves.

    Angles from the iris become radii (true to length up to `EYE_TRUE` degrees), angles round the axis stay what they are, so
    that the map is upright and u grows with x.
    """
    ray = chart.points - (chart.points.min(0) + chart.points.max(0)) / 2
    radius = np.linalg.norm(ray, axis=1)
    right, up, forward = _eye_frame(chart.points)
    theta = np.degrees(np.arccos(np.clip(ray @ forward / radius, -1, 1)))
    drawn = np.where(theta < EYE_TRUE, theta, EYE_TRUE + (theta - EYE_TRUE) * EYE_BEHIND)
    around = np.arctan2(ray @ up, ray @ right)
    uv = np.radians(drawn)[:, None] * np.stack([np.cos(around), np.sin(around)], 1) * radius.mean()
    triangles, face = corner_triangles(chart.quads)
    wrong = (twice_area(uv, triangles) <= 1e-9) | (theta[triangles] > 179.0).any(1)
    back = np.zeros(len(chart.quads), bool)
    back[face[wrong]] = True
    seen_from_behind = ray @ np.stack([-right, up], 1)
    front = _island(chart, uv, ~back, 1.0)
    return [front, _island(chart, seen_from_behind, back, 0.3)] if back.any() else [front]


def _eye_frame(points: Array) -> tuple[Array, Array, Array]:
    """Unit vectors to the map's right, up, and out of the front pole, of an eyeball's vertices (n, 3).

    Meshes of eyeballs have rings of vertices round the pole: it is a principal axis. One that is not within 30 degrees of z is
    not believed.
    """
    away = points - points.mean(0)
    axes = np.linalg.eigh(away.T @ away)[1]
    forward = axes[:, np.argmax(np.abs(axes[2]))]
    forward = forward * np.sign(forward[2])
    if forward[2] < np.cos(np.radians(30)):
        forward = np.array([0.0, 0.0, 1.0])
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    return right, np.cross(forward, right), forward


def _island(chart: Chart, uv: Array, keep: np.ndarray, share: float) -> Island:
    corner = uv[chart.quads[keep]]
    is_triangle = chart.quads[keep, 3] < 0
    corner[is_triangle, 3] = corner[is_triangle, 2]
    return Island(chart.polygons[keep], corner - corner.min((0, 1)), share)


def unfold_freely(chart: Chart, share: float) -> Island:
    """The chart with its longest rim left free; on a disc, if the free rim would lie over itself.

    Raises:
        ValueError: the chart is closed.
    """
    loops = rims(chart)
    if not loops:
        raise ValueError("A part that is closed and does not cross the midline cannot be unfolded.")
    fans = [fan(hole, len(chart.vertex) + i, closed=True) for i, hole in enumerate(loops[1:])]
    scaffold = np.concatenate(fans) if fans else np.zeros((0, 3), np.int64)
    triangles, face = corner_triangles(chart.quads)
    flat = flatten(chart.points[triangles])
    area = np.abs(twice_area_of(flat))
    wanted = targets(triangles, flat, area * np.where(chart.quads[face, 3] >= 0, 0.5, 1.0))
    start = _disc(chart, loops, scaffold, float(wanted.weight.sum()))
    uv = minimise(start, wanted, np.ones_like(start, bool), scaffold)[: len(chart.vertex)]
    if _overlaps(chart, uv):
        free = np.ones_like(start, bool)
        free[loops[0]] = False
        uv = minimise(start, wanted, free, scaffold)[: len(chart.vertex)]
    return _island(chart, _upright(uv), np.ones(len(chart.quads), bool), share)


def _disc(chart: Chart, loops: list[list[int]], scaffold: Ints, double_area: float) -> Array:
    """(n, 2) Tutte's map on a disc of half ``double_area``, mm, vertices for the holes' centres last."""
    rim = loops[0]
    share = arc_share(chart.points[[*rim, rim[0]]])[:-1]
    angle = 2 * np.pi * share
    place = np.stack([np.cos(angle), np.sin(angle)], 1) * np.sqrt(double_area / 2 / np.pi)
    links = np.concatenate([edges(chart.quads), *(scaffold[:, [i, (i + 1) % 3]] for i in range(3))])
    return tutte(links, len(chart.vertex) + len(loops) - 1, np.array(rim), place)


def _overlaps(chart: Chart, uv: Array) -> bool:
    """True where the chart lies over itself."""
    extent = float((uv.max(0) - uv.min(0)).max())
    corner = ((uv - uv.min(0)) / extent)[chart.quads]
    return bool((cover_count(split_corners(chart.quads, corner)[0], 512) > 1).any())


def _upright(uv: Array) -> Array:
    """The map turned so that its box is smallest, and higher than wide."""
    best, smallest = uv, np.inf
    for angle in np.radians(np.arange(0, 90, 1.0)):
        turned = uv @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        extent = turned.max(0) - turned.min(0)
        if extent.prod() < smallest * (1 - 1e-9):
            best, smallest = turned, extent.prod()
    extent = best.max(0) - best.min(0)
    return best if extent[1] >= extent[0] else best @ np.array([[0.0, 1.0], [-1.0, 0.0]])


def pack(islands: list[Island], width: float, height: float, gap: float) -> list[Array]:
    """UVs (F, 4, 2) of each island in the box from 0, 0 to ``width``, ``height``, as large as fits, ``gap`` apart."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if _columns(islands, middle, width, height, gap) is None else (middle, high)
    corners = _columns(islands, low, width, height, gap)
    if corners is None or low == 0.0:
        raise ValueError("The strip of the map is too small for the head's small parts.")
    return [island.uv * low * island.share + corner for island, corner in zip(islands, corners, strict=True)]


def _columns(islands: list[Island], scale: float, width: float, height: float, gap: float) -> list[Array] | None:
    """(2,) the lower left corner of each island: the highest first, in columns from left to right; None if they do not fit."""
    extents = [island.extent * scale * island.share for island in islands]
    corners: list[Array] = [np.zeros(2) for _ in islands]
    left, column, filled = 0.0, 0.0, np.inf
    for i in sorted(range(len(islands)), key=lambda i: (-extents[i][1], i)):
        wide, high = extents[i]
        if filled + gap + high > height or wide > column:
            left, column, filled = left + (column + gap if column else 0.0), wide, -gap
        corners[i] = np.array([left, filled + gap])
        filled += gap + high
        if left + column > width or filled > height:
            return None
    return corners
