"""What of hm08 itself comes along, for targets of the fitted head: base positions, the blend over the neck, and followers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .source import MM_PER_UNIT, Array, BaseMesh

Ints = NDArray[np.int64]

# The fit fades out over so many edge loops above the cut, which is where the throat turns into the jaw's underside.
NECK_RINGS = 6
# base.obj is written with four decimals.
STEP = 1e-4
# Helpers near the head (hair, lashes, collar) follow the skin around them, and ever less from here to there, mm.
NEAR_MM, FAR_MM = 25.0, 90.0
NEIGHBOURS = 12
# Cubes that mark bones inside the head follow it as a whole, not a corner each.
JOINT_NEIGHBOURS = 64
EYES = {"joint-l-eye": "helper-l-eye", "joint-r-eye": "helper-r-eye"}
EYES |= {"joint-l-eye-target": "helper-l-eye", "joint-r-eye-target": "helper-r-eye"}
# All other bones are the body's, which stays.
BONES = ("joint-head", "joint-neck", "joint-jaw", "joint-mouth", "joint-tongue", "joint-l-eye", "joint-r-eye")
BONES += ("joint-l-upperlid", "joint-l-lowerlid", "joint-r-upperlid", "joint-r-lowerlid")


@dataclass(frozen=True)
class Followers:
    """hm08 vertices outside the head that go with it: follower i takes the weighted sum of rows[start[i] : start[i + 1]]."""

    index: Ints
    start: Ints
    rows: Ints
    weights: Array


def write_base(path: Path, base: BaseMesh, original: Ints, quads: Ints) -> None:
    """Write hm08's part of the data; ``original`` (V,) and ``quads`` (F, 4) are the head's."""
    keep = neck_blend(quads, np.flatnonzero(original < len_of_body(base)), len(original))
    followers = find_followers(base, original, keep)
    np.savez_compressed(
        path,
        index=original.astype(np.int16),
        vertices=np.round(base.vertices[original] / (MM_PER_UNIT * STEP)).astype(np.int32),
        step=np.float64(STEP),
        keep=keep.astype(np.float32),
        follower_index=followers.index.astype(np.int16),
        follower_start=followers.start.astype(np.int32),
        follower_rows=followers.rows.astype(np.int16),
        follower_weights=followers.weights.astype(np.float32),
    )


def len_of_body(base: BaseMesh) -> int:
    """How many of hm08's vertices are the body's; they come first."""
    return int(base.quads["body"].max()) + 1


def neck_blend(quads: Ints, body: Ints, count: int) -> Array:
    """(count,) how much of the fit holds: 0 on the cut's loop, 1 from `NECK_RINGS` loops above it on, and inside the head."""
    pairs = np.sort(np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2), 1)
    pairs, uses = np.unique(pairs[np.isin(pairs, body).all(1)], axis=0, return_counts=True)
    ring = np.full(count, NECK_RINGS)
    ring[pairs[uses == 1]] = 0
    for step in range(1, NECK_RINGS):
        for first, second in (pairs.T, pairs.T[::-1]):
            reached = second[ring[first] == step - 1]
            ring[reached] = np.minimum(ring[reached], step)
    part = ring / NECK_RINGS
    return np.asarray(part * part * (3.0 - 2.0 * part))


def find_followers(base: BaseMesh, original: Ints, keep: Array) -> Followers:
    """Hair, lashes, collar and the cubes of the head's bones."""
    tree, row_of = cKDTree(base.vertices[original]), {int(v): row for row, v in enumerate(original)}
    found: dict[int, tuple[Ints, Array]] = {}
    for name, faces in base.quads.items():
        vertices = np.unique(faces)
        if name == "body" or np.isin(vertices, original).any():
            continue
        if name.startswith(BONES):
            found |= _as_a_whole(base, name, vertices, tree, row_of)
        elif not name.startswith("joint-"):
            found |= {int(v): _one(base.vertices[v], tree, NEIGHBOURS) for v in vertices}
    found = {v: (rows, weights) for v, (rows, weights) in found.items() if weights @ keep[rows] > 1e-3}
    order = sorted(found)
    sizes = [len(found[v][0]) for v in order]
    return Followers(
        index=np.array(order),
        start=np.concatenate([[0], np.cumsum(sizes)]),
        rows=np.concatenate([found[v][0] for v in order]),
        weights=np.concatenate([found[v][1] for v in order]),
    )


def _as_a_whole(
    base: BaseMesh, name: str, vertices: Ints, tree: cKDTree, row_of: dict[int, int]
) -> dict[int, tuple[Ints, Array]]:
    """All corners of a cube alike: those of the eyes with the eyeball, others with what is around their middle."""
    if name in EYES:
        rows = np.array([row_of[int(v)] for v in np.unique(base.quads[EYES[name]])])
        rule = rows, np.full(len(rows), 1.0 / len(rows))
    else:
        rule = _one(base.vertices[vertices].mean(0), tree, JOINT_NEIGHBOURS)
    return dict.fromkeys((int(v) for v in vertices), rule)


def _one(place: Array, tree: cKDTree, count: int) -> tuple[Ints, Array]:
    """Rows and weights for a point: by inverse square distance, altogether 1 near the head and 0 far from it."""
    distance, rows = tree.query(place, count)
    weights = 1.0 / (distance + 1.0) ** 2
    part = np.clip((FAR_MM - distance[0]) / (FAR_MM - NEAR_MM), 0.0, 1.0)
    return rows, weights / weights.sum() * part * part * (3.0 - 2.0 * part)
