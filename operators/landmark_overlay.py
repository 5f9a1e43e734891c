# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the points of a face over its photo in Image Editors."""

from __future__ import annotations

from typing import Any

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ..engine.contours import CONTOURS
from .landmark_editing import Editor
from .landmark_maths import View, discs, segments

Colour = tuple[float, float, float, float]

_LINE: Colour = (0.25, 0.75, 1.0, 0.85)
_FOUND: Colour = (0.85, 0.95, 1.0, 0.7)
_PLACED: Colour = (1.0, 0.55, 0.1, 1.0)
_HOVERED: Colour = (1.0, 1.0, 1.0, 1.0)
_CIRCLE: Colour = (1.0, 1.0, 1.0, 0.45)
# Pixels at UI scale 1.
_FOUND_RADIUS, _PLACED_RADIUS, _HOVERED_RADIUS, _WIDTH = 1.6, 2.6, 4.5, 1.4


class Overlay:
    """What is drawn, by name: the image that shows the photo, and who edits its points. Never saved."""

    def __init__(self) -> None:
        self.image, self.detector = "", "mediapipe"
        self.editor: Editor | None = None
        self._handle: Any = None

    def begin(self, image: str, detector: str, editor: Editor) -> None:
        """Draw from now on."""
        self.image, self.detector, self.editor = image, detector, editor
        if self._handle is None:
            self._handle = bpy.types.SpaceImageEditor.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")

    def end(self) -> None:
        """Draw no more."""
        self.editor = None
        if self._handle is not None:
            bpy.types.SpaceImageEditor.draw_handler_remove(self._handle, "WINDOW")
            self._handle = None

    def _draw(self) -> None:
        image = bpy.context.space_data.image
        if self.editor is None or image is None or image.name != self.image:
            return
        region, scale = bpy.context.region, bpy.context.preferences.system.ui_scale
        gpu.state.blend_set("ALPHA")
        draw_points(self.editor, self.detector, view_of(region), (region.width, region.height), scale)
        gpu.state.blend_set("NONE")


overlay = Overlay()


def view_of(region: bpy.types.Region) -> View:
    """Where the region of an Image Editor shows its image."""
    left, bottom = region.view2d.view_to_region(0.0, 0.0, clip=False)
    right, top = region.view2d.view_to_region(1000.0, 1000.0, clip=False)
    # Whole pixels are all that Blender tells, so it is asked for something far away.
    return View(left, bottom + (top - bottom) / 1000.0, left + (right - left) / 1000.0, bottom)


def draw_points(editor: Editor, detector: str, view: View, size: tuple[int, int], scale: float) -> None:
    """Contours, points, and what the mouse is about to move, in a region of ``size`` pixels."""
    now, hovered = editor.editing.now, editor.hovered
    places = view.to_region(now.places)
    lines = [segments(places[list(line.points)], line.closed) for line in CONTOURS[detector]]
    _draw_lines(np.concatenate(lines), _LINE, size, _WIDTH * scale)
    placed = now.sureness > 0.0
    if editor.visible:
        _draw_discs(places[~placed], _FOUND_RADIUS * scale, _FOUND)
        _draw_discs(places[placed], _PLACED_RADIUS * scale, _PLACED)
    if hovered >= 0:
        _draw_discs(places[hovered : hovered + 1], _HOVERED_RADIUS * scale, _HOVERED)
        if editor.editing.is_dragging:
            _draw_circle(editor, view, places[hovered], size, scale)


def _draw_circle(editor: Editor, view: View, centre: np.ndarray, size: tuple[int, int], scale: float) -> None:
    """As far as neighbours follow."""
    heights = float(np.ptp(view.to_region(editor.editing.found)[:, 1]))
    angle = np.linspace(0.0, 2.0 * np.pi, 64, endpoint=False)
    rim = centre + editor.editing.radius * heights * np.stack([np.cos(angle), np.sin(angle)], -1)
    _draw_lines(segments(rim, True), _CIRCLE, size, scale)


def _draw_discs(centres: np.ndarray, radius: float, colour: Colour) -> None:
    if len(centres) == 0:
        return
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    batch = batch_for_shader(shader, "TRIS", {"pos": _flat(discs(centres, radius))})
    shader.bind()
    shader.uniform_float("color", colour)
    batch.draw(shader)


def _draw_lines(ends: np.ndarray, colour: Colour, size: tuple[int, int], width: float) -> None:
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINES", {"pos": _flat(ends)})
    shader.bind()
    shader.uniform_float("viewportSize", size)
    shader.uniform_float("lineWidth", width)
    shader.uniform_float("color", colour)
    batch.draw(shader)


def _flat(points: np.ndarray) -> np.ndarray:
    """(N, 3) as the shaders want them."""
    return np.pad(points, ((0, 0), (0, 1))).astype(np.float32)
