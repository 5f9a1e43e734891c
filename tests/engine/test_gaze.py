"""Eyes that look elsewhere in every photo, with one iris each on the one map."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.engine
pytest.importorskip("torch")

from nextgenface.engine.faces.choose import load_model  # noqa: E402
from nextgenface.engine.faces.model import PART_NAMES  # noqa: E402
from nextgenface.engine.fit.eyes import SIDES, find_eyeball  # noqa: E402
from nextgenface.engine.fit.gaze import eye_turn, turn_name  # noqa: E402
from nextgenface.engine.fit.run import Run, head_data  # noqa: E402
from nextgenface.engine.fit.stage2 import Stage2Result  # noqa: E402
from nextgenface.engine.scene.camera import Camera  # noqa: E402

MODEL = load_model("bundled")
NAMES = MODEL.expression_names
IDENTITY = np.zeros(MODEL.identity_count, np.float32)
# Where each photo's eyes look, of the head: across and up, degrees.
GAZES = ((4.0, -3.0), (-22.0, 5.0), (25.0, 0.0))


def _vertices_of(side: str) -> np.ndarray:
    polygons = MODEL.quads[MODEL.face_part == PART_NAMES.index(side)]
    return np.unique(polygons[polygons >= 0])


def _direction(across: float, up: float) -> np.ndarray:
    across, up = np.radians([across, up])
    return np.array([np.sin(across) * np.cos(up), np.sin(up), np.cos(across) * np.cos(up)])


class _Photo:
    """A photo of the head from its gaze's side, as `Run` asks of it: eyes that look where ``gaze`` says."""

    def __init__(self, gaze: tuple[float, float], weights: dict[str, float]) -> None:
        expression = np.zeros(MODEL.expression_count, np.float32)
        for name, weight in weights.items():
            expression[NAMES.index(name)] = weight
        turn = cv2.Rodrigues(np.array([0.0, -np.radians(gaze[0]), 0.0]))[0]
        camera = Camera(512, 512, 1900.0, 256.0, 256.0, turn, np.array([0.0, -10.0, -1050.0]))
        vertices = MODEL.vertices(IDENTITY, expression)
        self.found = Stage2Result(IDENTITY, expression, camera, None, None, vertices)
        self.gaze = _direction(*gaze)

    def eyeballs(self, found: Stage2Result) -> dict:
        ahead = np.full((2, 2), -1e4, np.float32)
        balls = {side: find_eyeball(MODEL, found.vertices, side, found.camera, ahead) for side in SIDES}
        return {side: replace(ball, gaze=self.gaze) for side, ball in balls.items()}


@pytest.fixture(scope="module")
def photos():
    weights = {}, {"eyeLookInLeft": 0.4, "eyeLookOutRight": 0.4, "jawOpen": 0.3}, {"eyeLookDownLeft": 0.2}
    return [_Photo(gaze, own) for gaze, own in zip(GAZES, weights, strict=True)]


@pytest.fixture(scope="module")
def turned(photos):
    run = type("Photos", (), {"photos": photos, "model": MODEL})()
    return Run._with_eyes(run, [photo.found for photo in photos])


def test_the_iris_of_the_first_photo_lies_where_each_photo_has_it(photos, turned):
    first = photos[0].eyeballs(turned[0])
    for photo, result in zip(photos, turned, strict=True):
        balls = photo.eyeballs(result)
        for side in SIDES:
            own = _vertices_of(side)
            # What the map paints: a texel's angle from the gaze of the photo that it is painted from.
            painted, seen = (
                ball.angle(vertices[own])
                for ball, vertices in ((first[side], turned[0].vertices), (balls[side], result.vertices))
            )
            # Measured: 0.4 degrees at most; a unit turns a ball that is no perfect sphere.
            assert np.degrees(np.abs(painted - seen).max()) < 1.0
            assert balls[side].radius == pytest.approx(photo.eyeballs(photo.found)[side].radius, abs=0.02)
            assert np.abs(balls[side].centre - photo.eyeballs(photo.found)[side].centre).max() < 0.05


def test_nothing_but_the_eyeballs_turns_and_the_first_photo_s_do_not(photos, turned):
    assert turned[0] is photos[0].found
    balls = np.concatenate([_vertices_of(side) for side in SIDES])
    others = np.setdiff1d(np.arange(MODEL.vertex_count), balls)
    for photo, result in zip(photos[1:], turned[1:], strict=True):
        moved = result.vertices - photo.found.vertices
        assert np.abs(moved[others]).max() == 0.0
        assert np.linalg.norm(moved[balls], axis=1).max() > 2.0


def test_the_file_s_head_with_a_photo_s_weights_looks_where_that_photo_does(turned):
    data = head_data(MODEL, *turned)
    assert data.expression_names[-2:] == (turn_name(1), turn_name(2)) == ("eyesOfPhoto2", "eyesOfPhoto3")
    for result in turned:
        weights = dict(zip(NAMES, result.expression, strict=True))
        weights |= {} if result.eyes is None else {result.eyes.name: 1.0}
        deltas = dict(zip(data.expression_names, data.expression_deltas, strict=True))
        posed = data.vertices + sum(np.float32(weight) * deltas[name] for name, weight in weights.items())
        assert np.abs(posed - result.vertices).max() < 1e-3


def test_a_head_without_eyeballs_is_left_alone(photos):
    bare = replace(MODEL, face_part=np.zeros_like(MODEL.face_part))
    seen = [(photo.found.vertices, photo.eyeballs(photo.found)) for photo in photos]
    assert not eye_turn(bare, seen[0], seen[1]).any()
    run = type("Photos", (), {"photos": photos, "model": bare})()
    found = Run._with_eyes(run, [photo.found for photo in photos])
    assert all(each.eyes is None for each in found) and found[1] is photos[1].found
