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
from nextgenface.engine.landmarks.habits import Habits, load_habits, pose_terms, turned
from nextgenface.engine.reporter import SilentReporter
from nextgenface.engine.settings import Settings
from perfect_detector import a_pose, observe

HEIGHT_MM = 200.0


@pytest.fixture
def model():
    return face_models.small_model()


@pytest.fixture
def habits(model):
    """Errors of some percent of the face that grow as the head turns aside; along each coefficient half is missed."""
    embedded = landmark_rows.EmbeddedModel.of(model, "mediapipe")
    index = model.landmarks["mediapipe"].index
    terms = np.zeros((11, len(index), 3))
    terms[0] = 0.01 * np.sin(np.arange(len(index)))[:, None] * [1.0, -1.0, 0.0]
    terms[1] = 0.05 * np.cos(0.3 * np.arange(len(index)))[:, None] * [1.0, 0.5, 1.0]
    gains = np.moveaxis(embedded.basis, 2, 0) * [-1.0, 1.0, 1.0] / HEIGHT_MM
    turning = 0.1 * gains[None, :3] * np.array([1.0, -1.0])[:, None, None, None]
    return Habits(index, embedded.mean, terms, gains, turning)


def test_pose_terms_of_known_poses():
    roll, terms = pose_terms(np.eye(3), 1000.0)
    assert roll == 0.0
    np.testing.assert_allclose(terms, [1] + 10 * [0], atol=1e-12)
    _, terms = pose_terms(rotation_matrix(np.array([0, 0.5, 0])), 1000.0)
    np.testing.assert_allclose(terms[[0, 1, 2, 3, 6]], [1, np.sin(0.5), 0, np.sin(0.5) ** 2, np.sin(0.5) ** 3])
    _, terms = pose_terms(rotation_matrix(np.array([-0.3, 0, 0])), 500.0)
    np.testing.assert_allclose(terms[[0, 1, 2, 4, 7, 10]], [1, 0, np.sin(0.3), np.sin(0.3) ** 2, np.sin(0.3) ** 3, 0.1])


def test_errors_turn_with_the_head(habits):
    """The same head, rolled by 0.4 clockwise in the picture, errs by the same, turned."""
    upright = rotation_matrix(np.array([0.1, 0.5, 0.0]))
    rolled = rotation_matrix(np.array([0.0, 0.0, -0.4])) @ upright
    before, after = habits.errors(upright, 900.0, 100.0), habits.errors(rolled, 900.0, 100.0)
    np.testing.assert_allclose(after.mean[:, :2], turned(before.mean[:, :2], 0.4), atol=1e-9)
    np.testing.assert_allclose(after.mean[:, 2], before.mean[:, 2], atol=1e-9)
    for column in (0, 7):
        expected = turned(before.by_coefficients[:, :2, column], 0.4)
        np.testing.assert_allclose(after.by_coefficients[:, :2, column], expected, atol=1e-9)
    # Clockwise on the screen: what pointed to the right points down.
    np.testing.assert_allclose(turned(np.array([[1.0, 0.0]]), np.pi / 2), [[0.0, 1.0]], atol=1e-12)


def test_the_gains_change_as_the_head_turns(habits):
    """Of the first coefficients only, and in proportion to the direction."""
    ahead = habits.errors(np.eye(3), 1000.0, 1.0).by_coefficients
    aside = habits.errors(rotation_matrix(np.array([0.0, 0.5, 0.0])), 1000.0, 1.0).by_coefficients
    share = 1.0 + 0.1 * np.sin(0.5)
    np.testing.assert_allclose(aside[..., :3], share * ahead[..., :3], atol=1e-12)
    np.testing.assert_allclose(aside[..., 3:], ahead[..., 3:], atol=1e-12)


def misled(model, habits, identity, pose):
    """What a detector with ``habits`` would see, and what a perfect one would."""
    clean = observe(model, identity, np.zeros(2), pose)
    height = landmark_rows.PhotoProblem.of(
        landmark_rows.EmbeddedModel.of(model, "mediapipe"), clean, landmark_rows.Deviations()
    ).height
    errors = habits.errors(pose.rotation, pose.distance, height)
    points = clean.points.copy()
    moved = errors.mean + errors.by_coefficients @ np.concatenate([identity, np.zeros(2)])
    points[habits.index] += moved.astype(np.float32)
    return replace(clean, points=points), clean


def test_known_habits_do_not_move_the_face(model, habits, monkeypatch):
    """Photos whose points have the errors give the same head as photos whose points have none, once these are known."""
    identity = np.random.default_rng(3).normal(size=6)
    wrong, clean = misled(model, habits, identity, a_pose(yaw=0.35))

    expected = fit_landmarks(model, [clean], Settings(), SilentReporter())
    without = fit_landmarks(model, [wrong], Settings(), SilentReporter())
    monkeypatch.setattr(landmark_rows, "load_habits", lambda model, detector: habits)
    found = fit_landmarks(model, [wrong], Settings(), SilentReporter())
    away = np.linalg.norm(found.identity - expected.identity)
    assert away < 0.35 * np.linalg.norm(without.identity - expected.identity)
    assert found.calibrated_error_percent < 0.5 < without.calibrated_error_percent
    np.testing.assert_allclose(found.photos[0].seen, clean.points[habits.index, :2], atol=1.5)


def test_the_first_error_is_that_of_the_points_as_they_are(model, habits, monkeypatch):
    """Whatever is known of the detector, `landmark_error_percent` tells how well the model was laid on what it said."""
    wrong, _ = misled(model, habits, np.zeros(6), a_pose(yaw=0.35))
    without = fit_landmarks(model, [wrong], Settings(), SilentReporter())
    assert without.landmark_error_percent == without.calibrated_error_percent
    monkeypatch.setattr(landmark_rows, "load_habits", lambda model, detector: habits)
    found = fit_landmarks(model, [wrong], Settings(), SilentReporter())
    assert found.landmark_error_percent == pytest.approx(without.landmark_error_percent, rel=1e-9)
    assert found.calibrated_error_percent < 0.5 * found.landmark_error_percent


def test_derivatives_of_the_rows_with_habits(model, habits, monkeypatch):
    monkeypatch.setattr(landmark_rows, "load_habits", lambda model, detector: habits)
    rng = np.random.default_rng(3)
    coefficients, pose = rng.normal(size=8) * 0.5, a_pose(yaw=0.4)
    seen = observe(model, rng.normal(size=6), np.zeros(2), pose)
    embedded = landmark_rows.EmbeddedModel.of(model, "mediapipe")
    problem = landmark_rows.PhotoProblem.of(embedded, seen, landmark_rows.Deviations()).calibrated(coefficients, pose)
    assert problem.errors is not None
    step, move = 1e-5, rng.normal(size=8)
    slope = problem.rows(coefficients + step * move, pose).residual
    slope = (slope - problem.rows(coefficients - step * move, pose).residual) / (2 * step)
    np.testing.assert_allclose(slope, problem.rows(coefficients, pose).by_coefficients @ move, atol=1e-4)


def test_habits_of_other_points_are_not_used(model, habits, monkeypatch):
    for other in (replace(habits, index=habits.index + 1), replace(habits, places=habits.places + 1.0)):
        monkeypatch.setattr(landmark_rows, "load_habits", lambda model, detector, known=other: known)
        assert landmark_rows.EmbeddedModel.of(model, "mediapipe").habits is None
    monkeypatch.setattr(landmark_rows, "load_habits", lambda model, detector: habits)
    assert landmark_rows.EmbeddedModel.of(model, "mediapipe").habits is habits


def test_nothing_is_known_of_other_models():
    assert load_habits("small", "mediapipe") is None
