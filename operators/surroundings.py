# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds what was in the scene before and now spoils the picture: Blender's start-up cube is larger than a head."""

from __future__ import annotations

import bpy
import numpy as np

HIDING_TYPES = ("MESH", "CURVE", "SURFACE", "META", "FONT", "VOLUME", "POINTCLOUD", "CURVES")


def in_the_way(scene: bpy.types.Scene, collection: bpy.types.Collection) -> list[str]:
    """Names of visible objects outside ``collection`` that reach into the space of its objects, and of lamps."""
    bpy.context.view_layer.update()
    own = set(collection.all_objects)
    low, high = _bounds(list(own))
    found = []
    for other in scene.objects:
        if other in own or other.hide_render or all(place.hide_render for place in other.users_collection):
            continue
        if other.type == "LIGHT" or (other.type in HIDING_TYPES and _overlap(low, high, *_bounds([other]))):
            found.append(other.name)
    return found


def _bounds(objects: list[bpy.types.Object]) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest corner (3,) in the world of the objects' boxes; a camera counts with its place."""
    points = []
    for item in objects:
        matrix = np.array(item.matrix_world)
        corners = np.array(item.bound_box) if item.type in HIDING_TYPES else np.zeros((1, 3))
        points.append(corners @ matrix[:3, :3].T + matrix[:3, 3])
    together = np.concatenate(points)
    return together.min(0), together.max(0)


def _overlap(low: np.ndarray, high: np.ndarray, other_low: np.ndarray, other_high: np.ndarray) -> bool:
    return bool((low <= other_high).all() and (other_low <= high).all())
