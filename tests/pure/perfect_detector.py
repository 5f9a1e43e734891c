"""What a detector without errors would see of a small face model. Needs OpenCV and SciPy, as stage 1 does."""

from __future__ import annotations

import numpy as np
from nextgenface.engine.fit.contour import find_outline
from nextgenface.engine.fit.landmark_rows import EmbeddedModel
from nextgenface.engine.fit.observations import FaceObservation
from nextgenface.engine.fit.pose import Pose, project, rotation_matrix
from nextgenface.engine.landmarks.estimates import whole_face
from nextgenface.engine.photos.exif import Lens

WIDTH, HEIGHT = 640, 480
POINTS = 478


def a_pose(seed=0, *, yaw=0.2, distance=900.0, focal=1100.0):
    rng = np.random.default_rng(seed)
    turn = rotation_matrix(np.array([0.1, yaw, 0.15]) + rng.normal(size=3) * 0.05)
    return Pose(turn, rng.normal(size=2) * 20, float(np.log(focal / distance)), float(np.log(focal)))


def observe(model, identity, expression, pose, *, noise=0.0, seed=0, lens=True, outline=False, detector="mediapipe"):
    """What a perfect detector sees, plus noise in pixels; contour points stay at their anchors or slide."""
    rng = np.random.default_rng(seed)
    embedded = EmbeddedModel.of(model, detector)
    coefficients = np.concatenate([identity, expression])
    points = embedded.mean + embedded.basis @ coefficients
    if outline:
        region = embedded.region
        fixed = project(pose, points).pixels[embedded.embedding.contour]
        found = find_outline(region, region.mean + region.basis @ coefficients, pose, fixed)
        mean, basis = embedded.slid(found)
        points = mean + basis @ coefficients
    seen = project(pose, points)
    count = len(points)
    focal_35mm = pose.focal / (np.hypot(WIDTH, HEIGHT) / np.hypot(36, 24))
    known = Lens(float(focal_35mm), 0.01) if lens else None
    if detector == "fan":
        flat = seen.pixels + [WIDTH / 2, HEIGHT / 2] + rng.normal(size=(count, 2)) * noise
        nothing = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        face = whole_face(flat.astype(np.float32), np.zeros(count, np.float32), nothing)
        return FaceObservation(face.points, face.spread, WIDTH, HEIGHT, known, face.scheme)
    result = np.zeros((POINTS, 3), np.float32)
    result[:count, :2] = seen.pixels + [WIDTH / 2, HEIGHT / 2] + rng.normal(size=(count, 2)) * noise
    result[:count, 2] = seen.depth + rng.normal(size=count) * noise
    result[count:, :2] = result[:count, :2].mean(0)
    return FaceObservation(result, np.zeros(POINTS, np.float32), WIDTH, HEIGHT, known)
