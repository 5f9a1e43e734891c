"""The skin of half a head as a rectangle: the face large in it, scalp, neck and ears smaller."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import splu

from .uv_charts import Chart, arc_share, corner_triangles, edges, fan, rims, tutte
from .uv_energy import Array, Ints, Targets, flatten, join, minimise, targets, twice_area, twice_area_of

# The eyes' and the mouth's holes keep their shape with this weight, and the lips a gap: a triangle from the hole's middle to a
# piece of its rim is at least this part of the piece high.
HOLE_WEIGHT, HOLE_HEIGHT = 0.3, 0.5
# The cut begins at the crown: the midline's highest vertex when the head is nodded back by this angle.
CROWN = np.radians(25.0)


@dataclass(frozen=True)
class Domain:
    """The rectangle that half the skin fills: u from 0.5 to ``right``, v from ``bottom`` to ``top``."""

    right: float
    bottom: float
    top: float


@dataclass(frozen=True)
class Outline:
    """The rim of half the skin.

    Attributes:
        front: the midline from the neck's rim over chin, nose and forehead to the crown, holes' centres included: u = 0.5.
        back: the midline from the crown down to the neck's rim, where the skin is cut open.
        neck: the rim of the neck from the front to the back.
        fans: (S, 3) triangles that fill the holes.
        centres: (n, 3) mm, the holes' centres: vertices after the chart's own.
    """

    front: list[int]
    back: list[int]
    neck: list[int]
    fans: Ints
    centres: Array


def outline(chart: Chart) -> Outline:
    """Finds the rim's pieces.

    Raises:
        ValueError: the rim has no midline, or no neck: the skin is not half of a symmetric head that is open below.
    """
    outer, *holes = sorted(rims(chart), key=lambda rim: not chart.midline[rim].any())
    runs = _runs(outer, chart.midline)
    if not runs:
        raise ValueError("The skin's rim must have the midline and the neck's opening in it.")
    neck = min(runs, key=lambda run: chart.points[run, 1].mean())
    start = outer.index(neck[-1])
    chain = outer[start:] + outer[:start]
    fans, centres = [], []
    count = len(chart.vertex)
    for run in runs:
        if run is neck:
            continue
        centre = count + len(centres)
        fans.append(fan(run, centre, closed=False))
        centres.append(chart.points[[run[0], run[-1]]].mean(0))
        first, last = chain.index(run[0]), chain.index(run[-1])
        chain[first + 1 : last] = [centre]
    for hole in holes:
        fans.append(fan(hole, count + len(centres), closed=True))
        centres.append(chart.points[hole].mean(0))
    return _split_chain(chart, chain[: chain.index(neck[0]) + 1], neck, fans, np.array(centres).reshape(-1, 3))


def _runs(rim: list[int], midline: np.ndarray) -> list[list[int]]:
    """The stretches of the rim off the midline, each with the midline vertices at its two ends."""
    on = [bool(midline[v]) for v in rim]
    starts = [i for i in range(len(rim)) if on[i] and not on[(i + 1) % len(rim)]]
    runs = []
    for i in starts:
        run = [rim[i], rim[(i + 1) % len(rim)]]
        while not midline[run[-1]]:
            run.append(rim[(i + len(run)) % len(rim)])
        runs.append(run)
    return runs


def _split_chain(chart: Chart, chain: list[int], neck: list[int], fans: list[Ints], centres: Array) -> Outline:
    """The midline, which runs from one end of the neck to the other, parted at the crown."""
    places = np.concatenate([chart.points, centres])
    crown = int(np.argmax(places[chain] @ (0.0, np.cos(CROWN), np.sin(CROWN))))
    front, back = chain[: crown + 1], chain[crown:]
    triangles = np.concatenate(fans) if fans else np.zeros((0, 3), np.int64)
    if places[front[0], 2] < places[back[-1], 2]:
        return Outline(back[::-1], front[::-1], neck, triangles, centres)
    return Outline(front, back, neck[::-1], triangles, centres)


def unfold(chart: Chart, domain: Domain, scale: Array, weight: Array) -> Array:
    """(n, 2) UVs of the chart's vertices: injective, u = 0.5 on the front's midline, the rectangle filled.

    Args:
        chart: half of the skin, x > 0.
        domain: the rectangle.
        scale: (F,) how large each polygon should be drawn, in any unit.
        weight: (F,) how much its distortion counts, by its drawn area.
    """
    rim = outline(chart)
    triangles, face = corner_triangles(chart.quads)
    start, free = _start(chart, rim, domain)
    flat = flatten(chart.points[triangles]) * scale[face][:, None, None]
    area = np.abs(twice_area_of(flat))
    room = (domain.right - 0.5) * (domain.top - domain.bottom)
    is_quad = np.where(chart.quads[face, 3] >= 0, 0.5, 1.0)
    zoom = np.sqrt(room / (0.5 * area * is_quad).sum())
    wanted = targets(triangles, flat * zoom, area * zoom**2 * is_quad * weight[face])
    if len(rim.fans):
        wanted = join(wanted, _holes(chart, rim, scale, zoom))
    return minimise(start, wanted, free)[: len(chart.vertex)]


def _holes(chart: Chart, rim: Outline, scale: Array, zoom: float) -> Targets:
    """What the holes should look like: what they are, but open. That also keeps their rims from crossing themselves."""
    points = np.concatenate([chart.points, rim.centres])
    by_vertex = np.zeros(len(points))
    np.maximum.at(by_vertex, chart.quads.ravel(), np.repeat(scale, 4))
    flat = flatten(points[rim.fans], HOLE_HEIGHT) * (by_vertex[rim.fans[:, :2]].mean(1) * zoom)[:, None, None]
    area = np.abs(twice_area_of(flat))
    return targets(rim.fans, flat, area * HOLE_WEIGHT)


def _start(chart: Chart, rim: Outline, domain: Domain) -> tuple[Array, np.ndarray]:
    """Tutte's map onto the rectangle (n, 2), and which coordinates may move later (n, 2)."""
    points = np.concatenate([chart.points, rim.centres])
    free = np.ones((len(points), 2), bool)
    place = np.zeros((len(points), 2))
    left_top, right_top = (0.5, domain.top), (domain.right, domain.top)
    left_bottom, right_bottom = (0.5, domain.bottom), (domain.right, domain.bottom)
    share = (domain.right - 0.5) / (domain.right - 0.5 + domain.top - domain.bottom)
    corner = int(np.argmin(np.abs(arc_share(points[rim.back]) - share)))
    corner = min(max(corner, 1), len(rim.back) - 2)
    sides = [
        (rim.front, left_bottom, left_top, 0),
        (rim.back[: corner + 1], left_top, right_top, 1),
        (rim.back[corner:], right_top, right_bottom, 0),
        (rim.neck, left_bottom, right_bottom, 1),
    ]
    for side, begin, end, axis in sides:
        along = arc_share(points[side])[:, None]
        place[side] = np.array(begin) * (1 - along) + np.array(end) * along
        free[side, axis] = False
    fixed = np.unique(np.concatenate([side for side, *_ in sides]))
    links = np.concatenate([edges(chart.quads), *(rim.fans[:, [i, (i + 1) % 3]] for i in range(3))])
    start = tutte(links, len(points), fixed, place[fixed])
    for end in (rim.front[0], rim.front[-1], rim.back[corner], rim.back[-1]):
        free[end] = False
    every = np.concatenate([chart.triangles, rim.fans])
    if twice_area(start, every).min() <= 0:
        raise ValueError("The skin's first flat map turned polygons over: is its surface whole?")
    return start, free


def smooth(chart: Chart, values: Array, width: float) -> Array:
    """(F,) values of the polygons, blurred over the surface by about ``width`` mm (one implicit step of heat flow)."""
    pairs = np.unique(np.sort(edges(chart.quads), 1), axis=0)
    count = len(chart.vertex)
    row, column = np.concatenate([pairs, pairs[:, ::-1]]).T
    length = np.linalg.norm(chart.points[row] - chart.points[column], axis=1)
    conductance = width**2 / np.maximum(length, 1e-3) ** 2 / 4
    matrix = coo_matrix((-conductance, (row, column)), shape=(count, count))
    diagonal = 1 + np.bincount(row, conductance, count)
    matrix = (matrix + coo_matrix((diagonal, (np.arange(count),) * 2), shape=(count, count))).tocsc()
    closed = np.where(chart.quads < 0, chart.quads[:, :1], chart.quads)
    total = np.bincount(closed.ravel(), np.repeat(values, 4), count) / np.bincount(closed.ravel(), minlength=count)
    return np.asarray(splu(matrix).solve(total)[closed].mean(1))
