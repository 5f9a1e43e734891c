# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the camera that took a photo, with the photo behind the head."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from ..engine.protocol import PhotoResult
from ..properties.results import set_role
from .build_images import SRGB, ImageStore
from .head_data import METRES_PER_MM, numbered

# Width of the sensor's longer side, mm: lenses then read as on a full-frame camera.
SENSOR_MM = 36.0
# Head frame (y up, face along +z) to Blender's world (z up, face along -y).
HEAD_TO_WORLD = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def build_camera(
    label: str, photo: PhotoResult, folder: Path, store: ImageStore, collection: bpy.types.Collection, number: int = 0
) -> bpy.types.Object:
    """The camera of photo ``number`` at its place, lens and off-centre shift included; the photo is its background."""
    name = numbered(f"{label} Camera", number)
    camera = bpy.data.cameras.new(name)
    _set_lens(camera, photo)
    instance = bpy.data.objects.new(name, camera)
    collection.objects.link(instance)
    instance.matrix_world = camera_matrix(photo)
    set_role(instance, f"camera {number}")
    camera.display_size = 0.05
    image = store.load(folder / photo.photo, numbered(f"{label} Photo", number), SRGB)
    camera.show_background_images = True
    background = camera.background_images.new()
    background.image = image
    background.frame_method = "FIT"
    background.alpha = 1.0
    background.display_depth = "BACK"
    return instance


def camera_matrix(photo: PhotoResult) -> Matrix:
    """Camera to world, metres. From ``x_cam = R x_head + t``: rotation ``A R^T``, place ``-A R^T t``, A the change of axes."""
    rotation = HEAD_TO_WORLD @ np.asarray(photo.rotation, np.float64).T
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = -rotation @ np.asarray(photo.translation, np.float64) * METRES_PER_MM
    return Matrix(matrix.tolist())


def _set_lens(camera: bpy.types.Camera, photo: PhotoResult) -> None:
    """Lens and shift. Blender measures both against the side that ``sensor_fit`` names; the fit is set, never "Auto"."""
    wide = photo.width >= photo.height
    side = photo.width if wide else photo.height
    camera.type = "PERSP"
    camera.sensor_fit = "HORIZONTAL" if wide else "VERTICAL"
    camera.sensor_width = SENSOR_MM if wide else SENSOR_MM * photo.width / photo.height
    camera.sensor_height = SENSOR_MM if not wide else SENSOR_MM * photo.height / photo.width
    camera.lens_unit = "MILLIMETERS"
    camera.lens = photo.focal_px * SENSOR_MM / side
    camera.shift_x = (photo.width / 2 - photo.cx) / side
    camera.shift_y = (photo.cy - photo.height / 2) / side
    # Blender's own 0.1 m would cut into a nose photographed from very near.
    camera.clip_start = 0.01
    camera.clip_end = 100.0


def set_render_size(scene: bpy.types.Scene, size: tuple[int, int]) -> None:
    """Renders come out in a photo's ``size``, width and height in pixels."""
    render = scene.render
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
