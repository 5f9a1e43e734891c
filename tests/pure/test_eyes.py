"""Gaze and iris."""

from __future__ import annotations

import numpy as np
import pytest
from nextgenface.engine.faces.model import PART_NAMES
from nextgenface.engine.fit.eyes import (
    TYPICAL_SCLERA,
    Eyeball,
    eye_colours,
    find_eyeball,
    fit_sphere,
    paint_eye,
    sclera_colour,
)
from nextgenface.engine.scene.camera import Camera


def _sphere(centre: np.ndarray, radius: float, count: int = 300) -> np.ndarray:
    directions = np.random.default_rng(3).normal(size=(count, 3))
    return (centre + radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)


def test_sphere_is_found_from_part_of_its_points():
    points = _sphere(np.array([30.0, 10.0, 80.0]), 12.0)
    centre, radius = fit_sphere(points[points[:, 2] > 80.0])
    assert np.allclose(centre, [30, 10, 80], atol=1e-3)
    assert radius == pytest.approx(12.0, abs=1e-3)


class _Model:
    """Two eyeballs of loose points, as much of a face model as the gaze needs."""

    def __init__(self) -> None:
        left, right = _sphere(np.array([31.0, 5.0, 80.0]), 12.0), _sphere(np.array([-31.0, 5.0, 80.0]), 12.0)
        self.vertices = np.concatenate([left, right])
        self.quads = np.arange(600).reshape(-1, 4).astype(np.int32)
        half = np.repeat([PART_NAMES.index("eye_left"), PART_NAMES.index("eye_right")], 75)
        self.face_part = half.astype(np.uint8)


@pytest.mark.parametrize("sideways", [-25.0, 0.0, 25.0])
def test_the_gaze_goes_through_the_iris_that_the_photo_shows(sideways):
    model = _Model()
    camera = Camera(640, 480, 900.0, 320.0, 240.0, np.eye(3), np.array([5.0, -3.0, -600.0]))
    angle = np.radians(sideways)
    gaze = np.array([np.sin(angle), 0.1, np.cos(angle)])
    gaze /= np.linalg.norm(gaze)
    irises = camera.project(np.array([[-31.0, 5.0, 80.0], [31.0, 5.0, 80.0]]) + 12.0 * gaze).astype(np.float32)
    for side in ("eye_left", "eye_right"):
        ball = find_eyeball(model, model.vertices, side, camera, irises)
        assert np.linalg.norm(ball.gaze - gaze) < 2e-3
        assert ball.centre[0] * (1 if side == "eye_left" else -1) > 0


def test_an_iris_off_the_ball_leaves_the_gaze_ahead():
    model = _Model()
    camera = Camera(640, 480, 900.0, 320.0, 240.0, np.eye(3), np.array([0.0, 0.0, -600.0]))
    ball = find_eyeball(model, model.vertices, "eye_left", camera, np.array([[10.0, 10.0], [600.0, 20.0]], np.float32))
    assert np.array_equal(ball.gaze, [0, 0, 1])


def test_the_painted_eye_is_dark_coloured_white_from_inside_out():
    iris, sclera = np.array([0.05, 0.1, 0.2], np.float32), np.array([0.6, 0.55, 0.5], np.float32)
    pupil, ring, white = paint_eye(np.array([0.1, 0.7, 1.4], np.float32), iris, sclera)
    assert pupil.max() < 0.02
    assert ring.argmax() == 2 and ring.mean() < 0.2
    assert white.min() > 0.4


def _painted(size: int) -> tuple[np.ndarray, np.ndarray]:
    """A square of ``size`` texels across an iris, and its white: share (S, S), and albedo's green (S, S)."""
    rows, columns = (np.mgrid[0:size, 0:size] + 0.5) / size * 3.0 - 1.5
    share = np.hypot(rows, columns).astype(np.float32)
    iris, sclera = np.array([0.05, 0.1, 0.2], np.float32), np.array([0.6, 0.55, 0.5], np.float32)
    around = np.arctan2(rows, columns).reshape(-1).astype(np.float32)
    painted = paint_eye(share.reshape(-1), iris, sclera, around, 3.0 / size)
    return share, painted[:, 1].reshape(size, size)


@pytest.mark.parametrize("size", [24, 96])
def test_the_iris_s_rim_is_no_staircase(size):
    """Between neighbouring texels the brightness changes by a part of the way from iris to white only."""
    share, green = _painted(size)
    rim = np.abs(share - 1.0) < 0.3
    step = np.abs(np.diff(green, axis=1))[rim[:, 1:]].max()
    # Measured: 0.46 of the way at 24 texels, 0.29 at 96; 0.97 and 0.62 with the widths of a sharp rim.
    assert step < (0.6 if size == 24 else 0.35) * (0.55 - 0.045)


def test_an_iris_has_fibres_where_the_map_is_fine_enough_and_its_own_colour_in_the_mean():
    spread = []
    for size in (24, 96, 384):
        share, green = _painted(size)
        ring = np.abs(share - 0.7) < 0.06
        assert green[ring].mean() == pytest.approx(0.1 * np.interp(0.7, (0.5, 0.8), (1.25, 1.0)), rel=0.06)
        spread.append(green[ring].std() / green[ring].mean())
    assert spread[0] < 0.08 < spread[1] < spread[2] < 0.25


def test_places_around_the_gaze_turn_once():
    gaze = np.array([0.3, 0.2, 0.9]) / np.linalg.norm([0.3, 0.2, 0.9])
    ball = Eyeball(np.array([30.0, 5.0, 60.0]), 12.0, gaze)
    right = np.cross([0.0, 1.0, 0.0], gaze)
    right /= np.linalg.norm(right)
    turns = np.radians(np.arange(-170.0, 180.0, 20.0))
    ring = ball.centre + 12.0 * (
        0.9 * gaze + 0.4 * (np.cos(turns)[:, None] * right + np.sin(turns)[:, None] * np.cross(gaze, right))
    )
    assert ball.around(ring.astype(np.float32)) == pytest.approx(turns, abs=1e-4)
    # Upwards is a quarter of a turn.
    top = ball.centre + 12.0 * (gaze + 0.2 * np.array([0.0, 1.0, 0.0]))
    assert ball.around(top[None].astype(np.float32))[0] == pytest.approx(np.pi / 2, abs=0.05)


def test_colours_come_from_ring_and_white_and_stay_within_what_eyes_are():
    share = np.repeat(np.array([0.2, 0.7, 1.5], np.float32), 40)
    albedo = np.repeat(np.array([[0, 0, 0], [0.04, 0.06, 0.1], [3.0, 3.0, 3.0]], np.float32), 40, 0)
    iris, sclera = eye_colours(share, albedo, np.ones(120, np.float32))
    assert np.allclose(iris, [0.04, 0.06, 0.1], atol=1e-6)
    assert sclera.max() < 0.75
    typical, _ = eye_colours(share, albedo, np.zeros(120, np.float32))
    assert typical[0] > typical[2]


def test_a_brown_iris_below_a_sky_is_brown():
    """Two thirds of it mirror the sky, more or less; a few samples lie in the shadow of lashes."""
    chance, brown = np.random.default_rng(4), np.array([0.08, 0.048, 0.028], np.float32)
    mirrored = np.where(np.arange(150) < 100, chance.uniform(0.3, 1.0, 150), 0.0)[:, None]
    albedo = brown * chance.normal(1.0, 0.05, (150, 1)) + mirrored * np.array([0.07, 0.09, 0.13])
    albedo[-5:] *= 0.2
    order = chance.permutation(150)
    iris, _ = eye_colours(np.full(150, 0.7, np.float32), albedo[order].astype(np.float32), np.ones(150, np.float32))
    assert iris == pytest.approx(brown, rel=0.08)


def test_iris_angle_is_that_of_a_human_eye():
    ball = Eyeball(np.zeros(3), 12.0, np.array([0.0, 0.0, 1.0]))
    assert np.degrees(ball.iris_angle) == pytest.approx(29.2, abs=0.3)
    assert ball.angle(np.array([[0, 0, 12.0], [12.0, 0, 0]], np.float32)) == pytest.approx([0.0, np.pi / 2], abs=1e-5)


@pytest.mark.parametrize(("share", "kept"), [(0.5, 0.5), (0.1, 0.35), (2.0, 1.3)])
def test_a_white_is_as_dark_as_lashes_make_it_but_no_darker(share, kept):
    typical = np.array(TYPICAL_SCLERA, np.float32)
    white = np.tile(share * typical, (40, 1)).astype(np.float32)
    _, sclera = eye_colours(np.full(40, 1.5, np.float32), white, np.ones(40, np.float32))
    np.testing.assert_allclose(sclera, kept * typical, rtol=1e-4)


def _painted_white(colours: np.ndarray) -> np.ndarray:
    white = np.asarray(colours, np.float32)
    return sclera_colour(np.full(len(white), 1.5, np.float32), white, np.ones(len(white), np.float32))


@pytest.mark.parametrize(
    "seen", [(0.05, 0.09, 0.3), (0.6, 0.2, 0.15), (0.02, 0.02, 0.02)], ids=["sky", "lid", "lashes"]
)
def test_what_is_no_white_does_not_colour_it(seen):
    """The far eye of a face in three-quarter view may show what is behind it; a narrow one its lids."""
    typical, white = np.array(TYPICAL_SCLERA), _painted_white(np.tile(seen, (40, 1)))
    assert np.abs(np.log(white / white[1]) - np.log(typical / typical[1])).max() < 0.21
    assert 0.49 < white.mean() / typical.mean() < 1.31


def test_a_white_of_its_own_tint_keeps_it():
    own = np.array([0.5, 0.47, 0.46])
    np.testing.assert_allclose(_painted_white(np.tile(own, (40, 1))), own, rtol=1e-3)
