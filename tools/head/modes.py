"""Rigid alignment and principal components of sampled heads, exactly left-right symmetric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .source import Array

FLIP = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Modes:
    """Principal components.

    Attributes:
        mean: (V, 3) mm, exactly symmetric.
        basis: (K, V, 3) mm per standard deviation.
        parity: (K,) +1 where the mode is symmetric, -1 where it is antisymmetric.
        kept: the part of the weighted variance that the K modes keep.
    """

    mean: Array
    basis: Array
    parity: NDArray[np.int8]
    kept: float


def align(heads: NDArray[np.floating[Any]], reference: Array, weight: Array) -> None:
    """Move every head (n, V, 3) rigidly, in place, to ``reference`` (V, 3): weighted least squares by Kabsch, no scaling."""
    share = weight / weight.sum()
    goal = share @ reference
    for head in heads:
        centre = share @ head
        u, _, vt = np.linalg.svd(((head - centre) * share[:, None]).T @ (reference - goal))
        sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        head[:] = (head - centre) @ (u @ sign @ vt) + goal


def symmetric_modes(heads: NDArray[np.float32], mirror: NDArray[np.int64], weight: Array, count: int) -> Modes:
    """PCA of ``heads`` (n, V, 3) together with their mirror images, each vertex weighted by ``weight`` (V,).

    With every head goes its mirror image, so the covariance commutes with mirroring and its eigenvectors are symmetric or
    antisymmetric. The two kinds are found apart, which makes them exactly so and halves what must be stored.
    """
    mirrored = heads[:, mirror] * FLIP.astype(np.float32)
    even, odd = (heads + mirrored) / 2, (heads - mirrored) / 2
    mean = even.mean(0, dtype=np.float64)
    found = [*_components(even - mean.astype(np.float32), weight, 1), *_components(odd, weight, -1)]
    found.sort(key=lambda item: -item[0])
    total = sum(item[0] for item in found)
    best = found[:count]
    data = {1: (even - mean).reshape(len(heads), -1), -1: odd.reshape(len(heads), -1)}
    basis = np.stack([(score @ data[parity] / len(heads)).reshape(mean.shape) for _, parity, score in best])
    parity = np.array([p for _, p, _ in best], np.int8)
    basis = (basis + parity[:, None, None] * basis[:, mirror] * FLIP) / 2
    mean = (mean + mean[mirror] * FLIP) / 2
    return Modes(mean, _signed(basis), parity, sum(item[0] for item in best) / total)


def _components(data: Array, weight: Array, parity: int) -> list[tuple[float, int, Array]]:
    """(variance, parity, scores of unit variance (n,)) of centred ``data``, through the Gram matrix of its rows."""
    rows = (data * np.sqrt(weight)[:, None].astype(np.float32)).reshape(len(data), -1)
    gram = (rows @ rows.T).astype(np.float64) / len(rows)
    values, vectors = np.linalg.eigh(gram)
    keep = values > values.max() * 1e-9
    scale = np.sqrt(len(rows))
    return [(float(v), parity, vectors[:, i] * scale) for i, v in enumerate(values) if keep[i]]


def _signed(basis: Array) -> Array:
    """Modes with their sign fixed: the largest coordinate is positive, so that a rebuild gives the same."""
    flat = basis.reshape(len(basis), -1)
    peak = np.take_along_axis(flat, np.abs(flat).argmax(1)[:, None], 1)
    return basis * np.sign(peak)[:, :, None]
