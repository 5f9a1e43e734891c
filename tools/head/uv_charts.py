"""Half a head as charts: its connected pieces, their rims, and a first flat map of each (Tutte 1963)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from .uv_energy import Array, Ints

# A quad's four corner triangles. All four counter-clockwise means a convex quad, whichever way it is split later.
QUAD_CORNERS = np.array([[0, 1, 3], [1, 2, 0], [2, 3, 1], [3, 0, 2]])


@dataclass(frozen=True)
class Chart:
    """One connected piece, with vertices numbered anew.

    Attributes:
        polygons: rows of the mesh's polygons.
        vertex: (n,) rows of the mesh's vertices.
        quads: (F, 4) rows of ``vertex``; a triangle has -1 in its last column.
        points: (n, 3) mm.
        midline: (n,) True for vertices that are their own mirror image.
    """

    polygons: Ints
    vertex: Ints
    quads: Ints
    points: Array
    midline: NDArray[np.bool_]

    @property
    def triangles(self) -> Ints:
        """(T, 3) `corner_triangles` of the polygons."""
        return corner_triangles(self.quads)[0]


def corner_triangles(quads: Ints) -> tuple[Ints, Ints]:
    """(T, 3) four corner triangles for each quad and one for each triangle, and the row (T,) that each comes from."""
    is_quad = quads[:, 3] >= 0
    four = quads[is_quad][:, QUAD_CORNERS].reshape(-1, 3)
    face = np.concatenate([np.repeat(np.flatnonzero(is_quad), 4), np.flatnonzero(~is_quad)])
    return np.concatenate([four, quads[~is_quad][:, :3]]), face


def pieces(vertices: Array, quads: Ints, polygons: Ints, midline: NDArray[np.bool_]) -> list[Chart]:
    """The connected pieces of some polygons, the one with most polygons first."""
    some = quads[polygons]
    closed = np.where(some < 0, some[:, :1], some)
    links = np.stack([closed, np.roll(closed, -1, 1)], -1).reshape(-1, 2)
    shape = (len(vertices),) * 2
    label = connected_components(coo_matrix((np.ones(len(links)), links.T), shape=shape), directed=False)[1][
        closed[:, 0]
    ]
    charts = [_chart(vertices, quads, polygons[label == number], midline) for number in np.unique(label)]
    return sorted(charts, key=lambda chart: -len(chart.polygons))


def _chart(vertices: Array, quads: Ints, polygons: Ints, midline: NDArray[np.bool_]) -> Chart:
    some = quads[polygons]
    used = np.unique(some[some >= 0])
    local = np.where(some < 0, -1, np.searchsorted(used, some))
    return Chart(polygons, used, local, vertices[used], midline[used])


def edges(quads: Ints) -> Ints:
    """(E, 2) directed edges of the polygons, in their order round each."""
    after = np.roll(quads, -1, 1)
    is_triangle = quads[:, 3] < 0
    after[is_triangle, 2] = quads[is_triangle, 0]
    pairs = np.stack([quads, after], -1).reshape(-1, 2)
    return pairs[pairs.min(1) >= 0]


def rims(chart: Chart) -> list[list[int]]:
    """The closed loops of edges that only one polygon has, in that polygon's direction, the longest (mm) first.

    Raises:
        ValueError: the polygons do not form a surface: an edge is used twice in one direction, or rims touch.
    """
    directed = [tuple(edge) for edge in edges(chart.quads).tolist()]
    known = set(directed)
    if len(known) != len(directed):
        raise ValueError("An edge is used twice in one direction: the polygons are not one surface.")
    after: dict[int, int] = {}
    for a, b in directed:
        if (b, a) in known:
            continue
        if a in after:
            raise ValueError("Two rims touch at a vertex: the part cannot be unfolded.")
        after[a] = b
    loops = []
    while after:
        loop = [min(after)]
        while loop[-1] in after:
            loop.append(after.pop(loop[-1]))
        loops.append(loop[:-1])
    return sorted(loops, key=lambda loop: -_length(chart.points[loop]))


def _length(loop: Array) -> float:
    return float(np.linalg.norm(loop - np.roll(loop, -1, 0), axis=1).sum())


def arc_share(points: Array) -> Array:
    """(n,) how far along the polyline (n, d) each point lies, from 0 to 1."""
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return np.asarray(along / along[-1])


def fan(rim: list[int], centre: int, closed: bool) -> Ints:
    """(S, 3) triangles between a hole's rim and a new vertex ``centre``, counter-clockwise where the polygons are."""
    ends = list(zip(rim, rim[1:] + rim[:1], strict=True))
    return np.array([[b, a, centre] for a, b in (ends if closed else ends[:-1])])


def tutte(links: Ints, count: int, fixed: Ints, places: Array) -> Array:
    """(count, 2) each vertex in the mean of its neighbours, the ``fixed`` ones in their ``places``.

    Injective for a 3-connected planar graph whose rim is convex (Tutte 1963; Floater 2003).
    """
    pairs = np.unique(np.sort(links, 1), axis=0)
    row, column = np.concatenate([pairs, pairs[:, ::-1]]).T
    adjacency = coo_matrix((np.ones(len(row)), (row, column)), shape=(count, count)).tocsr()
    inner = np.setdiff1d(np.arange(count), fixed)
    degree = np.asarray(adjacency.sum(1)).ravel()
    laplacian = -adjacency[inner][:, inner] + coo_matrix((degree[inner], (np.arange(len(inner)),) * 2))
    result = np.zeros((count, 2))
    result[fixed] = places
    result[inner] = splu(laplacian.tocsc()).solve(adjacency[inner][:, fixed] @ places)
    return result
