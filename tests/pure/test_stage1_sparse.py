"""Stage 1 on 68 points that have no depth."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("scipy")

from nextgenface.engine.faces.bundled import load
from nextgenface.engine.fit.landmark_rows import Deviations, EmbeddedModel, PhotoProblem
from nextgenface.engine.fit.stage1 import fit_landmarks
from nextgenface.engine.landmarks.schemes import IBUG
from nextgenface.engine.reporter import SilentReporter
from nextgenface.engine.settings import Settings
from perfect_detector import a_pose, observe

FAN = Settings(landmark_detector="fan")


def a_person(seed):
    """Coefficients of some face of the bundled head that smiles a little."""
    model, rng = load(), np.random.default_rng(seed)
    expression = np.zeros(model.expression_count)
    for name in ("mouthSmileLeft", "mouthSmileRight", "browInnerUp"):
        expression[model.expression_names.index(name)] = 0.3 * rng.random()
    return 0.8 * rng.normal(size=model.identity_count), expression


def millimetres(identity, other):
    """Mean distance of two faces' vertices once one is laid rigidly on the other."""
    model = load()
    face = model.regions["face"] > 0.5
    a, b = (model.vertices(np.asarray(c, np.float32))[face].astype(np.float64) for c in (identity, other))
    a, b = a - a.mean(0), b - b.mean(0)
    u, _, vt = np.linalg.svd(a.T @ b)
    turn = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
    return float(np.linalg.norm(a @ turn - b, axis=1).mean())


@pytest.fixture(scope="module")
def fits():
    """Of eight people in four poses with noise of half a percent of the face: the truth, the pose, and what was found."""
    result = []
    for seed, yaw in enumerate((0.0, 0.2, -0.3, 0.5) * 2):
        identity, expression = a_person(seed)
        pose = a_pose(seed, yaw=yaw)
        seen = observe(load(), identity, expression, pose, noise=1.0, seed=seed, outline=True, detector="fan")
        result.append((identity, pose, fit_landmarks(load(), [seen], FAN, SilentReporter())))
    return result


def test_the_face_comes_nearer_than_the_mean(fits):
    found = np.mean([millimetres(fit.identity, identity) for identity, _, fit in fits])
    mean = np.mean([millimetres(np.zeros_like(identity), identity) for identity, _, _ in fits])
    assert found < 0.8 * mean


def test_pose_and_points_are_found(fits):
    for _, pose, fit in fits:
        turn = fit.photos[0].camera.rotation @ pose.rotation.T
        assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) < 4.0
        assert fit.landmark_error_percent < 0.8
        assert fit.photos[0].points.shape == (68, 2)
        # Nothing was learned of this detector.
        assert fit.calibrated_error_percent == fit.landmark_error_percent


def test_no_row_says_anything_of_depth():
    identity, expression = a_person(0)
    seen = observe(load(), identity, expression, a_pose(), detector="fan")
    problem = PhotoProblem.of(EmbeddedModel.of(load(), "fan"), seen, Deviations())
    coefficients = np.zeros(len(identity) + len(expression))
    pose = problem.first_pose(np.log(1100.0))
    rows = problem.rows(coefficients, pose)
    per_point = rows.residual[: 68 * 3].reshape(68, 3)
    assert np.isfinite(rows.residual).all() and (per_point[:, 2] == 0.0).all() and (per_point[:, :2] != 0.0).any()
    shifted = seen.points.copy()
    shifted[:, 2] += np.random.default_rng(0).normal(size=len(shifted)).astype(np.float32) * 50
    moved = PhotoProblem.of(problem.model, type(seen)(shifted, seen.spread, 640, 480, seen.lens, IBUG), Deviations())
    np.testing.assert_array_equal(moved.rows(coefficients, pose).residual, rows.residual)


@pytest.mark.parametrize("yaw", [-0.7, 0.0, 0.7])
def test_the_first_pose_needs_no_depth(yaw):
    pose = a_pose(1, yaw=yaw)
    identity, expression = a_person(1)
    seen = observe(load(), identity, expression, pose, detector="fan")
    found = PhotoProblem.of(EmbeddedModel.of(load(), "fan"), seen, Deviations()).first_pose(pose.log_focal)
    assert np.degrees(np.arccos((np.trace(found.rotation @ pose.rotation.T) - 1) / 2)) < 12.0
    assert found.log_scale == pytest.approx(pose.log_scale, abs=0.1)


def test_the_jaw_s_ends_slide_along_the_jaw_and_not_across_the_face():
    """Their rows are loose along the line to their only neighbour."""
    seen = observe(load(), *a_person(0), a_pose(0, yaw=0.0), detector="fan")
    problem = PhotoProblem.of(EmbeddedModel.of(load(), "fan"), seen, Deviations())
    for end, neighbour in ((0, 1), (8, 9), (16, 15)):
        along = problem.found[neighbour, :2] - problem.found[end, :2]
        along /= np.linalg.norm(along)
        loose, tight = np.linalg.norm(problem.whitening[end] @ along), np.linalg.norm(problem.whitening[end], 2)
        assert loose < 0.75 * tight, end


def test_the_error_is_told_in_percent_of_the_whole_face(fits):
    """Chin to hairline, as for MediaPipe, though neither end of it is among the 68 points' upper ones."""
    _, _, fit = fits[0]
    photo = fit.photos[0]
    brows_to_chin = np.ptp(photo.points[:, 1])
    height = 100.0 * photo.residuals.mean() / photo.error_percent
    assert 1.08 * brows_to_chin < height < 1.35 * brows_to_chin
