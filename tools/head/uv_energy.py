"""Unfolds triangles with little distortion and without ever turning one over: a projected Newton method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import splu

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Targets:
    """What each triangle should look like in the map.

    Attributes:
        triangles: (T, 3) rows of the map's points, counter-clockwise in the map.
        gradient: (T, 3, 2) maps the corners' places to the Jacobian J = sum_k x_k (outer) gradient_k.
        weight: (T,) of the triangle in the energy.
    """

    triangles: Ints
    gradient: Array
    weight: Array

    def jacobian(self, points: Array) -> Array:
        """(T, 2, 2) from the wanted triangle to the one in the map."""
        return np.einsum("tki,tkj->tij", points[self.triangles], self.gradient)


def flatten(corners: Array, flattest: float = 0.05) -> Array:
    """(T, 3, 2) triangles (T, 3, 3) laid flat, each with its first edge along u.

    A triangle whose height is under ``flattest`` of its first edge is made that high, so that no target is degenerate.
    """
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    length = np.maximum(np.linalg.norm(first, axis=1), 1e-9)
    along = np.einsum("ti,ti->t", first, second) / length
    height = np.linalg.norm(np.cross(first, second), axis=1) / length
    zero = np.zeros_like(length)
    rows = [zero, zero, length, zero, along, np.maximum(height, flattest * length)]
    return np.stack(rows, 1).reshape(-1, 3, 2)


def targets(triangles: Ints, flat: Array, weight: Array) -> Targets:
    """Targets for triangles (T, 3) that should have the flat shapes (T, 3, 2)."""
    edges = np.stack([flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]], 2)
    inverse = np.linalg.inv(edges)
    return Targets(triangles, np.concatenate([-inverse.sum(1, keepdims=True), inverse], 1), weight)


def join(first: Targets, second: Targets) -> Targets:
    """The triangles of both."""
    return Targets(
        np.concatenate([first.triangles, second.triangles]),
        np.concatenate([first.gradient, second.gradient]),
        np.concatenate([first.weight, second.weight]),
    )


def twice_area(points: Array, triangles: Ints) -> Array:
    """(T,) twice the signed area of triangles of ``points`` (n, 2); positive where counter-clockwise."""
    return twice_area_of(points[triangles])


def twice_area_of(corners: Array) -> Array:
    """(T,) the same of the corners (T, 3, 2) themselves."""
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])


def energy(points: Array, wanted: Targets) -> float:
    """Symmetric Dirichlet energy sum w (|J|^2 + |J^-1|^2) (Smith and Schaefer 2015); infinite where a triangle is turned over."""
    jacobian = wanted.jacobian(points)
    determinant = jacobian[:, 0, 0] * jacobian[:, 1, 1] - jacobian[:, 0, 1] * jacobian[:, 1, 0]
    if determinant.min(initial=1.0) <= 0:
        return float("inf")
    square = (jacobian**2).sum((1, 2))
    return float((wanted.weight * square * (1 + 1 / determinant**2)).sum())


def minimise(
    points: Array, wanted: Targets, free: Mask, scaffold: Ints | None = None, steps: int = 200, tolerance: float = 1e-7
) -> Array:
    """Points (n, 2) of least symmetric Dirichlet energy; only the coordinates that are ``free`` (n, 2) move.

    Args:
        points: (n, 2) the start; every triangle must be counter-clockwise.
        wanted: the triangles and their targets.
        free: (n, 2).
        scaffold: (S, 3) triangles that fill holes. They keep the hole's rim from crossing itself (Jiang, Schaefer and Panozzo
            2017) and ask for nothing else: what they should look like is what they look like at each step.
        steps: at most so many Newton steps.
        tolerance: ends when a step lowers the energy by less than this share.

    Raises:
        ValueError: a triangle of the start is turned over.
    """
    scaffold = np.zeros((0, 3), np.int64) if scaffold is None else scaffold
    every = np.concatenate([wanted.triangles, scaffold])
    if twice_area(points, every).min() <= 0:
        raise ValueError("The start of the unfolding has a triangle that is turned over.")
    for _ in range(steps):
        goal = join(wanted, _as_is(points, scaffold, 1e-3 * float(wanted.weight.mean())))
        step = _newton_step(points, goal, free)
        moved, gain = _line_search(points, step, goal, every)
        points = moved
        if gain < tolerance:
            break
    return points


def _as_is(points: Array, triangles: Ints, weight: float) -> Targets:
    """Targets that the triangles already meet."""
    return targets(triangles, points[triangles], np.full(len(triangles), weight))


def _newton_step(points: Array, goal: Targets, free: Mask) -> Array:
    """(n, 2) the step -H^-1 g, each triangle's Hessian projected to be positive (Smith, De Goes and Kim 2019)."""
    gradient, hessian = _derivatives(points, goal)
    dof = np.full(free.size, -1)
    dof[free.ravel()] = np.arange(free.sum())
    index = dof[(goal.triangles[:, :, None] * 2 + np.arange(2)).reshape(-1, 6)]
    used = index.ravel() >= 0
    right = np.bincount(index.ravel()[used], gradient.ravel()[used], free.sum())
    row, column = np.repeat(index, 6, 1).ravel(), np.tile(index, (1, 6)).ravel()
    both = (row >= 0) & (column >= 0)
    shape = (len(right), len(right))
    matrix = coo_matrix((hessian.ravel()[both], (row[both], column[both])), shape=shape).tocsc()
    # An island that nothing holds may turn and shift freely: a trace of the identity makes the matrix regular.
    damping = 1e-8 * matrix.diagonal().mean()
    matrix += coo_matrix((np.full(len(right), damping), (np.arange(len(right)),) * 2), shape=shape).tocsc()
    step = np.zeros(free.size)
    step[free.ravel()] = -splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(right)
    return step.reshape(-1, 2)


def _derivatives(points: Array, goal: Targets) -> tuple[Array, Array]:
    """Gradient (T, 6) and projected Hessian (T, 6, 6) of each triangle's energy by its corners' u, v."""
    u, sigma, vt = np.linalg.svd(goal.jacobian(points))
    slope = 2 * sigma - 2 / sigma**3
    product, total, square = sigma.prod(1), sigma.sum(1), (sigma**2).sum(1)
    curve = np.stack(
        [
            2 + 6 / sigma[:, 0] ** 4,
            2 + 6 / sigma[:, 1] ** 4,
            np.maximum(slope.sum(1) / total, 0),
            2 + 2 * (square + product) / product**3,
        ],
        1,
    )
    half = np.sqrt(0.5)
    modes = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]], [[0, -half], [half, 0]], [[0, half], [half, 0]]])
    frames = np.einsum("tab,mbc,tcd->tmad", u, modes, vt, optimize=True)
    by_corner = np.einsum("tmij,tkj->tmki", frames, goal.gradient, optimize=True).reshape(len(u), 4, 6)
    gradient = np.einsum("tm,tmx->tx", slope * goal.weight[:, None], by_corner[:, :2])
    hessian = np.einsum("tm,tmx,tmy->txy", curve * goal.weight[:, None], by_corner, by_corner, optimize=True)
    return gradient, hessian


def _line_search(points: Array, step: Array, goal: Targets, every: Ints) -> tuple[Array, float]:
    """The points after the longest tried part of ``step`` that lowers the energy, and the share by which it does."""
    before = energy(points, goal)
    length = min(1.0, 0.9 * longest_step(points, step, every))
    for _ in range(40):
        moved = points + length * step
        after = energy(moved, goal)
        if after < before:
            return moved, 1 - after / before
        length *= 0.5
    return points, 0.0


def longest_step(points: Array, step: Array, triangles: Ints) -> float:
    """How far along ``step`` the first triangle loses its area (the least positive root of a quadratic; Smith and Schaefer 2015)."""
    c = twice_area(points, triangles)
    a = twice_area(step, triangles)
    b = twice_area(points + step, triangles) - a - c
    root = np.sqrt(np.maximum(b * b - 4 * a * c, 0))
    # The stable form of the roots: q / a and c / q.
    q = -0.5 * (b + np.where(b < 0, -root, root))
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = np.stack([q / a, c / q])
    real = (b * b - 4 * a * c >= 0) & np.isfinite(roots) & (roots > 0)
    return float(np.min(roots[real], initial=np.inf))
