"""Least squares within a box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Signs = NDArray[np.int8]

_TRIES = 3
_SLACK = 1e-9


def boxed_minimum(matrix: Floats, gradient: Floats, low: Floats, high: Floats) -> Floats:
    """The (n,) minimum of ``x A x / 2 + g x`` with ``low <= x <= high``, for a symmetric positive definite ``A``.

    Variables without bounds are eliminated first (Schur complement), so that the search for the active bounds is small.
    """
    bounded = np.isfinite(low) | np.isfinite(high)
    if not bounded.any():
        return np.asarray(np.linalg.solve(matrix, -gradient))
    free = ~bounded
    across = matrix[np.ix_(free, bounded)]
    solved = np.linalg.solve(matrix[np.ix_(free, free)], np.column_stack([across, gradient[free]]))
    inner = matrix[np.ix_(bounded, bounded)] - across.T @ solved[:, :-1]
    result = np.empty_like(gradient)
    result[bounded] = _pivoting(inner, gradient[bounded] - across.T @ solved[:, -1], low[bounded], high[bounded])
    result[free] = -solved[:, -1] - solved[:, :-1] @ result[bounded]
    return result


def _pivoting(matrix: Floats, gradient: Floats, low: Floats, high: Floats) -> Floats:
    """Block principal pivoting, with Murty's single pivots when it goes in circles, which ends always.

    Judice and Pires, "A block principal pivoting algorithm for large-scale strictly monotone linear
    complementarity problems"
    (1994), here with bounds on both sides.
    """
    # -1: at the low bound, 0: free, 1: at the high bound. What stands at a bound and is pushed outwards likely stays.
    side: Signs = ((high <= 0.0) & (gradient < 0.0)).astype(np.int8) - ((low >= 0.0) & (gradient > 0.0)).astype(np.int8)
    fewest, tries = len(gradient) + 1, _TRIES
    for _ in range(20 * len(gradient)):
        x, slope = _solution(matrix, gradient, low, high, side)
        wanted = _wanted(x, slope, low, high, side)
        wrong = np.flatnonzero(wanted != side)
        if len(wrong) == 0:
            break
        if len(wrong) < fewest:
            fewest, tries = len(wrong), _TRIES
        elif tries > 0:
            tries -= 1
        else:
            wrong = wrong[-1:]
        side[wrong] = wanted[wrong]
    return np.clip(x, low, high)


def _solution(matrix: Floats, gradient: Floats, low: Floats, high: Floats, side: Signs) -> tuple[Floats, Floats]:
    """The minimum with some variables held at their bounds, and the slope there."""
    free = side == 0
    x = np.where(side < 0, low, np.where(side > 0, high, 0.0))
    if free.any():
        x[free] = np.linalg.solve(matrix[np.ix_(free, free)], -(gradient + matrix @ x)[free])
    return x, gradient + matrix @ x


def _wanted(x: Floats, slope: Floats, low: Floats, high: Floats, side: Signs) -> Signs:
    """Where each variable belongs: free ones outside of the box to its bound, held ones that are pulled inwards to the free."""
    wanted = side.copy()
    free = side == 0
    wanted[free & (x < low - _SLACK)] = -1
    wanted[free & (x > high + _SLACK)] = 1
    wanted[((side < 0) & (slope < -_SLACK)) | ((side > 0) & (slope > _SLACK))] = 0
    return wanted
