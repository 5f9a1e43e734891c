# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished result, and what the scorers need to see of it: its shape, its landmarks, its albedo through its camera."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from nextgenface.engine.faces.choose import load_model
from nextgenface.engine.faces.model import FaceModel
from nextgenface.engine.faces.topology import split_quads
from nextgenface.engine.protocol import PhotoResult, Result
from nextgenface.engine.results.images import displayed
from nextgenface.engine.results.png import write_png
from nextgenface.engine.scene.camera import Camera
from nextgenface.engine.scene.colour import srgb_to_linear
from nextgenface.operators.head_data import HeadFile, read_head
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

RESULT = "result.json"
# MediaPipe's points at the benchmark's seven landmarks: right eye's outer and inner corner, left eye's inner and outer
# corner, the nose's base, right and left corner of the mouth (right is the subject's).
LANDMARKS = (33, 133, 362, 263, 2, 61, 291)
DETECTOR = "mediapipe"
# Rays through a pixel, along each side, of the albedo's picture.
RAYS = 4


@dataclass(frozen=True)
class FittedPhoto:
    """One photo of a finished result."""

    folder: Path
    number: int

    @cached_property
    def result(self) -> Result:
        """The description of the result. Raises OSError or ProtocolError where there is none."""
        return Result.from_json((self.folder / RESULT).read_text("utf-8"))

    @property
    def photo(self) -> PhotoResult:
        """Its camera, light and expression."""
        return self.result.photos[self.number]

    @property
    def report(self) -> dict[str, Any]:
        """The content of ``report.json``."""
        report: dict[str, Any] = json.loads((self.folder / self.result.report).read_text("utf-8"))
        return report

    @property
    def mesh(self) -> Path:
        """The head with this photo's expression."""
        return self.folder / f"mesh{self.number}.obj"

    def alone(self) -> Path:
        """A result.json that describes this photo alone, so that a .blend of it has its camera, light and expression."""
        if len(self.result.photos) == 1:
            return self.folder / RESULT
        path = self.folder / f"result_of_photo_{self.number}.json"
        path.write_text(replace(self.result, photos=[self.photo]).to_json(), "utf-8")
        return path

    def camera(self) -> Camera:
        """The fitted camera of the whole photo."""
        seen = self.photo
        rotation, translation = np.array(seen.rotation), np.array(seen.translation)
        return Camera(seen.width, seen.height, seen.focal_px, seen.cx, seen.cy, rotation, translation)

    def head(self) -> HeadFile:
        """The fitted head."""
        return read_head(self.folder / self.result.head)

    def vertices(self) -> FloatArray:
        """(V, 3) mm, head frame, with this photo's expression."""
        head = self.head()
        weights = [self.photo.expression.get(name, 0.0) for name in head.expression_names]
        return head.vertices + np.tensordot(np.array(weights, np.float32), head.expression_deltas, 1)

    def write_landmarks(self, path: Path) -> None:
        """Write the benchmark's seven landmarks of this head."""
        write_landmarks(path, load_model(self.result.face_model), self.vertices())

    def write_albedo(self, path: Path) -> None:
        """Write the diffuse albedo as this photo's camera sees it: 16-bit sRGB of the photo's size, black beside the head."""
        texture = cv2.imread(str(self.folder / self.result.diffuse), cv2.IMREAD_UNCHANGED)
        if texture is None:
            raise OSError(f"{self.folder / self.result.diffuse} cannot be read as a picture. Fit the photo again.")
        linear = srgb_to_linear(texture[:, :, 2::-1])
        write_png(path, displayed(seen_albedo(self.vertices(), self.head(), linear, self.camera()), 16))


def write_landmarks(path: Path, model: FaceModel, vertices: FloatArray) -> None:
    """Write the benchmark's seven landmarks on ``vertices`` (V, 3) of a head of ``model``, in their own coordinates."""
    embedding = model.landmarks[DETECTOR]
    rows = np.searchsorted(embedding.index, LANDMARKS)
    corners = vertices[model.triangles[embedding.triangle[rows]]]
    points = (corners * embedding.barycentric[rows][:, :, None]).sum(1)
    path.write_text(json.dumps({"points": points.astype(float).tolist()}), "utf-8")


def seen_albedo(vertices: FloatArray, head: HeadFile, texture: FloatArray, camera: Camera) -> FloatArray:
    """(H, W, 3): a linear ``texture`` (T, T, 3; row 0 is v = 1) on the head as ``camera`` sees it, without any light.

    Each pixel is the mean over its square; what does not hit the head is 0.
    """
    # Mitsuba is imported only when a picture is really made.
    from nextgenface.engine.render.geometry import TracedScene

    triangles, polygon, corner = split_quads(head.quads)
    scene = TracedScene(vertices, triangles)
    uv = head.uv_face[polygon[:, None], corner]
    rows, columns = np.mgrid[0 : camera.height, 0 : camera.width]
    total = np.zeros((camera.height * camera.width, 3), np.float64)
    for down, right in np.ndindex(RAYS, RAYS):
        pixels = np.stack([columns.ravel() + (right + 0.5) / RAYS, rows.ravel() + (down + 0.5) / RAYS], 1)
        total += _hit_colours(scene, uv, texture, camera, pixels)
    return (total / RAYS**2).reshape(camera.height, camera.width, 3).astype(np.float32)


def _hit_colours(scene: Any, uv: FloatArray, texture: FloatArray, camera: Camera, pixels: NDArray[Any]) -> FloatArray:
    """(M, 3) colours of ``texture`` where the rays through ``pixels`` (M, 2) hit, 0 where they miss; uv: (T, 3, 2)."""
    from nextgenface.engine.render.transfer import primary_hits

    triangle, barycentric = primary_hits(scene, camera, pixels)
    place = (uv[triangle] * barycentric[:, :, None]).sum(1)
    colours = look_up(texture, place)
    colours[triangle < 0] = 0.0
    return colours


def look_up(texture: FloatArray, uv: FloatArray) -> FloatArray:
    """(M, C) bilinear look-up of (T, T, C), row 0 at v = 1, at (M, 2); texel centres at +0.5, held at the border."""
    height, width = texture.shape[:2]
    x = np.clip(uv[:, 0] * width - 0.5, 0.0, width - 1.0)
    y = np.clip((1.0 - uv[:, 1]) * height - 0.5, 0.0, height - 1.0)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    across, down = (x - left)[:, None], (y - top)[:, None]
    upper = texture[top, left] * (1 - across) + texture[top, left + 1] * across
    lower = texture[top + 1, left] * (1 - across) + texture[top + 1, left + 1] * across
    return np.asarray(upper * (1 - down) + lower * down, np.float32)
