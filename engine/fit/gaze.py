"""Where the eyes look in each of several photos: the one map of the eyes has one iris each, so the eyeballs turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..faces.model import FaceModel
from ..faces.smooth_functions import part_vertices
from .eyes import SIDES, Eyeball

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class EyeTurn:
    """How the eyeballs lie in a photo beside where its expression has them: ``shift`` (V, 3) mm, an expression called ``name`` of which
    the photo has all.
    """

    name: str
    shift: NDArray[np.float32]


def turn_name(number: int) -> str:
    """The name of the expression that turns the eyes to where photo ``number``, counted from 0, has them look."""
    return f"eyesOfPhoto{number + 1}"


def eye_turn(
    model: FaceModel,
    painted: tuple[NDArray[np.float32], Mapping[str, Eyeball]],
    seen: tuple[NDArray[np.float32], Mapping[str, Eyeball]],
) -> NDArray[np.float32]:
    """(V, 3) mm to add to the vertices of one photo so that the irises of another lie where it shows them.

    Args:
        painted: vertices (V, 3) and eyeballs of the photo in which the irises' place on the balls is right.
        seen: those of the photo whose eyes turn.
    """
    shift = np.zeros((model.vertex_count, 3), np.float32)
    for side in SIDES:
        own = part_vertices(model, side)
        if not own.any():
            continue
        (vertices, balls), (first, first_balls) = seen, painted
        ball, other = balls[side], first_balls[side]
        away = vertices[own] - ball.centre
        # The expression's own units turn the balls as well.
        iris = _rotation(first[own] - other.centre, away) @ other.gaze
        shift[own] = away @ _turning(iris, ball.gaze).T - away
    return shift


def _rotation(first: Floats, second: Floats) -> Floats:
    """(3, 3) that turns points (N, 3) about the origin nearest to others (Kabsch 1976)."""
    left, _, right = np.linalg.svd(second.T @ first)
    mirrored = np.diag([1.0, 1.0, np.linalg.det(left @ right)])
    return np.asarray(left @ mirrored @ right)


def _turning(first: Floats, second: Floats) -> Floats:
    """(3, 3) the shortest turn from one unit vector to another that is not its opposite (Rodrigues)."""
    x, y, z = np.cross(first, second)
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + skew + skew @ skew / (1.0 + float(first @ second)))
