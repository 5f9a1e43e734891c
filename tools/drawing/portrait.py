# SPDX-License-Identifier: GPL-3.0-or-later
"""Portraits drawn at random, each with what is true of it beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from nextgenface.engine.render.path import render
from nextgenface.engine.results.png import write_png
from nextgenface.engine.scene.camera import Camera
from nextgenface.engine.scene.colour import linear_to_srgb
from numpy.typing import NDArray

from .lights import random_light
from .people import DARKEST, LIGHTEST, Population
from .spectacles import wear

FloatImage = NDArray[np.float32]
Floats = NDArray[np.float64]
Rng = np.random.Generator

SIZE, PATHS, TOUCHES = 512, 64, 4
# What lenses there are, mm for a 35 mm film, and what share of the picture's height 190 mm of the head take.
FOCAL_MM, HEAD_SHARE, HEAD_MM = (35.0, 130.0), (0.42, 0.6), 190.0
FILM_DIAGONAL_MM = 43.27
TURN_DEGREES, MOST_TURN, NOD_DEGREES = 20.0, 40.0, 8.0
NOISE = 0.01
# A camera's curve is a smooth step in sRGB, of which so much is mixed in, and it makes colours so many times as vivid.
CURVE_SHARE, VIVID = (0.3, 1.0), (1.0, 1.25)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
PHOTO, TRUTH = "photo.png", "truth.npz"


@dataclass(frozen=True)
class Portrait:
    """A picture (H, W, 3) of linear radiance in [0, 1], and the truth: ``vertices`` (V, 3) mm, the ITA in degrees, the light's kind,
    the spectacles' ("" without) and (H, W) how much they hide.
    """

    image: FloatImage
    vertices: FloatImage
    ita: float
    light: str
    spectacles: str = ""
    hidden: FloatImage | None = None

    def save(self, folder: Path, curve: float | None = None, vivid: float = 1.0) -> None:
        """Write the picture, with a camera's ``curve`` of such a share, and the truth, into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        shown = linear_to_srgb(self.image)
        if curve is not None:
            shown = (1.0 - curve) * shown + curve * (3.0 * shown**2 - 2.0 * shown**3)
            grey = (shown @ LUMINANCE.astype(np.float32))[:, :, None]
            shown = grey + (shown - grey) * vivid
        write_png(folder / PHOTO, np.round(np.clip(shown, 0.0, 1.0) * 255.0).astype(np.uint8))
        truth = {"vertices": self.vertices, "ita": self.ita, "light": self.light, "spectacles": self.spectacles}
        np.savez(folder / TRUTH, **truth, curve=curve or 0.0)


def draw(population: Population, number: int, count: int, seed: int, spectacles: bool) -> Portrait:
    """Portrait ``number`` of ``count``, whose tones are spread evenly; it depends on nothing but these and the ``seed``."""
    rng = np.random.default_rng([seed, number])
    vertices = population.head(rng)
    camera = _camera(vertices[population.face].mean(0).astype(np.float64), rng)
    ita = DARKEST + (LIGHTEST - DARKEST) * (number + rng.random()) / count
    person = population.person(vertices, camera, ita, rng)
    kind, light = random_light(rng)
    maps = person.diffuse, person.specular, person.roughness
    picture = render(
        vertices, population.model, *maps, light, camera, samples=PATHS, depth=TOUCHES, seed=int(rng.integers(2**16))
    )
    image = _exposed(picture.image, picture.coverage, person.albedo, rng)
    # The same portrait with and without spectacles, whatever these draw.
    if not spectacles:
        return Portrait(image, vertices, person.ita, kind)
    worn = wear(image, population.model, vertices, camera, np.random.default_rng([seed, number, 1]))
    return Portrait(worn.image, vertices, person.ita, kind, worn.kind, worn.cover)


def random_curve(number: int, seed: int) -> tuple[float, float]:
    """How much of a camera's curve portrait ``number`` has, and how vivid it makes colours."""
    rng = np.random.default_rng([seed, number, 2])
    return float(rng.uniform(*CURVE_SHARE)), float(rng.uniform(*VIVID))


def _camera(middle: Floats, rng: Rng) -> Camera:
    """Looks at about the ``middle`` (3,) of a face from before it."""
    turn, nod = np.radians([np.clip(TURN_DEGREES * rng.normal(), -MOST_TURN, MOST_TURN), NOD_DEGREES * rng.normal()])
    parts = (np.array([nod, 0.0, 0.0]), np.array([0.0, turn, 0.0]), np.array([0.0, 0.0, 0.06 * rng.normal()]))
    rotation = np.linalg.multi_dot([cv2.Rodrigues(part)[0] for part in parts])
    focal = np.exp(rng.uniform(*np.log(FOCAL_MM))) * SIZE * np.sqrt(2.0) / FILM_DIAGONAL_MM
    distance = focal / (rng.uniform(*HEAD_SHARE) * SIZE / HEAD_MM)
    aside = np.array([8.0 * rng.normal(), 8.0 * rng.normal() - 5.0, -distance])
    return Camera(SIZE, SIZE, float(focal), SIZE / 2.0, SIZE / 2.0, rotation, aside - rotation @ middle)


def _exposed(image: FloatImage, coverage: FloatImage, albedo: Floats, rng: Rng) -> FloatImage:
    """As a camera whose meter follows the skin more or less takes it, before a blurred background, with noise."""
    bright = float(albedo @ LUMINANCE)
    wanted = 1.05 * bright * (bright / 0.25) ** -rng.uniform(0.0, 0.6) * np.exp(0.2 * rng.normal())
    exposed = image * wanted / max(1e-6, float(np.median((image @ LUMINANCE)[coverage > 0.99])))
    coarse = rng.normal(size=(3, 3)).astype(np.float32)
    blotches = cv2.resize(coarse, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)[:, :, None]
    behind = np.exp(0.2 * rng.normal(size=3)) * rng.uniform(0.02, 0.6) * (1.0 + 0.3 * blotches)
    whole = exposed + (1.0 - coverage[:, :, None]) * np.clip(behind, 0.01, 1.0)
    return np.clip(whole * (1.0 + NOISE * rng.normal(size=whole.shape)), 0.0, 1.0).astype(np.float32)
