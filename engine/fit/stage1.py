"""Stage 1: identity, expressions, poses and focal lengths from the points found in all photos of one person.

Gauss-Newton on a robust sum of squares (Levenberg-Marquardt damping, iterated weights, contour points found anew in
each step). Blendshape weights stay in their box by an active set. All derivatives are analytic.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..errors import PhotoError
from ..faces.model import FaceModel
from ..reporter import Reporter
from ..scene.camera import Camera
from ..settings import Settings
from .boxes import boxed_minimum
from .landmark_rows import Deviations, EmbeddedModel, PhotoProblem
from .observations import FaceObservation, observe
from .pose import POSE_VARIABLES, Pose, project
from .watch import Watch, nobody

__all__ = ["FaceObservation", "PhotoFit", "Stage1Result", "fit_landmarks", "observe"]

Floats = NDArray[np.float64]

# Standard deviation of an expression weight, and of a weight that has no box.
_EXPRESSION_SD = 0.3
# The descent ends when a step lowers the loss by less than this share.
_ENOUGH = 1e-4
_OUTLINE_STEPS = range(2, 9)
_FEWEST_STEPS = 5
_MOST_DAMPING = 1e6


@dataclass(frozen=True)
class PhotoFit:
    """What stage 1 found in one photo.

    Attributes:
        expression: (E,) weights.
        camera: of the whole photo, in its pixels.
        points: (L, 2) the model's landmarks in the photo, pixels, contour points where they slid to.
        seen: (L, 2) the points that were found, less what the detector errs by (`landmarks.habits`), pixels.
        residuals: (L,) distances between the two, pixels.
        error_percent: their mean in percent of the face's height.
    """

    expression: Floats
    camera: Camera
    points: Floats
    seen: Floats
    residuals: Floats
    error_percent: float


@dataclass(frozen=True)
class Stage1Result:
    """What stage 1 found.

    Attributes:
        identity: (K,) coefficients in standard deviations.
        photos: one for each observation.
        landmark_errors_percent: for each photo the mean distance between the detected points and the model's, in percent
            of the face's height, after the model was laid on the points just as they were detected.
        calibrated_error_percent: mean of `PhotoFit.error_percent`, where the detector's habits are taken into account.
        iterations: Gauss-Newton steps taken.
        seconds: wall-clock time.
    """

    identity: Floats
    photos: list[PhotoFit]
    landmark_errors_percent: list[float]
    calibrated_error_percent: float
    iterations: int
    seconds: float

    @property
    def landmark_error_percent(self) -> float:
        """The mean over the photos."""
        return float(np.mean(self.landmark_errors_percent))


@dataclass(frozen=True)
class _State:
    """All variables: identity (K,), and for every photo its expression (E,) and its pose."""

    identity: Floats
    expressions: tuple[Floats, ...]
    poses: tuple[Pose, ...]

    def coefficients(self, photo: int) -> Floats:
        """(K + E,)."""
        return np.concatenate([self.identity, self.expressions[photo]])

    def moved(self, step: Floats, boxed: bool) -> _State:
        """After a step of all variables; blendshape weights are cut off at their box."""
        k, e = len(self.identity), len(self.expressions[0])
        expressions, poses = [], []
        for i, (expression, pose) in enumerate(zip(self.expressions, self.poses, strict=True)):
            start = k + i * (e + POSE_VARIABLES)
            moved = expression + step[start : start + e]
            expressions.append(np.clip(moved, 0.0, 1.0) if boxed else moved)
            poses.append(pose.moved(step[start + e : start + e + POSE_VARIABLES]))
        return _State(self.identity + step[:k], tuple(expressions), tuple(poses))


@dataclass(frozen=True)
class _Problem:
    """All photos' problems and the priors."""

    photos: tuple[PhotoProblem, ...]
    identity_precision: float
    expression_precision: float
    boxed: bool

    def calibrated(self, state: _State) -> _Problem:
        """With the detector's habits taken into account from the current state on."""
        photos = (photo.calibrated(state.coefficients(i), state.poses[i]) for i, photo in enumerate(self.photos))
        return replace(self, photos=tuple(photos))

    def updated(self, state: _State) -> _Problem:
        """With outlines and the detector's errors of the current state."""
        photos = (photo.updated(state.coefficients(i), state.poses[i]) for i, photo in enumerate(self.photos))
        return replace(self, photos=tuple(photos))

    def reweighted(self, state: _State) -> _Problem:
        """With robust weights of the current state."""
        photos = (photo.reweighted(state.coefficients(i), state.poses[i]) for i, photo in enumerate(self.photos))
        return replace(self, photos=tuple(photos))

    def loss(self, state: _State) -> float:
        """Twice the negative logarithm of the posterior, up to a constant."""
        seen = sum(photo.loss(state.coefficients(i), state.poses[i]) for i, photo in enumerate(self.photos))
        faces = sum(float(expression @ expression) for expression in state.expressions)
        return (
            seen + self.identity_precision * float(state.identity @ state.identity) + self.expression_precision * faces
        )

    def normal_equations(self, state: _State) -> tuple[Floats, Floats]:
        """The Gauss-Newton matrix (n, n) and the gradient (n,), both halved."""
        k, e = len(state.identity), len(state.expressions[0])
        n = k + len(self.photos) * (e + POSE_VARIABLES)
        matrix, gradient = np.zeros((n, n)), np.zeros(n)
        matrix[:k, :k] = self.identity_precision * np.eye(k)
        gradient[:k] = self.identity_precision * state.identity
        for i, photo in enumerate(self.photos):
            rows = photo.rows(state.coefficients(i), state.poses[i])
            jacobian = np.concatenate([rows.by_coefficients, rows.by_pose], 1)
            start = k + i * (e + POSE_VARIABLES)
            place = np.concatenate([np.arange(k), np.arange(start, start + e + POSE_VARIABLES)])
            matrix[np.ix_(place, place)] += jacobian.T @ jacobian
            gradient[place] += jacobian.T @ rows.residual
            own = np.arange(start, start + e)
            matrix[own, own] += self.expression_precision
            gradient[own] += self.expression_precision * state.expressions[i]
        return matrix, gradient


def fit_landmarks(
    model: FaceModel,
    faces: Sequence[FaceObservation],
    settings: Settings,
    reporter: Reporter,
    watch: Watch[tuple[Floats, list[PhotoFit]]] = nobody,
) -> Stage1Result:
    """Identity, and for every photo expression and camera, from the points of one person's photos.

    First the model is laid on the points just as they were detected. From there on the detector's habits are taken into
    account where they are known: the result is the most likely head that the detector would draw like this.
    ``watch`` is offered the identity and the photos after each step.

    Raises:
        PhotoError: there is no photo.
        Cancelled: by the reporter.
    """
    if not faces:
        raise PhotoError("There is no photo to fit.", "Choose at least one.")
    start = time.perf_counter()
    embedded = EmbeddedModel.of(model, settings.landmark_detector)
    problem = _problem(embedded, faces, model, settings, Deviations())
    most = settings.stage1_iterations
    state, problem, steps = _descend(problem, _first_state(embedded, problem), most, reporter, watch)
    errors = [photo.error_percent for photo in _photo_fits(problem, state)]
    if embedded.habits is not None:
        state, problem, more = _descend(problem.calibrated(state), state, most, reporter, watch)
        steps += more
    photos = _photo_fits(problem, state)
    calibrated = float(np.mean([photo.error_percent for photo in photos]))
    return Stage1Result(state.identity, photos, errors, calibrated, steps, time.perf_counter() - start)


def _photo_fits(problem: _Problem, state: _State) -> list[PhotoFit]:
    return [_photo_fit(photo, state, i) for i, photo in enumerate(problem.photos)]


def _problem(
    embedded: EmbeddedModel,
    faces: Sequence[FaceObservation],
    model: FaceModel,
    settings: Settings,
    deviations: Deviations,
) -> _Problem:
    return _Problem(
        photos=tuple(PhotoProblem.of(embedded, face, deviations) for face in faces),
        identity_precision=settings.identity_weight,
        expression_precision=settings.expression_weight / _EXPRESSION_SD**2,
        boxed=model.expression_is_blendshape,
    )


def _first_state(embedded: EmbeddedModel, problem: _Problem) -> _State:
    """The mean face, neutral, laid on each photo's points; focal lengths where the priors have them."""
    k = embedded.identity_count
    count = embedded.basis.shape[2] - k
    poses = []
    for photo in problem.photos:
        rough = photo.first_pose(0.0)
        poses.append(photo.first_pose(_likely_log_focal(photo, rough.log_scale)))
    return _State(np.zeros(k), tuple(np.zeros(count) for _ in poses), tuple(poses))


def _likely_log_focal(photo: PhotoProblem, log_scale: float) -> float:
    """Where the lens's priors alone would have the focal length, for a head of this size in the picture."""
    pose = Pose(np.eye(3), np.zeros(2), log_scale, 0.0)
    residual, by_pose = photo.lens(pose)
    slope = by_pose[:, -1]
    return float(-(slope @ residual) / (slope @ slope))


def _look(problem: _Problem, state: _State) -> tuple[Floats, list[PhotoFit]]:
    return state.identity, _photo_fits(problem, state)


def _descend(
    problem: _Problem, state: _State, most: int, reporter: Reporter, watch: Watch[tuple[Floats, list[PhotoFit]]]
) -> tuple[_State, _Problem, int]:
    """Gauss-Newton steps until the loss stands still or ``most`` are taken."""
    damping = 1e-3
    for step in range(most):
        reporter.check()
        # The first steps find the pose, before which the outline is no use; later it stands still, or it might hop for
        # ever.
        if step in _OUTLINE_STEPS:
            problem = problem.updated(state)
        before = problem.loss(state)
        matrix, gradient = problem.normal_equations(state)
        moved, damping = _damped_step(problem, state, matrix, gradient, before, damping)
        after = problem.loss(moved)
        reporter.progress("stage1", step + 1, most, after)
        state, problem = moved, problem.reweighted(moved)
        watch(partial(_look, problem, state))
        if step >= _FEWEST_STEPS and before - after < _ENOUGH * before:
            return state, problem, step + 1
    return state, problem, most


def _damped_step(
    problem: _Problem, state: _State, matrix: Floats, gradient: Floats, before: float, damping: float
) -> tuple[_State, float]:
    """The first step that lowers the loss, with ever more damping (Marquardt's scaling); the state itself if none does."""
    low, high = _boxes(state, problem.boxed)
    while damping < _MOST_DAMPING:
        step = boxed_minimum(matrix + damping * np.diag(np.diag(matrix)), gradient, low, high)
        moved = state.moved(step, problem.boxed)
        if problem.loss(moved) <= before:
            return moved, max(damping / 10.0, 1e-9)
        damping *= 10.0
    return state, 1.0


def _boxes(state: _State, boxed: bool) -> tuple[Floats, Floats]:
    """(n,) lowest and highest steps: those that keep expression weights in [0, 1] where ``boxed``, else infinite."""
    free = np.full(POSE_VARIABLES, math.inf)
    low = [np.full(len(state.identity), -math.inf)]
    high = [np.full(len(state.identity), math.inf)]
    for expression in state.expressions:
        low += [-expression if boxed else np.full_like(expression, -math.inf), -free]
        high += [1.0 - expression if boxed else np.full_like(expression, math.inf), free]
    return np.concatenate(low), np.concatenate(high)


def _photo_fit(photo: PhotoProblem, state: _State, i: int) -> PhotoFit:
    """The result for one photo."""
    observation, coefficients = photo.observation, state.coefficients(i)
    pixels = project(state.poses[i], photo.points(coefficients)).pixels
    seen = photo.seen(coefficients)[:, :2]
    middle = np.array([observation.width / 2, observation.height / 2])
    residuals = np.linalg.norm(pixels - seen, axis=1)
    return PhotoFit(
        expression=state.expressions[i],
        camera=state.poses[i].camera(observation.width, observation.height),
        points=pixels + middle,
        seen=seen + middle,
        residuals=residuals,
        error_percent=100.0 * float(residuals.mean()) / _face_height(photo, pixels),
    )


def _face_height(photo: PhotoProblem, pixels: Floats) -> float:
    """Pixels from the chin to the top of the forehead in the fitted points; as it was detected where these are missing."""
    index, scheme = photo.model.embedding.index, photo.observation.scheme
    ends = [np.flatnonzero(index == number) for number in (scheme.chin, scheme.forehead_top)]
    if any(len(end) == 0 for end in ends):
        return photo.height
    return float(np.linalg.norm(pixels[ends[0][0]] - pixels[ends[1][0]]))
