"""Cuts the head out of hm08 and says what is what in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nextgenface.engine.faces.topology import edges
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .source import Array, BaseMesh, Source

Ints = NDArray[np.int64]

# hm08 vertex on the midline of the throat where the cut's edge loop passes. The loop has 42 edges, runs round the base of the
# neck and is symmetric.
LOOP_START = 1522
HELPERS = {
    "helper-l-eye": "eye_left",
    "helper-r-eye": "eye_right",
    "helper-upper-teeth": "teeth_upper",
    "helper-lower-teeth": "teeth_lower",
    "helper-tongue": "tongue",
}


@dataclass(frozen=True)
class Cut:
    """The head's topology.

    Attributes:
        original: (V,) hm08 vertex numbers, ascending.
        quads: (F, 4) rows of ``original``.
        uvs: (F, 4, 2) hm08's layout.
        part: (F,) index into ``part_names``.
        socket: (F,) True for the lining of the eye sockets, behind the lids.
        mirror: (V,) the vertex on the other side.
        part_names: what ``part`` counts.
    """

    original: Ints
    quads: Ints
    uvs: Array
    part: NDArray[np.uint8]
    socket: NDArray[np.bool_]
    mirror: Ints
    part_names: tuple[str, ...]

    def gather(self, delta: tuple[Ints, Array]) -> Array:
        """(V, 3) mm of a target that lists some vertices of hm08."""
        index, values = delta
        full = np.zeros((max(int(index.max(initial=0)), int(self.original.max())) + 1, 3))
        full[index] = values
        return full[self.original]

    @property
    def outer_skin(self) -> NDArray[np.bool_]:
        """(V,) True on the skin that is seen: without the linings of mouth and eye sockets."""
        return self.vertices_of((self.part == self.part_names.index("skin")) & ~self.socket)

    @property
    def mouth_rim(self) -> NDArray[np.bool_]:
        """(V,) True where the lips' skin ends, inside the mouth's opening."""
        return self.outer_skin & self.vertices_of((self.part == self.part_names.index("mouth")) & ~self.socket)

    @property
    def lid_rim(self) -> NDArray[np.bool_]:
        """(V,) True where the lids' skin ends, against the eyeball."""
        return self.outer_skin & self.vertices_of(self.socket)

    def rings(self, start: NDArray[np.bool_], count: int) -> Ints:
        """(V,) how many edges of the outer skin lead from ``start``: 0 there, ``count`` + 1 where it is further."""
        ring = np.where(start, 0, count + 1)
        pairs = edges(self.quads.astype(np.int32))
        first, second = pairs[self.outer_skin[pairs].all(1)].T
        for step in range(1, count + 1):
            reached = np.zeros(len(ring), bool)
            reached[second[ring[first] == step - 1]] = True
            reached[first[ring[second] == step - 1]] = True
            ring = np.where(reached & (ring > step), step, ring)
        return ring

    def vertices_of(self, faces: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(V,) True where a vertex belongs to one of ``faces``, an (F,) mask."""
        mask = np.zeros(len(self.original), bool)
        mask[self.quads[faces].ravel()] = True
        return mask


def cut_head(base: BaseMesh, source: Source, part_names: tuple[str, ...]) -> Cut:
    """The head, neck, eyeballs, teeth, tongue and mouth of hm08."""
    body, body_uv = base.quads["body"], base.quad_uvs["body"]
    keep = _above_loop(base, body, _edge_loop(body, base.vertices))
    lining = _linings(base, body, body_uv)
    part = np.where(lining > 0, part_names.index("mouth"), part_names.index("skin"))[keep]
    quads, uv_rows, parts, socket = [body[keep]], [body_uv[keep]], [part], [(lining == 2)[keep]]
    for group, name in HELPERS.items():
        quads.append(base.quads[group])
        uv_rows.append(base.quad_uvs[group])
        parts.append(np.full(len(quads[-1]), part_names.index(name)))
        socket.append(np.zeros(len(quads[-1]), bool))
    original, compact = np.unique(np.concatenate(quads), return_inverse=True)
    return Cut(
        original=original,
        quads=compact.reshape(-1, 4),
        uvs=base.uvs[np.concatenate(uv_rows)],
        part=np.concatenate(parts).astype(np.uint8),
        socket=np.concatenate(socket),
        mirror=_mirror(original, base, source),
        part_names=part_names,
    )


def _edge_loop(quads: Ints, vertices: Array) -> list[int]:
    """The closed edge loop that starts at LOOP_START and crosses the midline there."""
    faces_of: dict[tuple[int, int], set[int]] = {}
    neighbours: dict[int, set[int]] = {}
    for face, quad in enumerate(quads):
        for a, b in zip(quad, np.roll(quad, -1), strict=True):
            faces_of.setdefault((min(a, b), max(a, b)), set()).add(face)
            neighbours.setdefault(int(a), set()).add(int(b))
            neighbours.setdefault(int(b), set()).add(int(a))

    def opposite(a: int, b: int) -> int:
        used = faces_of[min(a, b), max(a, b)]
        return next(c for c in neighbours[b] if c != a and not faces_of[min(b, c), max(b, c)] & used)

    second = max(neighbours[LOOP_START], key=lambda v: vertices[v, 0])
    loop = [LOOP_START, second]
    while (after := opposite(loop[-2], loop[-1])) != LOOP_START:
        loop.append(after)
    return loop


def _above_loop(base: BaseMesh, quads: Ints, loop: list[int]) -> NDArray[np.bool_]:
    """(F,) True for the body's faces on the skull's side of ``loop``."""
    wall = {tuple(sorted(edge)) for edge in zip(loop, loop[1:] + loop[:1], strict=True)}
    edges = np.sort(np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2), 1)
    face = np.repeat(np.arange(len(quads)), 4)
    free = np.array([tuple(edge) not in wall for edge in edges.tolist()])
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    first, second = order[:-1], order[1:]
    same = (edges[first] == edges[second]).all(1) & free[first]
    links = coo_matrix((np.ones(same.sum()), (face[first[same]], face[second[same]])), shape=(len(quads),) * 2)
    _, component = connected_components(links, directed=False)
    crown = np.argmax(base.vertices[quads[:, 0], 1])
    return np.asarray(component == component[crown])


def _linings(base: BaseMesh, quads: Ints, quad_uvs: Ints) -> Ints:
    """(F,) 1 for the inner mouth, 2 for the eye sockets, 0 elsewhere: hm08 gives each of them an island of its own in UV."""
    first, second = quad_uvs[:, :3].ravel(), quad_uvs[:, 1:].ravel()
    count = len(base.uvs)
    _, island = connected_components(coo_matrix((np.ones(len(first)), (first, second)), shape=(count, count)), False)
    island = island[quad_uvs[:, 0]]
    kind = np.zeros(len(quads), np.int64)
    eye = {side: base.vertices[np.unique(base.quads[f"helper-{side}-eye"])].mean(0) for side in "lr"}
    mouth = base.vertices[np.unique(base.quads["helper-tongue"])].mean(0)
    for number in np.unique(island):
        faces = island == number
        points = base.vertices[np.unique(quads[faces])]
        if all(np.abs(points - mouth).max(0) < (50.0, 50.0, 80.0)):
            kind[faces] = 1
        elif any(np.abs(points - centre).max() < 25.0 for centre in eye.values()):
            kind[faces] = 2
    return kind


def _mirror(original: Ints, base: BaseMesh, source: Source) -> Ints:
    """(V,) the vertex on the other side; checked to be an involution that fits the geometry."""
    partner = source.mirror(len(base.vertices))[original]
    mirror = np.searchsorted(original, partner)
    flipped = base.vertices[original] * (-1.0, 1.0, 1.0)
    distance = np.abs(base.vertices[partner] - flipped).max()
    if (
        not (original[mirror] == partner).all()
        or not (mirror[mirror] == np.arange(len(mirror))).all()
        or distance > 0.5
    ):
        raise ValueError(f"hm08.mirror does not mirror the head: {distance:.2f} mm off.")
    return mirror
