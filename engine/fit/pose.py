"""Head pose, focal length and their derivatives, in terms that Gauss-Newton can tell apart.

A head's size in the picture fixes ``focal / distance`` well and the focal length badly, so these two are the variables:
``log_scale = log(f / d)`` and ``log_focal = log f``, with ``d`` the distance of the head's origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..scene.camera import Camera
from ..scene.orthography import laid_on

Floats = NDArray[np.float64]

POSE_VARIABLES = 7
SCALE, FOCAL = 5, 6


@dataclass(frozen=True)
class Pose:
    """Where a head is before one camera.

    With ``Y = R X`` (mm, camera axes) and ``d = f / s``, about the principal point:
    ``u = (f Y_x + d centre_u) / (d - Y_z)``, ``v = (-f Y_y + d centre_v) / (d - Y_z)``.

    Attributes:
        rotation: (3, 3) head to camera.
        centre: (2,) where the head's origin is seen, pixels about the principal point, y down.
        log_scale: logarithm of pixels per mm at the head's origin.
        log_focal: logarithm of the focal length in pixels.
    """

    rotation: Floats
    centre: Floats
    log_scale: float
    log_focal: float

    @property
    def focal(self) -> float:
        """Pixels."""
        return float(np.exp(self.log_focal))

    @property
    def scale(self) -> float:
        """Pixels per mm at the head's origin."""
        return float(np.exp(self.log_scale))

    @property
    def distance(self) -> float:
        """From the camera's plane to the head's origin, mm."""
        return float(np.exp(self.log_focal - self.log_scale))

    @property
    def translation(self) -> Floats:
        """(3,) the head's origin in the camera's frame, mm."""
        return np.array([self.centre[0] / self.scale, -self.centre[1] / self.scale, -self.distance])

    def moved(self, step: Floats) -> Pose:
        """This pose after a step (7,): rotation vector on the left, centre, log scale, log focal length."""
        return Pose(
            rotation_matrix(step[:3]) @ self.rotation,
            self.centre + step[3:5],
            self.log_scale + float(step[SCALE]),
            self.log_focal + float(step[FOCAL]),
        )

    def camera(self, width: int, height: int) -> Camera:
        """The camera, with the principal point in the middle of a ``width`` x ``height`` picture."""
        return Camera(width, height, self.focal, width / 2, height / 2, self.rotation, self.translation)


@dataclass(frozen=True)
class Projection:
    """Points in a picture and how they move.

    Attributes:
        pixels: (N, 2) about the principal point, y down.
        depth: (N,) pixels behind the head's origin in weak perspective, ``-s Y_z``.
        by_point: (N, 3, 3) derivatives of (u, v, depth) by the point in the head's frame.
        by_pose: (N, 3, 7) derivatives by the step of `Pose.moved`.
    """

    pixels: Floats
    depth: Floats
    by_point: Floats
    by_pose: Floats


def project(pose: Pose, points: Floats) -> Projection:
    """The projection of (N, 3) points of the head's frame (mm), with derivatives."""
    f, d0, s = pose.focal, pose.distance, pose.scale
    turned = points @ pose.rotation.T
    d = d0 - turned[:, 2]
    u, v = ((np.array([f, -f]) * turned[:, :2] + d0 * pose.centre) / d[:, None]).T
    depth = -s * turned[:, 2]
    by_turned = np.zeros((len(points), 3, 3))
    by_turned[:, 0, 0], by_turned[:, 0, 2] = f / d, u / d
    by_turned[:, 1, 1], by_turned[:, 1, 2] = -f / d, v / d
    by_turned[:, 2, 2] = -s
    by_pose = np.zeros((len(points), 3, POSE_VARIABLES))
    # d(w x Y) = -[Y]x w: row by row the cross product of Y with the row's gradient.
    by_pose[:, :, :3] = np.cross(turned[:, None, :], by_turned)
    by_pose[:, 0, 3] = by_pose[:, 1, 4] = d0 / d
    pixels = np.stack([u, v], -1)
    by_pose[:, :2, SCALE] = (pixels - pose.centre) * (d0 / d)[:, None]
    by_pose[:, :2, FOCAL] = pixels * (1.0 - d0 / d)[:, None]
    by_pose[:, 2, SCALE] = depth
    return Projection(pixels, depth, by_turned @ pose.rotation, by_pose)


def rotation_matrix(vector: Floats) -> Floats:
    """(3, 3) rotation about ``vector`` by its length in radians (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross)


def initial_pose(model_points: Floats, seen: Floats, log_focal: float) -> Pose:
    """The pose that lays (N, 3) model points (mm) on detected ones by a similarity of space.

    ``seen`` (N, 3): pixels about the principal point, x to the right, y down, z behind the head's centre. Least squares
    after Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (1991).
    """
    target = seen * np.array([1.0, -1.0, -1.0])
    source_mean, target_mean = model_points.mean(0), target.mean(0)
    source, goal = model_points - source_mean, target - target_mean
    u, values, vt = np.linalg.svd(goal.T @ source)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((values * sign).sum() / (source**2).sum())
    origin = target_mean - scale * rotation @ source_mean
    return Pose(rotation, origin[:2] * np.array([1.0, -1.0]), float(np.log(scale)), log_focal)


def pose_without_depth(model_points: Floats, seen: Floats, log_focal: float) -> Pose:
    """The pose that lays (N, 3) model points (mm) on (N, 2) detected ones, pixels about the principal point, y down."""
    lay = laid_on(model_points, seen)
    return Pose(lay.rotation, lay.origin, float(np.log(lay.scale)), log_focal)
