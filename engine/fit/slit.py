"""Columns across an opening of the face, the mouth or an eye, from one corner to the other."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..landmarks.schemes import Ring

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

COLUMNS = 41
# An opening that is narrower, in pixels, shows nothing.
NARROWEST = 8.0


@dataclass(frozen=True)
class Slit:
    """N columns between two corners in a picture, pixels.

    Attributes:
        corner: (2,) the left one. along, down: (2,) unit directions, to the right one and across.
        place: (N,) how far ``along`` each column lies.
        upper, lower: (N,) how far ``down`` from the line between the corners a detector has its edges.
    """

    corner: Doubles
    along: Doubles
    down: Doubles
    place: Doubles
    upper: Doubles
    lower: Doubles

    @classmethod
    def of(cls, points: Doubles, ring: Ring) -> Slit | None:
        """Of landmarks (L, 2) of which ``ring`` runs around the opening, from a corner on; None where it is too narrow."""
        half = len(ring) // 2
        first, last = points[ring[0]], points[ring[half]]
        if first[0] > last[0]:
            first, last = last, first
        width = float(np.linalg.norm(last - first))
        if width < NARROWEST:
            return None
        along = (last - first) / width
        down = np.array([-along[1], along[0]])
        place = np.linspace(0.0, width, COLUMNS)
        edges = []
        for ids in (ring[1:half], ring[half + 1 :]):
            at, away = (points[list(ids)] - first) @ along, (points[list(ids)] - first) @ down
            order = np.argsort(at)
            knots, depths = np.concatenate([[0.0], at[order], [width]]), np.concatenate([[0.0], away[order], [0.0]])
            edges.append(np.interp(place, knots, depths))
        upper, lower = sorted(edges, key=lambda edge: float(edge.mean()))
        return cls(first, along, down, place, upper, lower)

    @property
    def width(self) -> float:
        """Pixels from corner to corner."""
        return float(self.place[-1])

    def within(self, shares: tuple[float, float]) -> NDArray[np.bool_]:
        """(N,) True for columns between two shares of the width."""
        return (self.place >= shares[0] * self.width) & (self.place <= shares[1] * self.width)

    def pixels(self, depth: Doubles) -> Doubles:
        """(N, 2) at a ``depth`` (N,) down in each column."""
        return np.asarray(self.corner + self.place[:, None] * self.along + depth[:, None] * self.down)

    def shown(self, image: Floats, column: int, depth: Doubles) -> Floats:
        """(S, 3) what ``image`` (H, W, 3) shows at depths (S,) in one column."""
        at = (self.corner + self.place[column] * self.along + depth[:, None] * self.down - 0.5).astype(np.float32)
        found = cv2.remap(image, at[:, :1], at[:, 1:], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found[:, 0], np.float32)
