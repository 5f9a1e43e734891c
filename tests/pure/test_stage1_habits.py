"""What a detector is known to err by is taken off, in any pose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("scipy")

import face_models
from nextgenface.engine.fit import landmark_rows
from nextgenface.engine.fit.pose import rotation_matrix
from nextgenface.engine.fit.stage1 import fit_landmarks
from nextgenface.engine.landmarks.habits import Habits, direction_terms, load_habits, turned
from nextgenface.engine.reporter import SilentReporter
from nextgenface.engine.settings import Settings
from perfect_detector import a_pose, observe


@pytest.fixture
def model():
    return face_models.small_model()


@pytest.fixture
def habits(model):
    """Errors of some percent of the face that grow as the head turns aside."""
    index = model.landmarks["mediapipe"].index
    terms = np.zeros((6, len(index), 3))
    terms[0] = 0.01 * np.sin(np.arange(len(index)))[:, None] * [1.0, -1.0, 0.0]
    terms[1] = 0.05 * np.cos(0.3 * np.arange(len(index)))[:, None] * [1.0, 0.5, 1.0]
    return Habits(index, terms, landmark_rows.EmbeddedModel.of(model, "mediapipe").mean)


def test_direction_terms_of_known_poses():
    roll, terms = direction_terms(np.eye(3))
    assert roll == 0.0
    np.testing.assert_allclose(terms, [1, 0, 0, 0, 0, 0], atol=1e-12)
    _, terms = direction_terms(rotation_matrix(np.array([0, 0.5, 0])))
    np.testing.assert_allclose(terms[:3], [1, np.sin(0.5), 0], atol=1e-12)
    _, terms = direction_terms(rotation_matrix(np.array([-0.3, 0, 0])))
    np.testing.assert_allclose(terms[:3], [1, 0, np.sin(0.3)], atol=1e-12)


def test_errors_turn_with_the_head(habits):
    """The same head, rolled by 0.4 clockwise in the picture, errs by the same, turned."""
    upright = rotation_matrix(np.array([0.1, 0.5, 0.0]))
    rolled = rotation_matrix(np.array([0.0, 0.0, -0.4])) @ upright
    before, after = habits.errors(upright, 100.0), habits.errors(rolled, 100.0)
    np.testing.assert_allclose(after[:, :2], turned(before[:, :2], 0.4), atol=1e-9)
    np.testing.assert_allclose(after[:, 2], before[:, 2], atol=1e-9)
    # Clockwise on the screen: what pointed to the right points down.
    np.testing.assert_allclose(turned(np.array([[1.0, 0.0]]), np.pi / 2), [[0.0, 1.0]], atol=1e-12)


def test_known_habits_do_not_move_the_face(model, habits, monkeypatch):
    """Photos whose points have the errors give the same head as photos whose points have none, once these are known."""
    identity = np.random.default_rng(3).normal(size=6)
    pose = a_pose(yaw=0.35)
    clean = observe(model, identity, np.zeros(2), pose)
    height = landmark_rows.PhotoProblem.of(
        landmark_rows.EmbeddedModel.of(model, "mediapipe"), clean, landmark_rows.Deviations()
    ).height
    points = clean.points.copy()
    points[habits.index] += habits.errors(pose.rotation, height).astype(np.float32)
    wrong = replace(clean, points=points)

    expected = fit_landmarks(model, [clean], Settings(), SilentReporter())
    misled = fit_landmarks(model, [wrong], Settings(), SilentReporter())
    monkeypatch.setattr(landmark_rows, "load_habits", lambda model, detector: habits)
    found = fit_landmarks(model, [wrong], Settings(), SilentReporter())
    away = np.linalg.norm(found.identity - expected.identity)
    assert away < 0.25 * np.linalg.norm(misled.identity - expected.identity)
    assert found.landmark_error_percent < 0.5 < misled.landmark_error_percent
    np.testing.assert_allclose(found.photos[0].seen, clean.points[habits.index, :2], atol=1.0)


def test_habits_of_other_points_are_not_used(model, habits, monkeypatch):
    for other in (replace(habits, index=habits.index + 1), replace(habits, places=habits.places + 1.0)):
        monkeypatch.setattr(landmark_rows, "load_habits", lambda model, detector, known=other: known)
        assert landmark_rows.EmbeddedModel.of(model, "mediapipe").habits is None
    monkeypatch.setattr(landmark_rows, "load_habits", lambda model, detector: habits)
    assert landmark_rows.EmbeddedModel.of(model, "mediapipe").habits is habits


def test_nothing_is_known_of_other_models():
    assert load_habits("small", "mediapipe") is None
