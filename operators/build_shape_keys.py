# SPDX-License-Identifier: GPL-3.0-or-later
"""Shape keys: the photo's expression, the model's expressions, the sliders; and the parts that follow the head's keys."""

from __future__ import annotations

import bpy
import numpy as np

from ..engine.protocol import PhotoResult
from .head_data import FloatArray, HeadData

# A key that moves nothing by more than this is left out of the eyes, teeth and tongue. Metres.
SMALLEST_MOVE = 1e-6


# What the sliders' names begin with, so that they stand together and can be searched for in the list.
SLIDER_PREFIX = "Shape: "


def add_shape_keys(
    instance: bpy.types.Object, data: HeadData, photos: list[PhotoResult], names: list[str], only_moving: bool
) -> None:
    """Give ``instance`` its Basis, a key for each photo by its name in ``names``, the expressions (0 to 1, or -1 to 1), and
    the sliders (-1 to 1).

    The first photo's key is on, so that the head is as in that photo. ``only_moving`` leaves out keys without effect.
    """
    instance.shape_key_add(name="Basis", from_mix=False)
    instance.data.shape_keys.name = instance.name
    for number, (photo, name) in enumerate(zip(photos, names, strict=True)):
        delta = photo_expression(data, photo)
        _add_key(instance, data, photo_key_name(name), delta, only_moving, value=1.0 if number == 0 else 0.0)
    # The modes of a statistical model go both ways; blendshapes never have a negative weight.
    both_ways = any(weight < 0.0 for photo in photos for weight in photo.expression.values())
    for name, delta in data.expressions.items():
        _add_key(instance, data, name, delta, only_moving, low=-1.0 if both_ways else 0.0)
    for name, delta in data.sliders.items():
        _add_key(instance, data, slider_key_name(name), delta, only_moving, low=-1.0)


def photo_key_name(name: str) -> str:
    """The name of the key that holds the expression of the photo ``name``."""
    return f"Expression {name}"


def slider_key_name(slider: str) -> str:
    """The name of a slider's key: "nose_width" becomes "Shape: Nose Width"."""
    return SLIDER_PREFIX + slider.replace("_", " ").title()


def photo_expression(data: HeadData, photo: PhotoResult) -> FloatArray:
    """(V, 3) metres: the sum of the photo's weights times the expressions' deltas."""
    total = np.zeros_like(data.vertices)
    for name, weight in photo.expression.items():
        if name in data.expressions:
            total += np.float32(weight) * data.expressions[name]
    return total


def _add_key(
    instance: bpy.types.Object,
    data: HeadData,
    name: str,
    delta: FloatArray,
    only_moving: bool,
    value: float = 0.0,
    low: float = 0.0,
) -> None:
    if only_moving and not (np.abs(delta) > SMALLEST_MOVE).any():
        return
    key = instance.shape_key_add(name=name, from_mix=False)
    key.data.foreach_set("co", (data.vertices + delta).ravel())
    key.slider_min = low
    key.slider_max = 1.0
    key.value = value


def drive_by(part: bpy.types.Object, head: bpy.types.Object) -> None:
    """Let every key of a part (eyes, teeth, tongue) follow the head's key of the same name."""
    part_keys, head_keys = part.data.shape_keys, head.data.shape_keys
    if part_keys is None or head_keys is None:
        return
    for key in part_keys.key_blocks[1:]:
        if key.name not in head_keys.key_blocks:
            continue
        driver = key.driver_add("value").driver
        # A sum of one variable needs no Python expression, so it works where scripts in files are switched off.
        driver.type = "SUM"
        target = driver.variables.new().targets[0]
        target.id_type = "KEY"
        target.id = head_keys
        target.data_path = f'key_blocks["{bpy.utils.escape_identifier(key.name)}"].value'
