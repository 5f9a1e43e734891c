"""Closes the mouth: MakeHuman's targets leave the lips apart, and an identity should not."""

from __future__ import annotations

import numpy as np
from nextgenface.engine.faces.topology import edges
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, diags, identity
from scipy.sparse.linalg import splu

from .cut import Cut, Ints
from .source import Array

# Rings of the lips' skin that meet, counted from where it ends inside; they move as one. The move fades over the next ones.
MEETING, FADING = 4, 9
ROUNDS = 3
# Closed lips are pressed together by this much, so that no light comes through between two columns.
PRESSED_MM = 0.4


class Lips:
    """Where the lips of hm08 meet.

    Across the lips run strands of vertices, one from each vertex of the rim; the upper and the lower strand of a column touch
    where the mouth is closed.

    Attributes:
        upper: (C, R) vertices of the upper strands, from the inside out, by columns from right to left.
        lower: (C, R) those of the lower strands.
        spread: (C, V) how a move of a column's upper strand by 1 carries on over the head; the lower half is `spread_lower`.
    """

    def __init__(self, cut: Cut, mean: Array, jaw: Array) -> None:
        ring = cut.rings(cut.mouth_rim, FADING)
        neighbours = _neighbours(cut)
        high, low = _halves(cut, mean[:, 0], jaw, neighbours)
        self.upper = np.array([_strand(v, ring, neighbours) for v in high])
        self.lower = np.array([_strand(v, ring, neighbours) for v in low])
        free = (ring > MEETING) & (ring <= FADING) | _inside(cut)
        strands = np.concatenate([self.upper, self.lower])
        self.spread, self.spread_lower = np.split(_harmonic(cut, strands, free), 2)

    def gap(self, heads: Array) -> Array:
        """(n, C) mm between the lips of (n, V, 3) heads at each column; negative where they overlap."""
        return np.asarray(heads[:, self.upper, 1].min(2) - heads[:, self.lower, 1].max(2))

    def close(self, heads: NDArray[np.float32]) -> None:
        """Bring the lips of (n, V, 3) heads together where they are apart, in place, each half of the way."""
        for _ in range(ROUNDS):
            half = np.maximum(self.gap(heads) + PRESSED_MM, 0.0) / 2
            heads[..., 1] += (half @ (self.spread_lower - self.spread)).astype(heads.dtype)


def _neighbours(cut: Cut) -> dict[int, set[int]]:
    """Vertex -> those at the other ends of its edges."""
    result: dict[int, set[int]] = {}
    for a, b in edges(cut.quads.astype(np.int32)).tolist():
        result.setdefault(a, set()).add(b)
        result.setdefault(b, set()).add(a)
    return result


def _halves(cut: Cut, x: Array, jaw: Array, neighbours: dict[int, set[int]]) -> tuple[list[int], list[int]]:
    """The upper and the lower half of the rim, in step with each other: as many vertices from the midline on each."""
    loop = set(np.flatnonzero(cut.mouth_rim).tolist())
    middle = sorted((v for v in loop if cut.mirror[v] == v), key=lambda v: jaw[v])
    if len(middle) != 2 or len(loop) % 4 != 2:
        raise ValueError(f"The rim of the mouth has {len(loop)} vertices, {len(middle)} of them on the midline.")
    halves = []
    for start in middle:
        arc = [start, max(neighbours[start] & loop, key=lambda v: x[v])]
        while len(arc) <= len(loop) // 4:
            arc.append(next(v for v in neighbours[arc[-1]] & loop if v != arc[-2]))
        halves.append([int(cut.mirror[v]) for v in arc[:0:-1]] + arc)
    return halves[0], halves[1]


def _strand(start: int, ring: Ints, neighbours: dict[int, set[int]]) -> list[int]:
    """The vertices from ``start`` outwards, one on each ring up to the last that meets."""
    strand = [int(start)]
    for number in range(1, MEETING + 1):
        strand.append(next(v for v in sorted(neighbours[strand[-1]]) if ring[v] == number))
    return strand


def _inside(cut: Cut) -> NDArray[np.bool_]:
    """(V,) True on the lining of the mouth, without the rim."""
    lining = (cut.part == cut.part_names.index("mouth")) & ~cut.socket
    return cut.vertices_of(lining) & ~cut.mouth_rim


def _harmonic(cut: Cut, strands: Ints, free: NDArray[np.bool_]) -> Array:
    """(S, V) fields that are 1 on one strand, 0 on the others and on what is not ``free``, smooth between.

    Each free vertex is the mean of its neighbours, less a little, so that moves fade inside the mouth as well.
    """
    count = len(cut.original)
    pairs = edges(cut.quads.astype(np.int32))
    both = np.concatenate([pairs, pairs[:, ::-1]])
    ones = coo_matrix((np.ones(len(both)), both.T), shape=(count, count)).tocsr()
    mean = diags(0.9 / np.maximum(ones.sum(1).A1, 1)) @ ones
    fields = np.zeros((count, len(strands)))
    for column, strand in enumerate(strands):
        fields[strand, column] = 1.0
    free = free & ~(fields > 0).any(1)
    inner = np.flatnonzero(free)
    system = (identity(count).tocsr() - mean)[inner][:, inner].tocsc()
    fields[inner] = splu(system).solve(mean[inner] @ fields)
    return np.asarray(fields.T)
