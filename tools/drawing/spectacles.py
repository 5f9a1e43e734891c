# SPDX-License-Identifier: GPL-3.0-or-later
"""Spectacles drawn in space before a head, over a finished picture: what hides them hides them, and they throw a shadow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from nextgenface.engine.faces.model import PART_NAMES, FaceModel
from nextgenface.engine.fit.eyes import SIDES, fit_sphere
from nextgenface.engine.render.geometry import TracedScene
from nextgenface.engine.render.transfer import primary_hits
from nextgenface.engine.scene.camera import Camera
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
Floats = NDArray[np.float64]
Rng = np.random.Generator

# Kind -> how often, and the least and the most that its rims are thick, mm.
KINDS = {
    "plastic": (0.35, (2.5, 5.0)),
    "metal": (0.25, (1.2, 2.0)),
    "thin": (0.15, (0.7, 1.1)),
    "rimless": (0.1, (0.5, 0.5)),
    "half": (0.15, (1.5, 3.0)),
}
FINER = 4


@dataclass(frozen=True)
class Worn:
    """The picture (H, W, 3), linear, ``cover`` (H, W) how much of each pixel frame or reflection hides, and the kind."""

    image: FloatImage
    cover: FloatImage
    kind: str


@dataclass(frozen=True)
class _Shape:
    """Lines of a frame: ``rims`` (N, 3) and ``others``, mm, each of the others with its thickness; ``rim`` is the rims'."""

    rims: list[Floats]
    others: list[tuple[Floats, float]]
    rim: float


def wear(image: FloatImage, model: FaceModel, vertices: FloatImage, camera: Camera, rng: Rng) -> Worn:
    """Put spectacles of some kind on the head of a finished ``image`` (H, W, 3), linear."""
    kind = str(rng.choice(list(KINDS), p=[often for often, _ in KINDS.values()]))
    dark = rng.random() < (0.8 if kind == "plastic" else 0.45)
    shape = _shape(model, vertices, kind, rng)
    scene = TracedScene(vertices, model.triangles)
    size = image.shape[:2]
    height, width = size
    usual = np.median(image[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3].reshape(-1, 3), 0)
    frame = _Canvas(scene, camera, size)
    for rim in shape.rims:
        seen = rim[np.sin(np.linspace(0.0, 2.0 * np.pi, len(rim))) > -0.15] if kind == "half" else rim
        if kind != "rimless":
            frame.draw(seen, shape.rim)
    for line, thick in shape.others:
        frame.draw(line, thick)
    shadow = _Canvas(scene, camera, size)
    fall = np.array([rng.uniform(-3.0, 3.0), -rng.uniform(2.0, 6.0), 0.0])
    for line in [*shape.rims, *(line for line, _ in shape.others)]:
        shadow.draw(line + fall, 1.5 * shape.rim)
    cover = frame.finished()
    worn = image * (1.0 - 0.3 * cv2.GaussianBlur(shadow.finished(), (0, 0), 2.0))[:, :, None]
    colour = usual * np.exp(0.25 * rng.normal(size=3))
    colour = colour * (rng.uniform(0.03, 0.15) if dark else rng.uniform(0.45, 1.5) * np.array([1.1, 0.95, 0.7]))
    # Light falls on the upper edge.
    edge = np.clip(cv2.Sobel(cv2.GaussianBlur(cover, (0, 0), 0.8), cv2.CV_32F, 0, 1) / 4.0, 0.0, None)[:, :, None]
    shine = edge * rng.uniform(0.1, 0.9) * usual * (1.0 if dark else 2.0)
    worn = worn * (1.0 - cover[:, :, None]) + cover[:, :, None] * (colour + shine)
    if kind == "rimless":
        glass = _Canvas(scene, camera, size)
        for rim in shape.rims:
            glass.draw(rim, shape.rim)
        faint = 0.35 * glass.finished()[:, :, None]
        worn = worn * (1.0 - faint) + faint * 0.6 * usual * rng.uniform(0.0, 2.0)
        cover = np.maximum(cover, faint[:, :, 0])
    mirrored = _reflections(shape.rims, camera, size, rng)
    worn = worn + mirrored[:, :, None] * np.array([0.8, 0.9, 1.0])
    return Worn(np.clip(worn, 0.0, 1.0).astype(np.float32), np.maximum(cover, mirrored), kind)


def _shape(model: FaceModel, vertices: FloatImage, kind: str, rng: Rng) -> _Shape:
    balls = []
    for side in SIDES:
        polygons = model.quads[model.face_part == PART_NAMES.index(side)]
        balls.append(fit_sphere(vertices[np.unique(polygons[polygons >= 0])]))
    middle = (balls[0][0] + balls[1][0]) / 2.0
    apart = abs(balls[0][0][0] - balls[1][0][0]) / 2.0
    thick = rng.uniform(*KINDS[kind][1])
    wide, high = rng.uniform(23.0, 27.0), rng.uniform(15.0, 22.0)
    exponent, below, before = rng.uniform(2.0, 4.0), rng.uniform(-2.0, 5.0), balls[0][1] + rng.uniform(10.0, 15.0)
    centre = 0.98 * max(apart, wide + 8.0)
    turn = np.linspace(0.0, 2.0 * np.pi, 200)
    across, up = (np.sign(part) * np.abs(part) ** (2.0 / exponent) for part in (np.cos(turn), np.sin(turn)))
    rims, others = [], []
    for side in (-1.0, 1.0):
        x, y = side * centre + wide * across, high * up * (1.0 + 0.06 * side * across)
        rims.append(np.stack([x, y - below, before - 0.0022 * x**2], 1))
        hinge = np.array([side * (centre + wide), 0.5 * high - below, before - 0.0022 * (centre + wide) ** 2])
        widest = np.abs(vertices[(vertices[:, 0] - middle[0]) * side > 0.0][:, 0] - middle[0]).max()
        ear = np.array([side * max(centre + wide + 1.0, 0.93 * widest), hinge[1] + 2.0, -75.0])
        along = np.linspace(0.0, 1.0, 120)[:, None]
        others.append((hinge * (1.0 - along) + ear * along, max(0.8, 0.8 * thick)))
        if kind in ("metal", "thin", "rimless"):
            pad = np.array([side * (centre - wide), -0.3 * high - below, before - 3.0])
            others.append((pad + np.array([[0.0, 3.0, 0.0], [0.8 * side, -3.0, 0.0]]), 1.6))
    bow, gap = np.linspace(-1.0, 1.0, 40), centre - wide + 1.0
    bridge = np.stack([gap * bow, 0.35 * high - below + 2.5 * (1.0 - bow**2), before + 2.0 * (1.0 - bow**2)], 1)
    others.append((bridge, max(1.0, 0.8 * thick)))
    return _Shape([rim + middle for rim in rims], [(line + middle, width) for line, width in others], thick)


class _Canvas:
    """Lines in space, drawn where the head does not hide them; finer than the picture, and then averaged."""

    def __init__(self, scene: TracedScene, camera: Camera, size: tuple[int, ...]) -> None:
        self.scene, self.camera, self.size = scene, camera, size
        self.cover = np.zeros((size[0] * FINER, size[1] * FINER), np.float32)

    def draw(self, line: Floats, thick: float) -> None:
        """``line`` (N, 3), ``thick`` mm."""
        far = np.linalg.norm(line - self.camera.centre, axis=1)
        place = self.camera.project(line)
        shown = far < self._distance(place.astype(np.float32)) + 1.0
        corners = np.round(place * FINER * 16.0).astype(int)
        for i in np.flatnonzero(shown[:-1] & shown[1:]):
            pixels = max(1, round(thick * self.camera.focal_px / far[i] * FINER))
            ends = tuple(corners[i].tolist()), tuple(corners[i + 1].tolist())
            cv2.line(self.cover, *ends, 1.0, pixels, cv2.LINE_AA, 4)

    def _distance(self, pixels: FloatImage) -> Floats:
        """(N,) mm from the camera to the head's surface behind (N, 2) pixels; infinite beside the head."""
        triangle, barycentric = primary_hits(self.scene, self.camera, pixels)
        corners = self.scene.vertices[self.scene.triangles[np.maximum(triangle, 0)]]
        there = (corners * barycentric[:, :, None]).sum(1)
        return np.where(triangle >= 0, np.linalg.norm(there - self.camera.centre, axis=1), np.inf)

    def finished(self) -> FloatImage:
        """(H, W) in [0, 1]."""
        return np.asarray(cv2.resize(self.cover, self.size[::-1], interpolation=cv2.INTER_AREA), np.float32)


def _reflections(rims: list[Floats], camera: Camera, size: tuple[int, ...], rng: Rng) -> FloatImage:
    """(H, W) radiance of a bright band in some lenses of half of all spectacles."""
    mirrored = np.zeros(size, np.float32)
    if rng.random() < 0.5:
        return mirrored
    rows, columns = np.mgrid[: size[0], : size[1]]
    for rim in rims:
        if rng.random() < 0.4:
            continue
        corners = camera.project(rim)
        lens = np.zeros((size[0] * FINER, size[1] * FINER), np.float32)
        cv2.fillPoly(lens, [np.round(corners * FINER).astype(np.int32)], 1.0)
        x, y = corners.mean(0) + rng.normal(size=2) * 9.0
        angle = rng.uniform(-0.6, 0.6)
        off = np.abs((columns - x) * np.cos(angle) + (rows - y) * np.sin(angle))
        band = rng.uniform(0.1, 0.8) / (1.0 + np.exp((off - rng.uniform(2.0, 7.0)) / 1.2))
        lens = cv2.resize(lens, size[::-1], interpolation=cv2.INTER_AREA)
        mirrored = np.maximum(mirrored, (lens * band).astype(np.float32))
    return mirrored
