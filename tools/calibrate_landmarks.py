"""Learns what MediaPipe's points err by on the bundled head: renders random heads, lets it look at them, and averages.

    python tools/calibrate_landmarks.py [--heads 800]

writes ``engine/faces/data/habits_bundled_mediapipe.npz``. To be run again whenever the bundled head or its embedding changes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from nextgenface.engine.faces.bundled import load
from nextgenface.engine.faces.model import PART_NAMES, FaceModel
from nextgenface.engine.faces.skin_colour import SkinColour
from nextgenface.engine.fit.landmark_rows import Deviations, EmbeddedModel, PhotoProblem
from nextgenface.engine.fit.observations import FaceObservation
from nextgenface.engine.fit.pose import Pose, project, rotation_matrix
from nextgenface.engine.landmarks.choose import choose_detector
from nextgenface.engine.landmarks.habits import DATA, direction_terms, turned
from nextgenface.engine.scene.colour import linear_to_srgb8
from nextgenface.engine.settings import Settings
from numpy.typing import NDArray

Array = NDArray[np.float64]

PICTURE = 448
# The painter's picture is drawn at twice the size and filtered.
FINER = 2
# Degrees, standard deviations: people look into the camera more or less.
YAW_SD, PITCH_SD, ROLL_SD, MOST_YAW = 22.0, 10.0, 6.0, 45.0
IDENTITY_SD = 0.9
IRIS_DEGREES, PUPIL_DEGREES = 29.0, 10.0
SCLERA, IRIS, PUPIL, HAIR = (0.6, 0.55, 0.52), (0.09, 0.05, 0.03), (0.01, 0.01, 0.01), (0.03, 0.02, 0.015)
# Holds back the quadratic terms where few heads look.
RIDGE = 1.0


@dataclass(frozen=True)
class Subject:
    """A random head: its coefficients, its vertices (V, 3) mm, linear albedo (V, 3), and pose."""

    coefficients: Array
    vertices: Array
    albedo: Array
    pose: Pose


def random_subject(model: FaceModel, skin: SkinColour, rng: np.random.Generator) -> Subject:
    """A head drawn from the model, of any skin, with some expression, at a portrait's distance."""
    identity = rng.normal(size=model.identity_count) * IDENTITY_SD
    expression = random_expression(model, rng)
    vertices = model.vertices(identity.astype(np.float32), expression.astype(np.float32)).astype(np.float64)
    pose = random_pose(rng)
    generator = torch.Generator().manual_seed(int(rng.integers(2**30)))
    albedo = skin.albedo(skin.sample(generator)).numpy().astype(np.float64)
    if rng.random() < 0.7:
        scalp = model.regions["scalp"][:, None]
        albedo = albedo * (1 - scalp) + np.array(HAIR) * rng.uniform(0.5, 4) * scalp
    paint_eyes(model, vertices, albedo, pose, rng)
    return Subject(np.concatenate([identity, expression]), vertices, albedo, pose)


def random_expression(model: FaceModel, rng: np.random.Generator) -> Array:
    """(E,) weights: neutral, or up to four units, mostly on both sides."""
    weights = np.zeros(model.expression_count)
    if rng.random() < 0.6:
        weights[rng.choice(len(weights), 4, replace=False)] = 0.6 * rng.random(4)
        if rng.random() < 0.8:
            weights = np.maximum(weights, weights[model.mirror_expression])
    weights[[name == "tongueOut" for name in model.expression_names]] = 0.0
    return weights


def random_pose(rng: np.random.Generator) -> Pose:
    """A head that fills a third to a half of the picture, seen from 0.4 to 4 m."""
    yaw = np.clip(rng.normal(0, YAW_SD), -MOST_YAW, MOST_YAW)
    yaw, pitch, roll = np.deg2rad([yaw, rng.normal(0, PITCH_SD), rng.normal(0, ROLL_SD)])
    axes = np.eye(3)
    rotation = rotation_matrix(roll * axes[2]) @ rotation_matrix(pitch * axes[0]) @ rotation_matrix(yaw * axes[1])
    scale = rng.uniform(0.35, 0.6) * PICTURE / 170
    distance = np.clip(1100 * np.exp(0.45 * rng.normal()), 400, 4000)
    centre = (0.04 * rng.normal(size=2) - np.array([0.0, 0.02])) * PICTURE
    return Pose(rotation, centre, float(np.log(scale)), float(np.log(scale * distance)))


def paint_eyes(model: FaceModel, vertices: Array, albedo: Array, pose: Pose, rng: np.random.Generator) -> None:
    """Irises and pupils on the eyeballs, which look about at the camera."""
    gaze = pose.rotation.T @ np.array([0.0, 0.0, 1.0]) + 0.12 * rng.normal(size=3)
    iris = np.array(IRIS) * rng.uniform(0.5, 3.0)
    for part in ("eye_left", "eye_right"):
        corners = model.quads[model.face_part == PART_NAMES.index(part)]
        ball = np.unique(corners[corners >= 0])
        away = vertices[ball] - (vertices[ball].max(0) + vertices[ball].min(0)) / 2
        cosine = away @ gaze / np.linalg.norm(away, axis=1) / np.linalg.norm(gaze)
        angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))[:, None]
        albedo[ball] = np.where(angle < PUPIL_DEGREES, PUPIL, np.where(angle < IRIS_DEGREES, iris, SCLERA))


def picture(model: FaceModel, subject: Subject, rng: np.random.Generator) -> NDArray[np.uint8]:
    """An 8-bit sRGB picture by the painter's algorithm: one lamp, light from above, gloss, a plain background."""
    pose, triangles = subject.pose, model.triangles
    pixels = (project(pose, subject.vertices).pixels + PICTURE / 2) * FINER
    corners = (subject.vertices @ pose.rotation.T + pose.translation)[triangles]
    facets = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    front = (facets * corners.mean(1)).sum(1) < 0
    colours = linear_to_srgb8(shade(subject, triangles, facets, rng))
    canvas = np.empty((PICTURE * FINER, PICTURE * FINER, 3), np.uint8)
    canvas[:] = rng.integers(20, 230, 3)
    fixed = np.round((pixels[triangles] - 0.5) * 16).astype(np.int32)
    for i in np.argsort(corners[:, :, 2].mean(1)):
        if front[i]:
            cv2.fillConvexPoly(canvas, fixed[i], colours[i].tolist(), cv2.LINE_8, 4)
    smooth = cv2.GaussianBlur(canvas, (0, 0), 0.8 * FINER)
    return np.asarray(cv2.resize(smooth, (PICTURE, PICTURE), interpolation=cv2.INTER_AREA), np.uint8)


def shade(subject: Subject, triangles: NDArray[np.int32], facets: Array, rng: np.random.Generator) -> Array:
    """(T, 3) linear colours of the triangles under a random lamp (Lambert and Blinn)."""
    lamp = rng.normal(size=3) * [0.7, 0.5, 0.3] + [0.0, 0.4, 1.0]
    lamp /= np.linalg.norm(lamp)
    normals = np.zeros_like(subject.vertices)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], facets)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    normal = normals[triangles].mean(1)
    colour = np.exp(0.12 * rng.normal(size=3)) * rng.uniform(0.5, 1.6)
    half = lamp + np.array([0.0, 0.0, 1.0])
    gloss = 0.12 * np.clip(normal @ (half / np.linalg.norm(half)), 0, 1)[:, None] ** 30
    light = np.clip(normal @ lamp, 0, 1)[:, None] * colour + rng.uniform(0.1, 0.8) * (0.6 + 0.4 * normal[:, 1:2])
    return np.asarray(subject.albedo[triangles].mean(1) * light + gloss * colour)


def error_of(
    embedded: EmbeddedModel, subject: Subject, points: NDArray[np.float32], spread: NDArray[np.float32]
) -> tuple[Array, Array]:
    """The head's `direction_terms` and the points' errors (L, 3), upright, in units of the face's height."""
    seen = FaceObservation(points, spread, PICTURE, PICTURE)
    problem = PhotoProblem.of(embedded, seen, Deviations()).updated(subject.coefficients, subject.pose)
    truth = project(subject.pose, problem.points(subject.coefficients))
    error = problem.found - np.column_stack([truth.pixels, truth.depth])
    # The detector's zero of depth is its own.
    error[:, 2] -= error[:, 2].mean()
    roll, terms = direction_terms(subject.pose.rotation)
    return terms, np.column_stack([turned(error[:, :2], -roll), error[:, 2]]) / problem.height


def learn(heads: int) -> tuple[Array, Array]:
    """The terms (n, 6) and errors (n, L, 3) of the heads that MediaPipe found among ``heads`` renders."""
    model, rng = load(), np.random.default_rng(0)
    # The habits that are there now must not be taken off.
    embedded = EmbeddedModel.of(model, "mediapipe", use_habits=False)
    skin, detector = SkinColour(model), choose_detector(Settings())
    found = []
    for number in range(heads):
        subject = random_subject(model, skin, rng)
        faces = detector.detect(picture(model, subject, rng))
        if faces:
            found.append(error_of(embedded, subject, faces[0].points, faces[0].spread))
        if number % 50 == 49:
            print(f"{number + 1} heads, {len(found)} found", flush=True)
    return np.array([terms for terms, _ in found]), np.array([error for _, error in found])


def fit_terms(terms: Array, errors: Array) -> Array:
    """(6, L, 3) ridge regression; twice, the second time without the tenth of the heads that err most (misses)."""
    kept = np.ones(len(terms), bool)
    for _ in range(2):
        normal = terms[kept].T @ terms[kept] + RIDGE * np.diag([0, 1, 1, 1, 1, 1])
        result = np.linalg.solve(normal, terms[kept].T @ errors[kept].reshape(kept.sum(), -1))
        left = np.linalg.norm(errors - (terms @ result).reshape(errors.shape), axis=2).mean(1)
        kept = left < np.quantile(left, 0.9)
    return np.asarray(result.reshape(-1, *errors.shape[1:]))


def main() -> None:
    """Learn, tell how much is explained on heads left out, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=int, default=800)
    terms, errors = learn(parser.parse_args().heads)
    out = np.arange(len(terms)) % 5 == 0
    left = errors[out] - np.tensordot(terms[out], fit_terms(terms[~out], errors[~out]), 1)
    for name, values in (("as they are", errors[out]), ("without the habits", left)):
        print(f"Points {name}: {100 * np.linalg.norm(values[..., :2], axis=2).mean():.2f} % of the face's height off")
    embedded = EmbeddedModel.of(load(), "mediapipe", use_habits=False)
    path = DATA / "habits_bundled_mediapipe.npz"
    values = {"terms": fit_terms(terms, errors), "places": embedded.mean}
    np.savez_compressed(
        path, index=embedded.embedding.index, **{name: value.astype(np.float32) for name, value in values.items()}
    )
    print(f"{path.name}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
