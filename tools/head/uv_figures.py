"""Measures a UV layout: stretch, overlaps, what the camera sees of it."""

from __future__ import annotations

from collections.abc import Iterator

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


def covered(triangles: Array, size: int) -> Iterator[tuple[Ints, Ints, Array]]:
    """Pixel centres strictly inside each triangle (T, 3, 2), given in [0, 1]: batches of triangle, pixel, weights (n, 3).

    Pixels are row * size + column, row 0 at v = 0.
    """
    low = np.clip(np.ceil(triangles.min(1) * size - 0.5), 0, size).astype(np.int64)
    high = np.clip(np.floor(triangles.max(1) * size - 0.5) + 1, 0, size).astype(np.int64)
    extent = np.maximum(high - low, 0)
    count = extent.prod(1)
    batch = np.cumsum(count) // 4_000_000
    for number in np.unique(batch):
        rows = np.flatnonzero((batch == number) & (count > 0))
        yield _inside(triangles, rows, low, extent, size)


def _inside(triangles: Array, rows: Ints, low: Ints, extent: Ints, size: int) -> tuple[Ints, Ints, Array]:
    count = extent[rows].prod(1)
    row = np.repeat(rows, count)
    step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    x = low[row, 0] + step % extent[row, 0]
    y = low[row, 1] + step // extent[row, 0]
    point = (np.stack([x, y], 1) + 0.5) / size
    a, b, c = (triangles[row, k] - point for k in range(3))
    weights = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], 1)
    total = weights.sum(1)
    keep = (weights * np.sign(total)[:, None] > 0).all(1)
    return row[keep], (y * size + x)[keep], weights[keep] / total[keep, None]


def _cross(a: Array, b: Array) -> Array:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def cover_count(uv: Array, size: int) -> NDArray[np.int32]:
    """(size, size) how many triangles (T, 3, 2) cover each texel's centre; row 0 is v = 0."""
    count = np.zeros(size * size, np.int32)
    for _, pixel, _ in covered(uv, size):
        count += np.bincount(pixel, minlength=size * size).astype(np.int32)
    return count.reshape(size, size)


def visible_share(corners: Array, direction: Array, size: int = 512) -> Array:
    """(T,) how much of each triangle (T, 3, 3) a distant camera in ``direction`` (3,) sees: 0 if it looks away or is hidden.

    Only triangles that face the camera hide others. Those too small for the picture's pixels count as seen.
    """
    direction = np.asarray(direction, np.float64)
    frame = np.linalg.svd(direction[None])[2]
    facing = np.flatnonzero(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) @ direction > 0)
    flat, depth = corners[facing] @ frame[1:].T, corners[facing] @ direction
    low, extent = flat.min((0, 1)), float(np.ptp(flat, axis=(0, 1)).max())
    nearest = np.full(size * size, -np.inf)
    hits = []
    for row, pixel, weights in covered((flat - low) / extent, size):
        z = (weights * depth[row]).sum(1)
        np.maximum.at(nearest, pixel, z)
        hits.append((row, pixel, z))
    row, pixel, z = (np.concatenate(parts) for parts in zip(*hits, strict=True))
    # What lies this little behind counts as seen: the neighbour across a shared edge does not hide it.
    seen = np.bincount(row, z > nearest[pixel] - 0.003 * extent, len(facing))
    total = np.bincount(row, minlength=len(facing))
    share = np.zeros(len(corners))
    share[facing] = np.where(total > 0, seen / np.maximum(total, 1), 1.0)
    return share
