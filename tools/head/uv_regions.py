"""Where the face is on a head, found from its shape, and how large each place should be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nextgenface.engine.faces.model import PART_NAMES
from numpy.typing import NDArray

from .uv_charts import Chart
from .uv_energy import Array, Ints
from .uv_figures import split_corners, visible_share
from .uv_skin import smooth

# In the height from the mouth up to the eyes: the hairline above the eyes (Farkas 1994, means of adults, about 70 of 68 mm),
# and how far below the chin's foremost low point its skin still counts.
HAIRLINE, CHIN = 1.05, 0.1
# The jaw's lower edge rises so much towards the ear.
JAW_SLOPE = 0.3
# How much of the helix's distance behind the tragus, in the same unit.
BEFORE_EAR = 0.4
# Drawn size outside of the face, and of pockets in the face that light hardly reaches (nostrils).
OUTSIDE, POCKET = 0.30, 0.35
# Folds outside of the face are the ears: they get more room than the scalp.
EAR = 2.5
# Distortion outside of the face counts so much less.
OUTSIDE_WEIGHT = 0.4


@dataclass(frozen=True)
class Region:
    """Of each polygon of the mesh.

    Attributes:
        face: (F,) True for the front of the face: seen from in front, before the ears, hairline to chin.
        inside: (F,) True before the ears, hairline to chin, seen or not.
    """

    face: NDArray[np.bool_]
    inside: NDArray[np.bool_]


def face_region(vertices: Array, quads: Ints, part: NDArray[np.uint8]) -> Region:
    """Finds the face; everything that a camera in front sees, if the head has no eyes and mouth to go by."""
    closed = np.where(quads < 0, quads[:, 2:3], quads)
    corners = vertices[closed]
    solid, owner = split_corners(quads, corners)
    skin = part == PART_NAMES.index("skin")
    front = np.zeros(len(quads))
    np.maximum.at(front, owner, visible_share(solid, np.array([0.0, 0.0, 1.0]), 1024))
    inside = skin & _between_ears(vertices, closed, corners.mean(1), part)
    return Region(inside & (front > 0.5), inside)


def _between_ears(vertices: Array, closed: Ints, centre: Array, part: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(F,) before the ears, from the hairline down to the chin."""
    places = {name: vertices[np.unique(closed[part == i])] for i, name in enumerate(PART_NAMES) if (part == i).any()}
    if "eye_left" not in places or "mouth" not in places:
        return np.ones(len(closed), bool)
    skin = places["skin"]
    eyes = float(places["eye_left"][:, 1].mean())
    shared = np.intersect1d(closed[part == PART_NAMES.index("mouth")], closed[part == PART_NAMES.index("skin")])
    lips = vertices[shared]
    mouth = float(lips[lips[:, 1] < eyes - 0.5 * (eyes - lips[:, 1].min()), 1].mean())
    unit = eyes - mouth
    level = skin[np.abs(skin[:, 1] - eyes) < unit]
    ear = float(level[np.argmax(level[:, 0]), 2])
    below = skin[(np.abs(skin[:, 0]) < 0.1 * unit) & (skin[:, 1] < mouth) & (skin[:, 1] > mouth - unit)]
    chin = below[np.argmax(below[:, 2] - below[:, 1])]
    jaw = chin[1] - CHIN * unit + JAW_SLOPE * (chin[2] - centre[:, 2])
    return (centre[:, 1] < eyes + HAIRLINE * unit) & (centre[:, 1] > jaw) & (centre[:, 2] > ear + BEFORE_EAR * unit)


def openness(vertices: Array, quads: Ints, views: int = 32) -> Array:
    """(F,) how much of what lies before a polygon is open: mean over directions, by the cosine; 1 for a convex surface."""
    solid, owner = split_corners(quads, vertices[np.where(quads < 0, quads[:, 2:3], quads)])
    seen, possible = np.zeros(len(quads)), np.zeros(len(quads))
    normal = np.cross(solid[:, 1] - solid[:, 0], solid[:, 2] - solid[:, 0])
    for direction in _sphere(views):
        facing = np.maximum(normal @ direction, 0)
        seen += np.bincount(owner, facing * visible_share(solid, direction, 256), len(quads))
        possible += np.bincount(owner, facing, len(quads))
    return np.asarray(seen / np.maximum(possible, 1e-12))


def _sphere(count: int) -> Array:
    """(count, 3) directions, evenly spread (the golden spiral)."""
    i = np.arange(count) + 0.5
    z, turn = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(turn), z, r * np.sin(turn)], 1)


def skin_scale(chart: Chart, inside: NDArray[np.bool_], open_share: Array) -> tuple[Array, Array]:
    """How large to draw the polygons of half the skin (F,), and how much their distortion counts (F,); both smooth.

    Args:
        chart: half of the skin.
        inside: `Region.inside` of the whole mesh.
        open_share: `openness` of the whole mesh.
    """
    within = smooth(chart, inside[chart.polygons].astype(float), 12.0)
    lit = smooth(chart, np.clip(open_share[chart.polygons] / 0.5, 0, 1), 4.0)
    scale = within * (POCKET + (1 - POCKET) * lit) + (1 - within) * OUTSIDE * (lit + EAR * (1 - lit))
    weight = within * np.maximum(lit, POCKET) + (1 - within) * OUTSIDE_WEIGHT * (lit + EAR * (1 - lit))
    return scale, weight
