"""Measures a UV layout: stretch, overlaps, what the camera sees of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .uv_charts import corner_triangles
from .uv_energy import Array, Ints, twice_area

Figures = dict[str, float]


def split_corners(quads: Ints, values: Array) -> tuple[Array, Ints]:
    """(T, 3, d) of the two triangles of each quad, of values (F, 4, d) at its corners, and the polygon (T,) of each."""
    face = np.repeat(np.arange(len(quads)), 2)
    corner = np.tile([[0, 1, 2], [0, 2, 3]], (len(quads), 1))
    real = (face * 2 + 1 != np.arange(len(face))) | (quads[face, 3] >= 0)
    return values[face[:, None], corner][real], face[real]


def singular_values(corners: Array, uv: Array) -> Array:
    """(T, 2) largest and least stretch, in mm per unit of UV, of triangles (T, 3, 3) over their UVs (T, 3, 2)."""
    surface = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], 2)
    flat = np.stack([uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]], 2)
    return np.asarray(np.linalg.svd(surface @ np.linalg.inv(flat), compute_uv=False))


def stretch(corners: Array, uv: Array, name: str) -> Figures:
    """How much triangles (T, 3, 3) mm are distorted by UVs (T, 3, 2), once their areas agree as a whole.

    * ``l2``: sqrt((G^2 + g^2) / 2) by triangle, and its mean over the surface (Sander, Snyder, Gortler and Hoppe 2001); 1 is best.
    * ``dirichlet``: G^2 + g^2 + G^-2 + g^-2; 4 is best.
    * ``conformal``: G / g; 1 is best.
    """
    double = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    flat = np.abs(_corner_area(uv))
    good = (double > 1e-9) & (flat > 1e-14)
    sigma = singular_values(corners[good], uv[good]) * np.sqrt(flat[good].sum() / double[good].sum())
    square = (sigma**2).sum(1)
    l2 = np.sqrt(square / 2)
    rows = {"l2": l2, "dirichlet": square + (1 / sigma**2).sum(1), "conformal": sigma[:, 0] / sigma[:, 1]}
    result = {f"{name}_l2": float(np.sqrt((l2**2 * double[good]).sum() / double[good].sum()))}
    for kind, values in rows.items():
        for label, share in (("median", 50), ("p95", 95), ("max", 100)):
            result[f"{name}_{kind}_{label}"] = float(np.percentile(values, share))
    return result


def _corner_area(uv: Array) -> Array:
    return twice_area(uv.reshape(-1, 2), np.arange(len(uv) * 3).reshape(-1, 3))


def flipped(quads: Ints, uv: Array) -> int:
    """How many corner triangles of the UVs (F, 4, 2) are not counter-clockwise."""
    triangles, _ = corner_triangles(np.where(quads < 0, -1, np.arange(quads.size).reshape(quads.shape)))
    return int((twice_area(uv.reshape(-1, 2), triangles) <= 0).sum())


def _spans(triangles: Array, size: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Rows of pixel centres inside triangles (T, 3, 2), given in [0, 1]: triangle, row, first column, column after the last.

    Edges are walked from their lower end in both of their triangles, so that a centre on an edge never counts twice.
    """
    order = np.argsort(triangles[:, :, 1], axis=1, kind="stable")
    corner = np.take_along_axis(triangles, order[:, :, None], 1) * size - 0.5
    low = np.clip(np.floor(corner[:, 0, 1]) + 1, 0, size).astype(np.int64)
    high = np.clip(np.ceil(corner[:, 2, 1]), 0, size).astype(np.int64)
    count = np.maximum(high - low, 0)
    row = np.repeat(np.arange(len(triangles)), count)
    y = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + low[row]
    a, b, c = (corner[row, k] for k in range(3))
    upper = (y >= b[:, 1])[:, None]
    one, other = _crossing(a, c, y), _crossing(np.where(upper, b, a), np.where(upper, c, b), y)
    first = np.clip(np.floor(np.minimum(one, other)) + 1, 0, size).astype(np.int64)
    last = np.clip(np.ceil(np.maximum(one, other)), 0, size).astype(np.int64)
    keep = last > first
    return row[keep], y[keep], first[keep], last[keep]


def _crossing(low: Array, high: Array, y: Ints) -> Array:
    """(n,) where edges from ``low`` (n, 2) to ``high`` cross the heights ``y``."""
    rise = high[:, 1] - low[:, 1]
    share = np.where(rise > 0, (y - low[:, 1]) / np.where(rise > 0, rise, 1.0), 0.0)
    return np.asarray(low[:, 0] + share * (high[:, 0] - low[:, 0]))


def covered(triangles: Array, size: int) -> tuple[Ints, Ints, Array]:
    """Pixel centres inside triangles (T, 3, 2), given in [0, 1]: triangle (n,), pixel (n,), the corners' weights (n, 3).

    Pixels are row * size + column, row 0 at v = 0.
    """
    row, y, first, last = _spans(triangles, size)
    count = last - first
    x = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count - first, count)
    row, y = np.repeat(row, count), np.repeat(y, count)
    point = (np.stack([x, y], 1) + 0.5) / size
    a, b, c = (triangles[row, k] - point for k in range(3))
    weights = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], 1)
    return row, y * size + x, weights / weights.sum(1, keepdims=True)


def _cross(a: Array, b: Array) -> Array:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def cover_count(uv: Array, size: int) -> NDArray[np.int64]:
    """(size, size) how many triangles (T, 3, 2) cover each texel's centre; row 0 is v = 0."""
    _, y, first, last = _spans(uv, size)
    width = size + 1
    change = np.bincount(y * width + first, minlength=size * width) - np.bincount(
        y * width + last, minlength=size * width
    )
    return np.asarray(np.cumsum(change.reshape(size, width)[:, :-1], 1))


def visible_share(corners: Array, direction: Array, size: int = 512) -> Array:
    """(T,) how much of each triangle (T, 3, 3) a distant camera in ``direction`` (3,) sees: 0 if it looks away or is hidden.

    Only triangles that face the camera hide others. Those too small for the picture's pixels count as seen.
    """
    direction = np.asarray(direction, np.float64)
    frame = np.linalg.svd(direction[None])[2]
    facing = np.flatnonzero(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) @ direction > 0)
    flat, depth = corners[facing] @ frame[1:].T, corners[facing] @ direction
    low, extent = flat.min((0, 1)), float(np.ptp(flat, axis=(0, 1)).max())
    row, pixel, weights = covered((flat - low) / extent, size)
    z = (weights * depth[row]).sum(1)
    nearest = np.full(size * size, -np.inf)
    np.maximum.at(nearest, pixel, z)
    # What lies this little behind counts as seen: the neighbour across a shared edge does not hide it.
    seen = np.bincount(row, z > nearest[pixel] - 0.003 * extent, len(facing))
    total = np.bincount(row, minlength=len(facing))
    share = np.zeros(len(corners))
    share[facing] = np.where(total > 0, seen / np.maximum(total, 1), 1.0)
    return share
