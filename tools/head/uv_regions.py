"""Where the face is on a head, found from its shape, and how large each place should be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextgenface.engine.faces.model import PART_NAMES

from .uv_charts import Chart
from .uv_energy import Array, Ints
from .uv_figures import split_corners, visible_share
from .uv_skin import smooth

# Lengths of the face as multiples of the height from the stomion up to the eyes (Farkas 1994, means of adults: stomion-gnathion
# about 0.7 of it, hairline above the eyes about 1.05 of it).
CHIN, HAIRLINE = 0.85, 1.05
# How much of the helix's distance behind the tragus, in the same unit.
BEFORE_EAR = 0.25
# Drawn size outside of the face, and of pockets that light hardly reaches (nostrils, folds of the ear).
OUTSIDE, POCKET = 0.45, 0.35
# Distortion outside of the face counts so much less.
OUTSIDE_WEIGHT = 0.15


@dataclass(frozen=True)
class Region:
    """Of each polygon of the mesh.

    Attributes:
        face: (F,) True for the front of the face: seen from in front, before the ears, hairline to chin.
        inside: (F,) True before the ears, hairline to chin, seen or not.
        open: (F,) share of the directions on its side from which it can be seen, 0 to 1.
    """

    face: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    open: Array


def face_region(vertices: Array, quads: Ints, part: NDArray[np.uint8]) -> Region:
    """Finds the face; everything that a camera in front sees, if the head has no eyes and mouth to go by."""
    closed = np.where(quads < 0, quads[:, 2:3], quads)
    corners = vertices[closed]
    solid, owner = split_corners(quads, corners)
    skin = part == PART_NAMES.index("skin")
    front = np.zeros(len(quads))
    np.maximum.at(front, owner, visible_share(solid, np.array([0.0, 0.0, 1.0]), 1024))
    inside = skin & _between_ears(vertices, closed, corners.mean(1), part)
    return Region(inside & (front > 0.5), inside, _openness(solid, owner, len(quads)))


def _between_ears(vertices: Array, closed: Ints, centre: Array, part: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(F,) before the ears, from the hairline down to the chin."""
    places = {name: vertices[np.unique(closed[part == i])] for i, name in enumerate(PART_NAMES) if (part == i).any()}
    if "eye_left" not in places or "mouth" not in places:
        return np.ones(len(closed), bool)
    skin = places["skin"]
    eyes = float(places["eye_left"][:, 1].mean())
    shared = np.intersect1d(closed[part == PART_NAMES.index("mouth")], closed[part == PART_NAMES.index("skin")])
    lips = vertices[shared]
    lips = lips[lips[:, 1] < eyes - 0.5 * (eyes - lips[:, 1].min())]
    unit = eyes - float(lips[:, 1].mean())
    level = skin[(skin[:, 1] > eyes - unit) & (skin[:, 1] < eyes + unit)]
    ear = float(level[np.argmax(level[:, 0]), 2])
    high, low = eyes + HAIRLINE * unit, float(lips[:, 1].mean()) - CHIN * unit
    return (centre[:, 1] < high) & (centre[:, 1] > low) & (centre[:, 2] > ear + BEFORE_EAR * unit)


def _openness(solid: Array, owner: Ints, count: int, views: int = 48) -> Array:
    """(F,) mean over directions on the sphere of what is seen, by the cosine: 1 for a convex surface."""
    seen, possible = np.zeros(count), np.zeros(count)
    normal = np.cross(solid[:, 1] - solid[:, 0], solid[:, 2] - solid[:, 0])
    for direction in _sphere(views):
        facing = np.maximum(normal @ direction, 0)
        np.add.at(seen, owner, facing * visible_share(solid, direction, 384))
        np.add.at(possible, owner, facing)
    return seen / np.maximum(possible, 1e-12)


def _sphere(count: int) -> Array:
    """(count, 3) directions, evenly spread (the golden spiral)."""
    i = np.arange(count) + 0.5
    z, turn = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(turn), z, r * np.sin(turn)], 1)


def skin_scale(chart: Chart, region: Region) -> tuple[Array, Array]:
    """How large to draw the polygons of half the skin (F,), and how much their distortion counts (F,); both smooth."""
    inside = smooth(chart, region.inside[chart.polygons].astype(float), 12.0)
    openness = smooth(chart, np.clip(region.open[chart.polygons] / 0.5, 0, 1), 4.0)
    pocket = POCKET + (1 - POCKET) * openness
    return (OUTSIDE + (1 - OUTSIDE) * inside) * pocket, (OUTSIDE_WEIGHT + (1 - OUTSIDE_WEIGHT) * inside) * openness
