"""Stage 1 on a real photo with the bundled head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.engine
pytest.importorskip("mediapipe")

from nextgenface.engine.faces.bundled import load  # noqa: E402
from nextgenface.engine.fit.landmark_rows import EmbeddedModel  # noqa: E402
from nextgenface.engine.fit.pictures import draw_points, draw_wireframe  # noqa: E402
from nextgenface.engine.fit.stage1 import fit_landmarks, observe  # noqa: E402
from nextgenface.engine.landmarks.choose import choose_detector  # noqa: E402
from nextgenface.engine.landmarks.detector import largest_face  # noqa: E402
from nextgenface.engine.photos.reading import read_photo  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

ASTRONAUT = Path(__file__).parents[1] / "data" / "astronaut.png"


@pytest.fixture(scope="module")
def model():
    return load()


@pytest.fixture(scope="module")
def photo():
    return read_photo(ASTRONAUT)


@pytest.fixture(scope="module")
def face(photo):
    return largest_face(choose_detector(Settings()).detect(photo.srgb8), photo.name, SilentReporter())


@pytest.fixture(scope="module")
def fitted(model, photo, face):
    return fit_landmarks(model, [observe(photo, face, Settings())], Settings(), SilentReporter())


def test_the_bar_of_accuracy_in_few_steps(fitted):
    assert fitted.landmark_error_percent <= 0.6
    assert fitted.iterations < 20


def test_the_error_is_what_it_says(model, photo, face, fitted):
    """Counted again through the camera: mean distance of fixed points by the height of the projected face."""
    embedding = model.landmarks["mediapipe"]
    found = fitted.photos[0]
    vertices = model.vertices(fitted.identity.astype(np.float32), found.expression.astype(np.float32))
    places = np.einsum("lc,lcx->lx", embedding.barycentric, vertices[model.triangles[embedding.triangle]])
    pixels = found.camera.project(places.astype(np.float64))
    fixed = ~embedding.contour
    np.testing.assert_allclose(pixels[fixed], found.points[fixed], atol=0.02)
    height = np.linalg.norm(found.points[embedding.index == 10] - found.points[embedding.index == 152])
    away = np.linalg.norm(found.points - found.seen, axis=1).mean()
    assert 100 * away / height == pytest.approx(found.error_percent, rel=1e-5)
    assert fitted.calibrated_error_percent == found.error_percent
    assert (found.camera.width, found.camera.height) == (photo.width, photo.height)


def test_the_face_is_plausible(model, fitted):
    """She smiles; nothing of her is outlandish."""
    expression = dict(zip(model.expression_names, fitted.photos[0].expression, strict=True))
    assert expression["mouthSmileLeft"] > 0.15 and expression["mouthSmileRight"] > 0.15
    assert np.abs(fitted.identity).max() < 3.5
    distance = -fitted.photos[0].camera.translation[2]
    assert 600 < distance < 6000


def test_the_detectors_habits_are_known_and_small(model, face, fitted):
    """What is taken off fits the bundled head's embedding, and is a matter of a few percent at most."""
    embedding = model.landmarks["mediapipe"]
    assert EmbeddedModel.of(model, "mediapipe").habits is not None, "run tools/calibrate_landmarks.py again"
    taken_off = np.linalg.norm(fitted.photos[0].seen - face.points[embedding.index, :2], axis=1) / face.height
    assert 0.002 < taken_off.mean() < 0.02
    assert taken_off.max() < 0.08


def test_a_given_focal_length_is_kept(model, photo, face):
    settings = Settings(focal_length_mm=50.0)
    result = fit_landmarks(model, [observe(photo, face, settings)], settings, SilentReporter())
    expected = 50.0 * np.hypot(photo.width, photo.height) / np.hypot(36, 24)
    assert result.photos[0].camera.focal_px == pytest.approx(expected, rel=0.02)


def test_the_pictures_draw_the_face_where_it_is(model, photo, fitted):
    found = fitted.photos[0]
    vertices = model.vertices(fitted.identity.astype(np.float32), found.expression.astype(np.float32))
    picture = draw_wireframe(photo.srgb8, model, vertices, found.camera)
    changed = np.argwhere((picture != photo.srgb8).any(-1))
    nose = np.array([124, 225])
    assert np.linalg.norm(changed - nose, axis=1).min() < 3
    assert np.abs(changed - nose).max() < 200
    dots = draw_points(photo.srgb8, found.points, found.points)
    assert (dots != photo.srgb8).any(-1).sum() > 468
