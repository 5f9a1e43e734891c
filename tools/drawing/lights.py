# SPDX-License-Identifier: GPL-3.0-or-later
"""Lights that people are photographed in, drawn at random. None of them is one of the fit's: they have sharp edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from nextgenface.engine.scene.light import latlong_directions
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rng = np.random.Generator

ROWS = 64
# No direction is darker: black rooms are rare.
LEAST = 0.005
_DIRECTIONS = latlong_directions(ROWS)


def random_light(rng: Rng) -> tuple[str, NDArray[np.float32]]:
    """A kind's name, and radiance (`ROWS`, 2 `ROWS`, 3) about the head, linear, of any scale."""
    kind = str(rng.choice(list(KINDS)))
    return kind, np.maximum(KINDS[kind](rng), LEAST).astype(np.float32)


def _window(rng: Rng) -> Floats:
    """One or two windows, and what the room throws back."""
    light = rng.uniform(0.1, 0.35) * (1.0 + 0.5 * _up() * rng.uniform(-1.0, 1.0)) * _tint(rng)
    for _ in range(rng.integers(1, 3)):
        place = _towards(rng.uniform(-100.0, 100.0), rng.uniform(-10.0, 40.0))
        light = light + _disc(place, rng.uniform(15.0, 40.0)) * rng.uniform(1.0, 4.0) * _tint(rng)
    return light


def _sun(rng: Rng) -> Floats:
    """A blue sky over ground, and a sun that is redder the lower it stands."""
    sky = rng.uniform(0.3, 0.7) * np.exp(0.15 * np.array([-1.0, 0.0, 1.5]))
    ground = rng.uniform(0.08, 0.3) * np.exp(0.1 * np.array([1.0, 0.0, -1.0]))
    wide, height = rng.uniform(2.5, 8.0), rng.uniform(5.0, 65.0)
    colour = np.exp(0.35 * np.exp(-height / 20.0) * np.array([1.0, 0.0, -1.2]))
    sun = _disc(_towards(rng.uniform(-80.0, 80.0), height), wide) * rng.uniform(0.4, 1.6) * 300.0 / wide**2
    return np.where(_up() > 0.0, sky, ground) + sun * colour


def _ring(rng: Rng) -> Floats:
    """A ring around the lens, and lamps behind the head."""
    away = _degrees_from(_towards(rng.uniform(-15.0, 15.0), rng.uniform(-10.0, 15.0)))
    ring = np.exp(-(((away - rng.uniform(10.0, 20.0)) / 4.0) ** 2))[..., None]
    light = rng.uniform(0.05, 0.3) * _tint(rng) + ring * rng.uniform(2.0, 5.0) * _tint(rng)
    for side in (-1.0, 1.0):
        place = _towards(side * rng.uniform(110.0, 150.0), rng.uniform(-10.0, 30.0))
        light = light + _disc(place, rng.uniform(8.0, 20.0)) * rng.uniform(0.0, 4.0)
    return light


def _overcast(rng: Rng) -> Floats:
    """A sky without a sun, and at times something large and dark below."""
    brighter = np.clip(0.5 + 0.5 * _up(), 0.0, 1.0) ** rng.uniform(0.5, 3.0)
    light = brighter * rng.uniform(0.8, 1.5) * _tint(rng, 0.08) + rng.uniform(0.05, 0.4) * _tint(rng)
    if rng.random() < 0.5:
        place = _towards(rng.uniform(-180.0, 180.0), rng.uniform(-40.0, 10.0))
        light = light + _disc(place, 60.0) * rng.uniform(-0.3, 0.3) * _tint(rng)
    return light


def _studio(rng: Rng) -> Floats:
    """One to three lamps with sharp edges in a dark room."""
    light = np.full((ROWS, 2 * ROWS, 3), rng.uniform(0.03, 0.15))
    for _ in range(rng.integers(1, 4)):
        place = _towards(rng.uniform(-120.0, 120.0), rng.uniform(0.0, 60.0))
        light = light + _disc(place, rng.uniform(8.0, 25.0), 0.04) * rng.uniform(1.0, 8.0) * _tint(rng, 0.06)
    return light


KINDS: dict[str, Callable[[Rng], Floats]] = {
    "window": _window,
    "sun": _sun,
    "ring": _ring,
    "overcast": _overcast,
    "studio": _studio,
}


def _up() -> Floats:
    return _DIRECTIONS[..., 1:2]


def _towards(aside: float, height: float) -> Floats:
    """(3,) unit vector, degrees to the person's left of the front and above."""
    a, h = np.radians([aside, height])
    return np.array([np.sin(a) * np.cos(h), np.sin(h), np.cos(a) * np.cos(h)])


def _degrees_from(place: Floats) -> Floats:
    return np.asarray(np.degrees(np.arccos(np.clip(_DIRECTIONS @ place, -1.0, 1.0))))


def _disc(place: Floats, radius: float, soft: float = 0.15) -> Floats:
    """(rows, columns, 1) in [0, 1]: a disc of ``radius`` degrees whose edge is ``soft`` of it wide."""
    return 1.0 / (1.0 + np.exp((_degrees_from(place) - radius) / (soft * radius)))[..., None]


def _tint(rng: Rng, spread: float = 0.12) -> Floats:
    """(3,) factors: warmer or colder, and a little of any colour."""
    return np.exp(spread * rng.normal() * np.array([1.0, 0.0, -1.0]) + 0.03 * rng.normal(size=3))
