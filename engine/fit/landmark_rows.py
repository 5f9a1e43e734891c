"""The least-squares rows of one photo's points: where they are seen, how deep they are thought to be, and the lens."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import FaceModelError
from ..faces.model import FaceModel, LandmarkEmbedding
from ..landmarks.habits import Errors, Habits, load_habits
from .contour import ContourRegion, Outline, contour_region, find_outline, opened, stacked_basis
from .observations import FaceObservation
from .pose import FOCAL, SCALE, Pose, initial_pose, pose_without_depth, project
from .robust import huber_loss, huber_weight

Floats = NDArray[np.float64]

_KNEE = 2.0
# Up to so many points are few.
SPARSE = 100


@dataclass(frozen=True)
class Deviations:
    """Standard deviations of what is seen, in units of the face's height, and of what is known of lenses.

    The points of a detector err together, by its habits and not by chance; ``point`` is so large because several
    hundred of them are counted as if each told something of its own. Of few points chance is averaged out less: on
    random heads whose 68 points were moved by 1 %, 0.014 left 1.85 mm where 0.01 left 2.07 and 0.006 left 2.86.

    Attributes:
        point: of a point in the picture.
        sparse_point: the same of a detector with few points.
        placed: of a point that a person placed: to a few pixels, and for what it is.
        along: of a contour point along the outline.
        depth: of a point's depth, which the detector has learned and not seen.
        log_focal, focal_35mm: of an unknown lens: the portrait's usual 35 mm equivalent, and its logarithm's deviation.
        log_distance, distance_mm: the same of the distance, which cropping does not change.
    """

    point: float = 0.01
    sparse_point: float = 0.014
    placed: float = 0.004
    along: float = 0.02
    depth: float = 0.06
    log_focal: float = 0.45
    focal_35mm: float = 65.0
    log_distance: float = 0.45
    distance_mm: float = 1100.0


@dataclass(frozen=True)
class EmbeddedModel:
    """A face model at its landmarks: (L, 3) mm and (L, 3, K + E), identity before expression; and the region of its
    contour.
    """

    mean: Floats
    basis: Floats
    embedding: LandmarkEmbedding
    region: ContourRegion
    identity_count: int
    habits: Habits | None = None

    @classmethod
    def of(cls, model: FaceModel, detector: str, *, use_habits: bool = True) -> EmbeddedModel:
        """The model at the points of ``detector``, with what is known of its habits.

        Raises:
            FaceModelError: the model does not tell where that detector's points lie.
        """
        if detector not in model.landmarks:
            raise FaceModelError(
                f"The face model '{model.name}' does not know the points of '{detector}'.",
                f"Choose as landmark detector one of: {', '.join(sorted(model.landmarks))}.",
            )
        embedding = model.landmarks[detector]
        corners = model.triangles[embedding.triangle]
        weights = embedding.barycentric.astype(np.float64)
        vertices, place = np.unique(corners, return_inverse=True)
        place = place.reshape(corners.shape)
        basis = stacked_basis(model, vertices)
        mean = np.einsum("lc,lcx->lx", weights, model.mean[corners].astype(np.float64))
        habits = load_habits(model.name, detector) if use_habits else None
        return cls(
            mean=mean,
            basis=sum(weights[:, c, None, None] * basis[place[:, c]] for c in range(3)),
            embedding=embedding,
            region=contour_region(model, embedding),
            identity_count=model.identity_count,
            habits=habits if habits is not None and habits.suit(embedding.index, mean) else None,
        )

    def slid(self, outline: Outline) -> tuple[Floats, Floats]:
        """Mean and basis of the points, those of the contour where ``outline`` has put them."""
        rows = np.flatnonzero(self.embedding.contour)[outline.slid]
        if len(rows) == 0:
            return self.mean, self.basis
        first, second = outline.ends[outline.slid].T
        part = outline.part[outline.slid]
        mean, basis = self.mean.copy(), self.basis.copy()
        mean[rows] = (1 - part)[:, None] * self.region.mean[first] + part[:, None] * self.region.mean[second]
        part = part[:, None, None]
        basis[rows] = (1 - part) * self.region.basis[first] + part * self.region.basis[second]
        return mean, basis


@dataclass(frozen=True)
class Rows:
    """Whitened residuals (m,) and their derivatives by all coefficients (m, K + E) and by the pose (m, 7)."""

    residual: Floats
    by_coefficients: Floats
    by_pose: Floats


@dataclass(frozen=True)
class PhotoProblem:
    """One photo's rows, with the outline, the detector's errors and the robust weights as they were found last.

    Attributes:
        model: at its landmarks.
        observation: the photo.
        deviations: how much to believe.
        found: (L, 3) what the detector said: pixels about the picture's middle, and depth.
        whitening: (L, 2, 2) square root of each point's information.
        depth_weight: (L,) of each point's depth.
        height: the face's, pixels.
        outline: where contour points lie.
        robust: (L,) weights of IRLS.
        sureness: (L,) 1 where a person placed the point, 0 where it was detected. With it a point gets tighter, its depth
            is believed less, robust weights do not let go of it, and the detector's habits do not apply.
        use_habits: whether what is known of the detector is taken into account, or its points are taken as they are.
        errors: what it errs by in the pose of the last update.
    """

    model: EmbeddedModel
    observation: FaceObservation
    deviations: Deviations
    found: Floats
    whitening: Floats
    depth_weight: Floats
    height: float
    outline: Outline
    robust: Floats
    sureness: Floats
    use_habits: bool = False
    errors: Errors | None = None

    @classmethod
    def of(cls, model: EmbeddedModel, observation: FaceObservation, deviations: Deviations) -> PhotoProblem:
        """The problem before any pose is known: contour points at their anchors, the detector's points as they are."""
        embedding = model.embedding
        middle = np.array([observation.width / 2, observation.height / 2, 0.0])
        points = observation.points.astype(np.float64)
        found = points[embedding.index] - middle
        scheme = observation.scheme
        height = float(np.linalg.norm(points[scheme.forehead_top, :2] - points[scheme.chin, :2]))
        height = max(height, 0.7 * float(np.max(np.ptp(points[:, :2], axis=0))))
        point = deviations.point if scheme.seen > SPARSE else deviations.sparse_point
        detected = height * np.hypot(point, 2.0 * observation.spread[embedding.index] / height)
        sure = _sureness(observation, embedding.index)
        sd = detected ** (1.0 - sure) * (deviations.placed * height) ** sure
        count = int(embedding.contour.sum())
        return cls(
            model=model,
            observation=observation,
            deviations=deviations,
            found=found,
            whitening=_whitening(found[:, :2], sd, embedding.contour, deviations.along * height, scheme.closed_contour),
            depth_weight=(1.0 - sure) * _depth_weight(embedding.contour, deviations.depth * height, scheme.has_depth),
            height=height,
            outline=Outline(np.zeros(count, bool), np.zeros((count, 2), np.int64), np.zeros(count)),
            robust=np.ones(len(found)),
            sureness=sure,
        )

    def first_pose(self, log_focal: float) -> Pose:
        """The mean face laid on the points that were found, seen with the focal length ``exp(log_focal)`` pixels."""
        if self.observation.scheme.has_depth:
            return initial_pose(self.model.mean, self.found, log_focal)
        fixed = ~self.model.embedding.contour
        return pose_without_depth(self.model.mean[fixed], self.found[fixed, :2], log_focal)

    def calibrated(self, coefficients: Floats, pose: Pose) -> PhotoProblem:
        """The same problem from where the pose is known: with the detector's habits and the outline in this pose."""
        return replace(self, use_habits=True).updated(coefficients, pose)

    def updated(self, coefficients: Floats, pose: Pose) -> PhotoProblem:
        """The same problem with the outline and the detector's errors for the current shape and pose."""
        region, habits = self.model.region, self.model.habits
        problem = self
        if self.use_habits and habits is not None:
            errors = habits.errors(pose.rotation, pose.distance, self.height)
            problem = replace(self, errors=errors.of_shares(1.0 - self.sureness))
        seen = problem.seen(coefficients)[self.model.embedding.contour, :2]
        shape = region.mean + region.basis @ coefficients
        return replace(problem, outline=find_outline(region, shape, pose, seen))

    def reweighted(self, coefficients: Floats, pose: Pose) -> PhotoProblem:
        """The same problem with the robust weights of the current shape and pose."""
        weight = huber_weight(self.distances(coefficients, pose), _KNEE)
        return replace(self, robust=weight + self.sureness * (1.0 - weight))

    def points(self, coefficients: Floats) -> Floats:
        """(L, 3) the points on the head, mm."""
        mean, basis = self.model.slid(self.outline)
        return np.asarray(mean + basis @ coefficients)

    def seen(self, coefficients: Floats) -> Floats:
        """(L, 3) what the detector said without what it errs by: pixels about the picture's middle, and depth."""
        if self.errors is None:
            return self.found
        return np.asarray(self.found - self.errors.mean - self.errors.by_coefficients @ coefficients)

    def distances(self, coefficients: Floats, pose: Pose) -> Floats:
        """(L,) distances in the picture between fitted and observed points, in standard deviations."""
        gap = project(pose, self.points(coefficients)).pixels - self.seen(coefficients)[:, :2]
        return np.asarray(np.linalg.norm(np.einsum("lij,lj->li", self.whitening, gap), axis=1))

    def rows(self, coefficients: Floats, pose: Pose) -> Rows:
        """All rows at a shape and a pose."""
        mean, basis = self.model.slid(self.outline)
        projection = project(pose, mean + basis @ coefficients)
        weight = self._weights()
        gap = np.concatenate([projection.pixels, projection.depth[:, None]], 1) - self.seen(coefficients)
        moves = projection.by_point @ basis
        if self.errors is not None:
            moves = moves + self.errors.by_coefficients
        by_coefficients = weight @ moves
        by_pose = weight @ projection.by_pose
        residual = np.einsum("lij,lj->li", weight, gap)
        for part in (residual, by_coefficients, by_pose):
            part[:, 2] = self._centred(part[:, 2])
        lens, lens_by_pose = self.lens(pose)
        count = moves.shape[2]
        return Rows(
            np.concatenate([residual.ravel(), lens]),
            np.concatenate([by_coefficients.reshape(-1, count), np.zeros((len(lens), count))]),
            np.concatenate([by_pose.reshape(-1, 7), lens_by_pose]),
        )

    def loss(self, coefficients: Floats, pose: Pose) -> float:
        """The sum of squares that `rows` is the linear model of, with Huber's loss for the points."""
        projection = project(pose, self.points(coefficients))
        depth = self._centred(self.depth_weight * (projection.depth - self.seen(coefficients)[:, 2]))
        lens, _ = self.lens(pose)
        distances = self.distances(coefficients, pose)
        points = huber_loss(distances, _KNEE)
        points = points + self.sureness * (distances**2 - points)
        return float(points.sum() + depth @ depth + lens @ lens)

    def _weights(self) -> Floats:
        """(L, 3, 3) square roots of the information of each point and its depth."""
        weight = np.zeros((len(self.found), 3, 3))
        weight[:, :2, :2] = np.sqrt(self.robust)[:, None, None] * self.whitening
        weight[:, 2, 2] = self.depth_weight
        return weight

    def _centred(self, rows: Floats) -> Floats:
        """Whitened depth rows (L, ...) less their common offset: the detector's zero of depth is its own."""
        weight = self.depth_weight
        if not weight.any():
            return rows
        return np.asarray(rows - np.multiply.outer(weight, weight @ rows / (weight @ weight)))

    def lens(self, pose: Pose) -> tuple[Floats, Floats]:
        """Residuals (n,) of what is known of the lens, and their derivatives (n, 7) by the pose.

        Where the focal length is known, that alone; else a portrait's usual focal length and usual distance together.
        """
        known, loose = self.observation.lens, self.deviations
        unit = math.log(self.observation.pixels_per_35mm)
        if known is not None:
            by_pose = np.zeros((1, 7))
            by_pose[0, FOCAL] = 1.0 / known.log_sd
            return np.array([(pose.log_focal - unit - math.log(known.focal_35mm)) / known.log_sd]), by_pose
        focal = (pose.log_focal - unit - math.log(loose.focal_35mm)) / loose.log_focal
        distance = (pose.log_focal - pose.log_scale - math.log(loose.distance_mm)) / loose.log_distance
        by_pose = np.zeros((2, 7))
        by_pose[0, FOCAL] = 1.0 / loose.log_focal
        by_pose[1, FOCAL], by_pose[1, SCALE] = 1.0 / loose.log_distance, -1.0 / loose.log_distance
        return np.array([focal, distance]), by_pose


def _sureness(observation: FaceObservation, index: NDArray[np.int32]) -> Floats:
    """(L,) of the model's points."""
    if observation.sureness is None:
        return np.zeros(len(index))
    return observation.sureness[index].astype(np.float64)


def _depth_weight(contour: NDArray[np.bool_], sd: float, has_depth: bool) -> Floats:
    """(L,) one over the standard deviation ``sd`` of each point's depth, half of it on the contour; 0 where none is told."""
    return np.where(contour, 0.5, 1.0) / sd if has_depth else np.zeros(len(contour))


def _whitening(seen: Floats, sd: Floats, contour: NDArray[np.bool_], along: float, closed: bool = True) -> Floats:
    """(L, 2, 2): points of the contour are held across the outline and may slide along it.

    The outline's direction at a point is that to the nearest other contour points on both sides, by the angle about the
    middle; the two ends of a contour that is not ``closed`` have one neighbour each.
    """
    whitening = np.eye(2) / sd[:, None, None]
    rows = np.flatnonzero(contour)
    if len(rows) < 3:
        return whitening
    around = seen[rows] - seen.mean(0)
    order = rows[np.argsort(np.arctan2(around[:, 1], around[:, 0]))]
    after, before = np.roll(order, -1), np.roll(order, 1)
    if not closed:
        order, after, before = opened(seen - seen.mean(0), order)
    tangent = seen[after] - seen[before]
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    outer = tangent[:, :, None] * tangent[:, None, :]
    across = 1.0 / sd[order, None, None]
    whitening[order] = across * (np.eye(2) - outer) + outer / np.hypot(along, sd[order, None, None])
    return whitening
