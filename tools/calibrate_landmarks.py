"""Learns what MediaPipe's points err by on the bundled head: renders random heads, lets it look at them, and regresses.

    python tools/calibrate_landmarks.py [--heads 9000]

writes ``engine/faces/data/habits_bundled_mediapipe.npz``. To be run again whenever the bundled head or its embedding changes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from head.embedding import pairs
from nextgenface.engine.faces.bundled import load
from nextgenface.engine.faces.model import PART_NAMES, FaceModel
from nextgenface.engine.faces.skin_colour import SkinColour
from nextgenface.engine.fit.landmark_rows import Deviations, EmbeddedModel, PhotoProblem
from nextgenface.engine.fit.observations import FaceObservation
from nextgenface.engine.fit.pose import Pose, project, rotation_matrix
from nextgenface.engine.landmarks.choose import choose_detector
from nextgenface.engine.landmarks.habits import DATA, pose_terms, turned
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
# Hold back the terms of poses that few heads have, and the gains of coefficients, identity's and expression's, and what turning
# adds to those of the first ones.
TERM_RIDGE, IDENTITY_RIDGE, EXPRESSION_RIDGE, TURNING_RIDGE = 2.0, 200.0, 20.0, 60.0
TURNING_MODES = 30
# The share of heads that count; on the others the detector was misled.
KEPT = 0.9


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


@dataclass(frozen=True)
class Records:
    """What was seen of n heads: terms (n, D) of `pose_terms`, coefficients (n, K + E), and errors (n, L, 3), upright, in units of
    the face's height.
    """

    terms: Array
    coefficients: Array
    errors: Array

    def taken(self, rows: NDArray[np.bool_]) -> Records:
        """Those of ``rows``."""
        return Records(self.terms[rows], self.coefficients[rows], self.errors[rows])

    def design(self) -> Array:
        """(n, D + K + E + 2 M) what the errors are linear in."""
        first = self.coefficients[:, :TURNING_MODES]
        turning = [self.terms[:, i : i + 1] * first for i in (1, 2)]
        return np.concatenate([self.terms, self.coefficients, *turning], 1)

    def with_mirror_images(self, model: FaceModel, places: Array) -> Records:
        """These and what a detector that favours no side would see of the same heads mirrored."""
        sign = np.array([-1.0, 1.0, 1.0])
        flipped = model.identity_basis[:, model.mirror_vertex] * sign
        parity = np.sign((flipped * model.identity_basis).sum((1, 2)))
        identity, expression = np.split(self.coefficients, [model.identity_count], 1)
        # The powers of the part to the right in `pose_terms`.
        odd = np.array([1, -1, 1, 1, 1, -1, -1, 1, 1, -1, 1])
        return Records(
            np.concatenate([self.terms, self.terms * odd]),
            np.concatenate(
                [self.coefficients, np.concatenate([identity * parity, expression[:, model.mirror_expression]], 1)]
            ),
            np.concatenate([self.errors, self.errors[:, pairs(places)] * sign]),
        )


def error_of(
    embedded: EmbeddedModel, subject: Subject, points: NDArray[np.float32], spread: NDArray[np.float32]
) -> tuple[Array, Array]:
    """The head's `pose_terms` and the points' errors (L, 3), upright, in units of the face's height."""
    seen = FaceObservation(points, spread, PICTURE, PICTURE)
    problem = PhotoProblem.of(embedded, seen, Deviations()).updated(subject.coefficients, subject.pose)
    truth = project(subject.pose, problem.points(subject.coefficients))
    error = problem.found - np.column_stack([truth.pixels, truth.depth])
    # The detector's zero of depth is its own.
    error[:, 2] -= error[:, 2].mean()
    roll, terms = pose_terms(subject.pose.rotation, subject.pose.distance)
    return terms, np.column_stack([turned(error[:, :2], -roll), error[:, 2]]) / problem.height


def look(model: FaceModel, embedded: EmbeddedModel, heads: int) -> Records:
    """What MediaPipe says of ``heads`` random renders, where it finds a face."""
    rng = np.random.default_rng(0)
    skin, detector = SkinColour(model), choose_detector(Settings())
    found = []
    for number in range(heads):
        subject = random_subject(model, skin, rng)
        faces = detector.detect(picture(model, subject, rng))
        if faces:
            terms, error = error_of(embedded, subject, faces[0].points, faces[0].spread)
            found.append((terms, subject.coefficients, error.astype(np.float32)))
        if number % 500 == 499:
            print(f"{number + 1} heads, {len(found)} found", flush=True)
    return Records(*(np.array(part) for part in zip(*found, strict=True)))


def learned(seen: Records, identities: int) -> Array:
    """(D + K + E + 2 M, L, 3) ridge regression; twice, the second time without the heads that err most."""
    design, errors = seen.design(), seen.errors.reshape(len(seen.errors), -1)
    count, first = seen.terms.shape[1], seen.coefficients.shape[1]
    ridge = np.full(design.shape[1], TURNING_RIDGE)
    ridge[:count] = TERM_RIDGE
    ridge[0] = 0.0
    ridge[count : count + identities] = IDENTITY_RIDGE
    ridge[count + identities : count + first] = EXPRESSION_RIDGE
    kept = np.ones(len(design), bool)
    for _ in range(2):
        rows = design[kept]
        result = np.linalg.solve(rows.T @ rows + np.diag(ridge), rows.T @ errors[kept])
        left = np.linalg.norm(errors - design @ result, axis=1)
        kept = left < np.quantile(left, KEPT)
    return np.asarray(result.reshape(-1, *seen.errors.shape[1:]))


def tell_what_is_explained(seen: Records, model: FaceModel, places: Array) -> None:
    """Print the median over heads left out of the mean distance between points and their places, before and after."""
    out = np.arange(len(seen.terms)) % 10 == 0
    values = learned(seen.taken(~out).with_mirror_images(model, places), model.identity_count)
    held = seen.taken(out)
    left = held.errors - np.tensordot(held.design(), values, 1)
    for name, errors in (("as they are", held.errors), ("without the habits", left)):
        away = np.linalg.norm(errors[..., :2], axis=2).mean(1)
        print(f"Points {name}: {100 * np.median(away):.2f} % of the face's height off, on the median head")


def main() -> None:
    """Look, tell how much is explained on heads left out, learn from all, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=int, default=9000)
    model = load()
    # The habits that are there now must not be taken off.
    embedded = EmbeddedModel.of(model, "mediapipe", use_habits=False)
    seen = look(model, embedded, parser.parse_args().heads)
    tell_what_is_explained(seen, model, embedded.mean)
    values = learned(seen.with_mirror_images(model, embedded.mean), model.identity_count)
    count = seen.terms.shape[1]
    terms, gains, turning = np.split(values, [count, count + seen.coefficients.shape[1]])
    path = DATA / "habits_bundled_mediapipe.npz"
    np.savez_compressed(
        path,
        index=embedded.embedding.index,
        places=embedded.mean.astype(np.float32),
        terms=terms.astype(np.float32),
        gains=gains.astype(np.float16),
        turning=turning.reshape(2, TURNING_MODES, *turning.shape[1:]).astype(np.float16),
    )
    print(f"{path.name}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
