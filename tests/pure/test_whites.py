"""The light on the whites of the eyes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2")

from nextgenface.engine.fit.eyes import TYPICAL_SCLERA
from nextgenface.engine.fit.whites import light_on_whites

SIZE = 160
CENTRES = {468: (50.0, 80.0), 473: (110.0, 80.0)}
RADIUS = 8.0


def face(tint, catchlight=False, lashes=False):
    """Two almond-free, round eyes: an iris in a white disc, under a light of some tint; the rest is skin."""
    image = np.full((SIZE, SIZE, 3), (0.4, 0.2, 0.12), np.float32)
    eyes, points = np.zeros((SIZE, SIZE), np.float32), np.zeros((478, 3), np.float32)
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    for number, (x, y) in CENTRES.items():
        away = np.hypot(columns - x, rows - y)
        white = away < 2.6 * RADIUS
        eyes[white] = 1.0
        image[white] = np.array(TYPICAL_SCLERA) * tint
        if lashes:
            image[white & (rows < y - RADIUS)] = 0.01
        if catchlight:
            image[white & (np.abs(columns - x - 1.6 * RADIUS) < 1)] = 1.0
        image[away < RADIUS] = (0.05, 0.1, 0.2)
        points[number, :2] = x, y
        for step, (dx, dy) in enumerate(((1, 0), (0, -1), (-1, 0), (0, 1))):
            points[number + 1 + step, :2] = x + RADIUS * dx, y + RADIUS * dy
    return image, eyes, points


@pytest.mark.parametrize("spoilt", [{}, {"catchlight": True}, {"lashes": True}])
def test_the_light_is_found_with_its_tint(spoilt):
    light = np.array([1.2, 1.0, 0.8])
    np.testing.assert_allclose(light_on_whites(*face(light, **spoilt)), light, rtol=0.02)


def test_closed_eyes_tell_nothing():
    image, eyes, points = face(np.ones(3))
    assert light_on_whites(image, np.zeros_like(eyes), points) is None


def test_blown_out_whites_tell_nothing():
    image, eyes, points = face(np.full(3, 4.0))
    assert light_on_whites(image, eyes, points) is None
