# SPDX-License-Identifier: GPL-3.0-or-later
"""People drawn at random: a head beyond the model's modes, skin with a texture of its own, eyes that look at the camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from nextgenface.engine.faces.model import PART_NAMES, FaceModel
from nextgenface.engine.faces.skin_colour import SkinColour, skin_colour, tone_of_ita
from nextgenface.engine.faces.skin_gloss import SpecularPrior, specular_prior
from nextgenface.engine.faces.skin_optics import ita_degrees
from nextgenface.engine.fit.atlas import make_atlas
from nextgenface.engine.fit.eyes import SIDES, Eyeball, fit_sphere, paint_eye
from nextgenface.engine.fit.fill import pad
from nextgenface.engine.scene.camera import Camera
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
Rng = np.random.Generator

MAP_SIZE = 768
# ITA in degrees of the darkest and the lightest skin: tones are spread evenly between them.
DARKEST, LIGHTEST = -62.0, 62.0
# Expressions of a closed mouth.
EXPRESSIONS = (
    "brow",
    "cheek",
    "eyeSquint",
    "eyeWide",
    "mouthSmile",
    "mouthPress",
    "mouthLeft",
    "mouthRight",
    "noseSneer",
)
BUMPS, BUMP_MM = 14, 0.9
EYE_LEVEL, EYE_ROUGHNESS = 0.31, 0.1
# What albedo, specular level and roughness may be.
SPANS = ((0.003, 0.95), (0.0, 1.0), (0.1, 1.0))


@dataclass(frozen=True)
class Person:
    """Somebody of whom all is known.

    Attributes:
        vertices: (V, 3) mm. diffuse: (S, S, 3) linear. specular, roughness: (S, S).
        ita: degrees, of the face's mean albedo, ``albedo`` (3,).
    """

    vertices: FloatImage
    diffuse: FloatImage
    specular: FloatImage
    roughness: FloatImage
    albedo: NDArray[np.float64]
    ita: float


class Population:
    """The people that a face model, its skin and its gloss describe."""

    def __init__(self, model: FaceModel) -> None:
        self.model, self.atlas = model, make_atlas(model, MAP_SIZE)
        self.skin: SkinColour = skin_colour(model)
        self.layer: SpecularPrior = specular_prior(model)
        self.face = model.regions["face"] > 0.5

    def head(self, rng: Rng) -> FloatImage:
        """(V, 3) mm: any identity, half of them with an expression, with smooth bumps beyond the modes."""
        identity = rng.normal(size=self.model.identity_count).astype(np.float32)
        weights = np.zeros(self.model.expression_count, np.float32)
        if rng.random() < 0.5:
            named = [i for i, name in enumerate(self.model.expression_names) if name.startswith(EXPRESSIONS)]
            weights[rng.choice(named, 3, replace=False)] = rng.uniform(0.0, 0.6, 3)
            if rng.random() < 0.8:
                weights = np.maximum(weights, weights[self.model.mirror_expression])
        return np.asarray(self.model.vertices(identity, weights) + self._bumps(rng), np.float32)

    def _bumps(self, rng: Rng) -> FloatImage:
        mean, field = self.model.mean, np.zeros_like(self.model.mean)
        for _ in range(BUMPS):
            centre, wide = mean[rng.choice(np.flatnonzero(self.face))], rng.uniform(9.0, 22.0)
            height = BUMP_MM * rng.normal(size=3)
            for side in (1.0, -1.0) if rng.random() < 0.3 else (1.0,):
                mirror = np.array([side, 1.0, 1.0])
                far = ((mean - centre * mirror) ** 2).sum(1)
                field += (np.exp(-0.5 * far / wide**2)[:, None] * height * mirror).astype(np.float32)
        there = self.model.regions["face"] * (1.0 - self.model.regions["eyelids"])
        return np.asarray(field * there[:, None], np.float32)

    def person(self, vertices: FloatImage, camera: Camera, ita: float, rng: Rng) -> Person:
        """Skin of about ``ita`` degrees on a head, with eyes that look at the camera or beside it."""
        coefficients = self.skin.sample(torch.Generator().manual_seed(int(rng.integers(2**30))))
        coefficients[1:] *= 0.8
        coefficients[0] = tone_of_ita(ita)
        diffuse = self._map(self.skin.albedo(coefficients).numpy()) * self._texture(rng)[:, :, None]
        redder = rng.uniform(0.0, 0.05) * _noise(rng, 40)
        diffuse *= np.exp(redder[:, :, None] * np.array([0.3, -1.0, -1.0], np.float32))
        if rng.random() < 0.35:
            beard = self._map(self.model.regions["beard"][:, None])[:, :, 0]
            diffuse *= np.exp(-rng.uniform(0.1, 0.7) * beard * (1.0 + 0.4 * _noise(rng, 300)))[:, :, None]
        level = self.layer.level_mean * np.exp(0.25 * rng.normal()) + 0.3 * rng.normal() * self.layer.level_sd
        roughness = self.layer.roughness_mean + rng.normal() * self.layer.roughness_sd
        maps = [diffuse, *(self._map(values[:, None].astype(np.float32))[:, :, 0] for values in (level, roughness))]
        self._paint_eyes(maps, vertices, camera, rng)
        diffuse, level, roughness = (
            np.clip(part, *span).astype(np.float32) for part, span in zip(maps, SPANS, strict=True)
        )
        skin = self.atlas.is_part("skin") & (self.atlas.interpolate(self.model, self._region("face"))[:, 0] > 0.9)
        albedo = self.atlas.at(diffuse)[skin].mean(0).astype(np.float64)
        return Person(vertices, diffuse, level, roughness, albedo, float(ita_degrees(albedo)))

    def _texture(self, rng: Rng) -> FloatImage:
        """(S, S) factors: spots, blotches and pores; of some people many dark spots."""
        strength = rng.uniform(0.02, 0.08)
        texture = strength * (_noise(rng, 24) + 0.7 * _noise(rng, 90) + 0.7 * _noise(rng, 300))
        if rng.random() < 0.3:
            texture -= rng.uniform(0.1, 0.5) * (_noise(rng, 220) > 1.9)
        return np.asarray(np.exp(texture), np.float32)

    def _paint_eyes(self, maps: list[FloatImage], vertices: FloatImage, camera: Camera, rng: Rng) -> None:
        iris = np.array([0.075, 0.045, 0.028]) * np.exp(0.6 * rng.normal())
        if rng.random() < 0.3:
            iris = iris * (0.8, 1.2, 1.7)
        white = np.array([0.62, 0.57, 0.52]) * np.exp(0.18 * rng.normal() - 0.08) * np.exp(0.05 * rng.normal(size=3))
        gaze = camera.centre - vertices[self.face].mean(0)
        gaze = gaze / np.linalg.norm(gaze) + 0.1 * rng.normal(size=3)
        places = self.atlas.interpolate(self.model, vertices)
        for side in SIDES:
            polygons = self.model.quads[self.model.face_part == PART_NAMES.index(side)]
            ball = Eyeball(*fit_sphere(vertices[np.unique(polygons[polygons >= 0])]), gaze / np.linalg.norm(gaze))
            there = self.atlas.is_part(side)
            where = self.atlas.rows[there], self.atlas.columns[there]
            turn = ball.angle(places[there]) / ball.iris_angle
            maps[0][where] = paint_eye(turn, iris.astype(np.float32), white.astype(np.float32))
            maps[1][where], maps[2][where] = EYE_LEVEL, EYE_ROUGHNESS

    def _map(self, values: FloatImage) -> FloatImage:
        """(S, S, C) of per-vertex ``values`` (V, C)."""
        return pad(self.atlas.image(self.atlas.interpolate(self.model, values.astype(np.float32))), self.atlas.known)

    def _region(self, name: str) -> FloatImage:
        return np.asarray(self.model.regions[name] > 0.5, np.float32)[:, None]


def _noise(rng: Rng, cells: int) -> FloatImage:
    """(S, S) smooth, of deviation 1, with so many ``cells`` along a side."""
    coarse = rng.normal(size=(cells, cells)).astype(np.float32)
    fine = cv2.resize(coarse, (MAP_SIZE, MAP_SIZE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(fine / fine.std(), np.float32)
