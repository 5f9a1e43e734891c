"""Stage 1's derivatives, its solver, and the recovery of what is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("scipy")

import face_models
from nextgenface.engine.errors import Cancelled, PhotoError
from nextgenface.engine.fit.boxes import boxed_minimum
from nextgenface.engine.fit.contour import find_outline
from nextgenface.engine.fit.landmark_rows import Deviations, EmbeddedModel, PhotoProblem
from nextgenface.engine.fit.pose import initial_pose, project
from nextgenface.engine.fit.robust import huber_loss, huber_weight
from nextgenface.engine.fit.stage1 import fit_landmarks
from nextgenface.engine.reporter import SilentReporter
from nextgenface.engine.settings import Settings
from perfect_detector import HEIGHT, WIDTH, a_pose, observe


def by_differences(function, count, step=1e-5):
    columns = []
    for i in range(count):
        move = np.zeros(count)
        move[i] = step
        columns.append((function(move) - function(-move)) / (2 * step))
    return np.stack(columns, -1)


def test_the_projection_is_the_cameras():
    points = np.random.default_rng(0).normal(size=(9, 3)) * 60
    pose = a_pose()
    camera = pose.camera(WIDTH, HEIGHT)
    np.testing.assert_allclose(
        project(pose, points).pixels + np.array([WIDTH, HEIGHT]) / 2, camera.project(points), atol=1e-9
    )


def test_derivatives_of_the_projection():
    points, pose = np.random.default_rng(0).normal(size=(5, 3)) * 60, a_pose()

    def all_three(at, moved):
        seen = project(at, moved)
        return np.concatenate([seen.pixels, seen.depth[:, None]], 1)

    exact = project(pose, points)
    np.testing.assert_allclose(by_differences(lambda s: all_three(pose.moved(s), points), 7), exact.by_pose, atol=2e-5)
    np.testing.assert_allclose(by_differences(lambda s: all_three(pose, points + s), 3), exact.by_point, atol=2e-5)


@pytest.mark.parametrize("lens", [True, False])
def test_derivatives_of_all_rows(lens):
    """With the outline slid, depth centred and the lens's priors; the loss's gradient is that of the rows."""
    model = face_models.small_model()
    rng = np.random.default_rng(3)
    coefficients, pose = rng.normal(size=8) * 0.5, a_pose(yaw=0.6)
    seen = observe(model, rng.normal(size=6), np.zeros(2), a_pose(1, yaw=0.6), lens=lens)
    problem = PhotoProblem.of(EmbeddedModel.of(model, "mediapipe"), seen, Deviations())
    problem = problem.updated(coefficients, pose)
    assert problem.outline.slid.any()
    rows = problem.rows(coefficients, pose)

    def residual(step):
        return problem.rows(coefficients + step[:8], pose.moved(step[8:])).residual

    exact = np.concatenate([rows.by_coefficients, rows.by_pose], 1)
    np.testing.assert_allclose(by_differences(residual, 15), exact, atol=1e-4 * np.abs(exact).max())

    weighted = problem.reweighted(coefficients, pose)
    rows = weighted.rows(coefficients, pose)
    exact = np.concatenate([rows.by_coefficients, rows.by_pose], 1)
    slope = by_differences(lambda s: weighted.loss(coefficients + s[:8], pose.moved(s[8:])), 15)
    np.testing.assert_allclose(slope, 2 * exact.T @ rows.residual, rtol=1e-4, atol=1e-3)


def test_the_first_pose_is_exact_for_a_far_camera():
    points = np.random.default_rng(0).normal(size=(40, 3)) * 60
    far = a_pose(distance=1e6, focal=1.2e6)
    seen = project(far, points)
    found = initial_pose(points, np.column_stack([seen.pixels, seen.depth]), far.log_focal)
    np.testing.assert_allclose(found.rotation, far.rotation, atol=1e-3)
    np.testing.assert_allclose(found.centre, far.centre, atol=0.1)
    assert found.log_scale == pytest.approx(far.log_scale, abs=1e-3)


def test_outline_points_lie_where_the_surface_turns_away():
    """On an ellipsoid the outline is known: the normal is at right angles to the line of sight."""
    model = face_models.small_model()
    embedded = EmbeddedModel.of(model, "mediapipe")
    pose = a_pose(yaw=0.4)
    region = embedded.region
    anchors = np.einsum("ck,ckx->cx", region.weights, region.mean[region.anchors])
    fixed = project(pose, anchors).pixels
    middle = project(pose, embedded.mean).pixels.mean(0)
    # A detector draws points whose place is hidden outwards, onto the outline.
    outline = find_outline(region, region.mean, pose, middle + 1.2 * (fixed - middle))
    assert 5 <= outline.slid.sum() < len(outline.slid)
    points = embedded.slid(outline)[0][embedded.embedding.contour][outline.slid]
    normals = points / np.array([70.0, 100.0, 80.0]) ** 2
    sight = -pose.rotation.T @ pose.translation - points
    cosine = (normals * sight).sum(1) / np.linalg.norm(normals, axis=1) / np.linalg.norm(sight, axis=1)
    # The mesh is coarse: its facets meet at about 8 degrees.
    assert np.abs(cosine).max() < 0.12


@pytest.mark.parametrize("seed", range(4))
def test_recovery_without_noise(seed):
    """With a known lens and no noise the truth is found up to the pull of the priors."""
    model = face_models.small_model()
    rng = np.random.default_rng(seed)
    identity, expression = rng.normal(size=6), np.array([0.4, 0.0])
    pose = a_pose(seed)
    result = fit_landmarks(model, [observe(model, identity, expression, pose)], Settings(), SilentReporter())
    photo = result.photos[0]
    assert np.abs(result.identity - identity).max() < 0.3
    np.testing.assert_allclose(photo.expression, expression, atol=0.12)
    assert photo.camera.focal_px == pytest.approx(pose.focal, rel=0.01)
    angle = np.degrees(np.arccos((np.trace(photo.camera.rotation @ pose.rotation.T) - 1) / 2))
    assert angle < 1.0
    assert result.landmark_error_percent < 0.4
    assert result.iterations <= 10, "Gauss-Newton converges in a few steps"


def test_noise_is_averaged_out():
    model = face_models.small_model()
    identity = np.random.default_rng(7).normal(size=6)
    seen = observe(model, identity, np.zeros(2), a_pose(), noise=2.0, seed=2)
    result = fit_landmarks(model, [seen], Settings(), SilentReporter())
    assert np.abs(result.identity - identity).max() < 0.6


def test_one_wild_point_does_no_harm():
    model = face_models.small_model()
    identity = np.random.default_rng(8).normal(size=6)
    seen = observe(model, identity, np.zeros(2), a_pose())
    before = fit_landmarks(model, [seen], Settings(), SilentReporter()).identity
    points = seen.points.copy()
    inner = np.flatnonzero(~model.landmarks["mediapipe"].contour)[5]
    points[inner, :2] += [120, -90]
    after = fit_landmarks(model, [replace(seen, points=points)], Settings(), SilentReporter()).identity
    assert np.abs(after - before).max() < 0.15


def test_slid_contour_points_are_understood():
    """From aside, points that the detector put on the outline fit as well as the others."""
    model = face_models.small_model()
    identity = np.random.default_rng(9).normal(size=6) * 0.7
    seen = observe(model, identity, np.zeros(2), a_pose(yaw=0.7), outline=True)
    photo = fit_landmarks(model, [seen], Settings(), SilentReporter()).photos[0]
    contour = model.landmarks["mediapipe"].contour
    assert photo.residuals[contour].mean() < 2.0
    assert photo.error_percent < 0.5


def test_several_photos_share_one_identity():
    """Three photos with three expressions, lenses and poses tell more than one."""
    model = face_models.small_model()
    identity = np.random.default_rng(4).normal(size=6)
    expressions = [np.array(e) for e in ([0.0, 0.0], [0.7, 0.0], [0.0, 0.6])]
    poses = [a_pose(i, yaw=yaw, distance=d) for i, (yaw, d) in enumerate([(-0.5, 700), (0.0, 900), (0.5, 1200)])]
    seen = [
        observe(model, identity, e, p, noise=1.5, seed=i)
        for i, (e, p) in enumerate(zip(expressions, poses, strict=True))
    ]
    alone = fit_landmarks(model, seen[:1], Settings(), SilentReporter())
    together = fit_landmarks(model, seen, Settings(), SilentReporter())
    assert np.linalg.norm(together.identity - identity) < np.linalg.norm(alone.identity - identity)
    for photo, expression, pose in zip(together.photos, expressions, poses, strict=True):
        np.testing.assert_allclose(photo.expression, expression, atol=0.15)
        assert photo.camera.focal_px == pytest.approx(pose.focal, rel=0.02)


def test_an_unknown_lens_stays_near_what_portraits_use():
    model = face_models.small_model()
    seen = observe(model, np.zeros(6), np.zeros(2), a_pose(), lens=False)
    photo = fit_landmarks(model, [seen], Settings(), SilentReporter()).photos[0]
    assert photo.camera.focal_px == pytest.approx(1100.0, rel=0.3)


def test_weights_stay_in_their_box():
    """An expression that only a negative weight would explain is left alone, and one above 1 ends there."""
    model = face_models.small_model()
    seen = observe(model, np.zeros(6), np.array([-1.0, 2.0]), a_pose())
    photo = fit_landmarks(model, [seen], Settings(), SilentReporter()).photos[0]
    assert photo.expression[0] == 0.0 and photo.expression[1] > 0.9
    assert photo.expression.max() <= 1.0
    free = face_models.small_model(blendshapes=False)
    assert fit_landmarks(free, [seen], Settings(), SilentReporter()).photos[0].expression[0] < -0.3


@pytest.mark.parametrize("seed", range(10))
def test_the_box_solver_finds_the_constrained_minimum(seed):
    """Against SciPy's, with some variables free and nearly dependent columns, where active sets like to go in circles."""
    from scipy.optimize import lsq_linear

    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(80, 10)) @ rng.normal(size=(10, 40)) + 0.05 * rng.normal(size=(80, 40))
    target = rng.normal(size=80) * 3
    low, high = -rng.random(40) * 0.3, rng.random(40) * 0.3
    low[:12], high[:12] = -np.inf, np.inf
    low[20:30] = 0.0
    step = boxed_minimum(factor.T @ factor, -factor.T @ target, low, high)
    expected = lsq_linear(factor, target, (low, high), tol=1e-13, method="bvls", max_iter=1000).x
    np.testing.assert_allclose(step, expected, atol=1e-5)
    assert (step >= low).all() and (step <= high).all()


def test_hubers_loss_and_weight_belong_together():
    d = np.linspace(0.01, 6, 50)
    slope = (huber_loss(d + 1e-6, 2.0) - huber_loss(d - 1e-6, 2.0)) / 2e-6
    np.testing.assert_allclose(slope, 2 * d * huber_weight(d, 2.0), rtol=1e-5)


def test_a_cancel_ends_it():
    class Impatient(SilentReporter):
        calls = 0

        def check(self):
            self.calls += 1
            if self.calls == 3:
                raise Cancelled

    reporter = Impatient()
    model = face_models.small_model()
    with pytest.raises(Cancelled):
        fit_landmarks(model, [observe(model, np.ones(6), np.zeros(2), a_pose())], Settings(), reporter)
    assert reporter.calls == 3


def test_no_photo_is_told():
    with pytest.raises(PhotoError):
        fit_landmarks(face_models.small_model(), [], Settings(), SilentReporter())
