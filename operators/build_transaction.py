# SPDX-License-Identifier: GPL-3.0-or-later
"""Remembers what a file was like before something is built in it: to take a failed build back, and to mark what a good one made."""

from __future__ import annotations

from typing import Any

import bpy

_RENDER = ("resolution_x", "resolution_y", "resolution_percentage", "pixel_aspect_x", "pixel_aspect_y")
_VIEW = ("view_transform", "look", "exposure", "gamma", "use_curve_mapping", "use_white_balance")
# The kinds of data-blocks that a build makes.
KINDS = ("collections", "objects", "meshes", "shape_keys", "materials", "images", "cameras", "worlds")


class Transaction:
    """The data-blocks of the file and the settings of ``scene`` that a build touches, as they are now."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self._scene = scene
        self.camera, self.world = scene.camera, scene.world
        self._layer = bpy.context.view_layer if bpy.context.scene == scene else scene.view_layers[0]
        self._active = self._layer.objects.active
        self._selected = [item for item in self._layer.objects if item.select_get(view_layer=self._layer)]
        self._render = _read(scene.render, _RENDER)
        self._view = _read(scene.view_settings, _VIEW)
        self._before = {block.session_uid for block in data_blocks()}

    def new_blocks(self) -> list[bpy.types.ID]:
        """Every data-block that came since."""
        return [block for block in data_blocks() if block.session_uid not in self._before]

    def undo(self) -> None:
        """Remove every data-block that came since, and put the settings back."""
        bpy.data.batch_remove(self.new_blocks())
        self._scene.camera, self._scene.world = self.camera, self.world
        _write(self._scene.render, self._render)
        _write(self._scene.view_settings, self._view)
        for item in self._selected:
            item.select_set(True, view_layer=self._layer)
        self._layer.objects.active = self._active


def data_blocks() -> list[bpy.types.ID]:
    """All data-blocks of the kinds that a build makes."""
    return [block for kind in KINDS for block in getattr(bpy.data, kind)]


def _read(owner: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in names if hasattr(owner, name)}


def _write(owner: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(owner, name, value)
