"""Lower lids: found in a photo beneath the whites, and lowered on a head whose units leave them where they are."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.engine
pytest.importorskip("torch")

import heads  # noqa: E402
from nextgenface.engine.faces.choose import load_model  # noqa: E402
from nextgenface.engine.faces.model import PART_NAMES  # noqa: E402
from nextgenface.engine.fit.eyes import fit_sphere  # noqa: E402
from nextgenface.engine.fit.lids import (  # noqa: E402
    MOST_MM,
    LidEdge,
    expressions_with,
    eyes_open,
    find_lower_lids,
    lids_of,
    lowering_shift,
)
from nextgenface.engine.fit.run import Run, head_data  # noqa: E402
from nextgenface.engine.fit.stage2 import Stage2Result  # noqa: E402
from nextgenface.engine.landmarks.schemes import IBUG, MEDIAPIPE  # noqa: E402
from nextgenface.engine.render.geometry import TracedScene  # noqa: E402
from nextgenface.engine.render.transfer import primary_hits  # noqa: E402
from nextgenface.engine.scene.camera import Camera  # noqa: E402

MODEL = load_model("bundled")
SIZE = 512
WHITE, IRIS, SKIN = (0.55, 0.5, 0.47), (0.06, 0.03, 0.02), (0.35, 0.2, 0.14)
EYES = ("eye_right", "eye_left")


def camera(yaw: float = 0.0, roll: float = 0.0) -> Camera:
    """Of a portrait in which the face is some 330 pixels high."""
    rotation = cv2.Rodrigues(np.array([0.0, 0.0, roll]))[0] @ cv2.Rodrigues(np.array([0.05, yaw, 0.0]))[0]
    return Camera(SIZE, SIZE, 1900.0, SIZE / 2, SIZE / 2, rotation, np.array([0.0, -10.0, -1050.0]))


@cache
def wide(millimetres: float) -> np.ndarray:
    """(V, 3) mm of the mean head with lower lids that lie lower, told by hand and not as the engine does it."""
    vertices = MODEL.mean.astype(np.float64)
    for side in EYES:
        centre, _ = fit_sphere(vertices[_vertices(side)].astype(np.float32))
        away = vertices - centre
        depth = np.clip((-away[:, 1] + 1.0) / 3.0, 0.0, 1.0) * np.exp(-0.5 * ((away[:, 1] + 5.0) / 5.0) ** 2)
        share = depth * np.clip(1.0 - (away[:, 0] / 15.0) ** 2, 0.0, 1.0) * (away[:, 2] > 0.0)
        share[_vertices(side)] = 0.0
        vertices[:, 1] -= millimetres * share
    return vertices.astype(np.float32)


def _vertices(part: str) -> np.ndarray:
    polygons = MODEL.quads[MODEL.face_part == PART_NAMES.index(part)]
    return np.unique(polygons[polygons >= 0])


def parts(vertices: np.ndarray, eye: Camera) -> np.ndarray:
    """(H, W) part of each pixel, -1 for none."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    pixels = np.stack([columns, rows], 2).reshape(-1, 2) + 0.5
    triangle, _ = primary_hits(TracedScene(vertices, MODEL.triangles), eye, pixels)
    return np.where(triangle >= 0, MODEL.face_part[MODEL.triangle_face[triangle]].astype(int), -1).reshape(SIZE, SIZE)


def points(vertices: np.ndarray, eye: Camera, down: float = 0.0, iris_mm: float = 5.8) -> np.ndarray:
    """(478, 2) the landmarks of a head, with irises of a radius ``down`` mm below the middle of the eyeballs."""
    result = np.zeros((MEDIAPIPE.count, 2), np.float32)
    result[MODEL.landmarks["mediapipe"].index] = heads.landmark_pixels(MODEL, vertices, eye)
    for side, iris in zip(EYES, MEDIAPIPE.irises, strict=True):
        centre, radius = fit_sphere(vertices[_vertices(side)])
        result[iris.centre] = eye.project(centre + np.array([0.0, -down, radius]))
        for number, (x, y) in zip(iris.edge, ((1, 0), (0, 1), (-1, 0), (0, -1)), strict=True):
            result[number] = eye.project(centre + np.array([iris_mm * x, iris_mm * y - down, radius]))
    return result


def photo(
    vertices: np.ndarray,
    eye: Camera,
    white: tuple[float, ...] = WHITE,
    shade: float = 0.6,
    down: float = 0.0,
    iris_mm: float = 5.8,
) -> np.ndarray:
    """(H, W, 3): irises on whites, between lids of skin; lower lids are lighter than the skin below them by ``shade``."""
    part, said = parts(vertices, eye), points(vertices, eye, down, iris_mm)
    image = np.broadcast_to(np.array(SKIN, np.float32), (SIZE, SIZE, 3)).copy()
    for side, iris in zip(EYES, MEDIAPIPE.irises, strict=True):
        ball = part == PART_NAMES.index(side)
        below = cv2.dilate(ball.astype(np.uint8), np.ones((45, 9), np.uint8)) > 0
        rim = cv2.dilate(ball.astype(np.uint8), np.ones((7, 3), np.uint8)) > 0
        image[below & ~rim] *= shade
        image[ball] = white
        away = np.hypot(*np.moveaxis(np.mgrid[0:SIZE, 0:SIZE] + 0.5 - said[iris.centre][::-1, None, None], 0, 0))
        image[ball & (away < np.linalg.norm(said[iris.edge[0]] - said[iris.centre]))] = IRIS
    return cv2.GaussianBlur(image, (0, 0), 0.6)


def lowest(vertices: np.ndarray, eye: Camera, side: str) -> np.ndarray:
    """(W,) the row below the last pixel of an eye in each column; nan where it is not seen."""
    ball = parts(vertices, eye) == PART_NAMES.index(side)
    return np.where(ball.any(0), SIZE - ball[::-1].argmax(0), np.nan)


def edges(millimetres: float, eye: Camera, said: np.ndarray | None = None, **look: object) -> dict[str, LidEdge]:
    """What is found of a head with such lids by landmarks that know of none."""
    said = points(MODEL.mean, eye) if said is None else said
    return {edge.side: edge for edge in find_lower_lids(photo(wide(millimetres), eye, **look), said, MEDIAPIPE)}


@pytest.mark.parametrize("yaw", [0.0, 0.35, -0.35])
@pytest.mark.parametrize("shade", [1.0, 0.6], ids=["even skin", "shaded below"])
def test_lids_that_lie_lower_than_the_detector_says_are_found(yaw, shade):
    eye = camera(yaw)
    found = edges(2.0, eye, shade=shade)
    assert set(found) == set(EYES)
    for side, edge in found.items():
        truth = lowest(wide(2.0), eye, side)
        inner = edge.pixels[10:-10]
        off = inner[:, 1] - np.interp(inner[:, 0], np.flatnonzero(np.isfinite(truth)) + 0.5, truth[np.isfinite(truth)])
        before = lowest(MODEL.mean, eye, side)
        assert np.nanmedian(truth - before) > 2.0, "they lie lower"
        assert np.abs(np.median(off)) < 0.9


def test_eyes_without_a_white_tell_nothing():
    assert not edges(2.0, camera(), white=SKIN)
    assert not edges(2.0, camera(), white=(0.05, 0.03, 0.02))


def test_where_the_iris_meets_the_lid_its_edge_is_not_taken_for_the_lid_s():
    """It ends the white higher up; on both sides of it the lid is told as before."""
    eye = camera()
    expected = edges(1.0, eye)
    found = edges(1.0, eye, points(MODEL.mean, eye, 3.0, 7.0), down=3.0, iris_mm=7.0)
    assert set(expected) == set(found) == set(EYES)
    for side, edge in expected.items():
        assert np.abs(found[side].pixels - edge.pixels).max() < 1.5


def test_white_that_ends_at_another_height_in_each_column_is_no_lid():
    eye = camera()
    image = photo(wide(2.0), eye)
    ragged = image.copy()
    for column in range(0, SIZE, 3):
        ragged[:, column : column + 2] = np.roll(image[:, column : column + 2], 9 * (column % 4) - 12, 0)
    assert not find_lower_lids(ragged, points(MODEL.mean, eye), MEDIAPIPE)


def test_the_other_detectors_rings_say_the_same():
    eye = camera()
    said = points(MODEL.mean, eye)
    six = np.zeros((IBUG.count, 2), np.float32)
    for own, other in ((IBUG.right_eye, MEDIAPIPE.right_eye), (IBUG.left_eye, MEDIAPIPE.left_eye)):
        six[list(own)] = said[[other[0], other[13], other[11], other[8], other[5], other[3]]]
    for own, other in zip(IBUG.irises, MEDIAPIPE.irises, strict=True):
        six[[own.centre, *own.edge]] = said[[other.centre, *other.edge]]
    found = {edge.side: edge for edge in find_lower_lids(photo(wide(2.0), eye), six, IBUG)}
    assert set(found) == set(EYES)
    for side, edge in edges(2.0, eye).items():
        assert np.abs(found[side].pixels - edge.pixels)[8:-8].max() < 1.6


@pytest.mark.parametrize("yaw", [0.0, 0.35])
def test_the_head_s_lids_go_where_the_photo_s_are(yaw):
    eye = camera(yaw)
    found = edges(2.0, eye)
    assert set(found) == set(EYES)
    for side, edge in found.items():
        shift = lowering_shift(MODEL, MODEL.mean, eye, edge)
        truth, before, after = (lowest(v, eye, side) for v in (wide(2.0), MODEL.mean, MODEL.mean + shift))
        middle = np.flatnonzero(np.isfinite(truth + before + after))[6:-6]
        assert np.abs((after - truth)[middle]).mean() < 0.4 * np.abs((before - truth)[middle]).mean()
        moved = np.linalg.norm(shift, axis=1)
        assert 1.0 < moved.max() <= MOST_MM + 1e-4
        # The upper lid, the other eye and the balls stay where they are, and no ball comes through the lid.
        other = MODEL.mean[:, 0] * (1.0 if side == "eye_right" else -1.0) > 5.0
        assert moved[other].max() < 1e-3 and not moved[_vertices(side)].any()
        centre, _ = fit_sphere(MODEL.mean[_vertices(side)])
        upper = (MODEL.regions["eyelids"] > 0.5) & (MODEL.mean[:, 1] > centre[1] + 2.5)
        assert moved[upper].max() < 0.25
        lid = moved > 0.5
        distance = [np.linalg.norm(v[lid] - centre, axis=1) for v in (MODEL.mean, MODEL.mean + shift)]
        assert np.abs(distance[1] - distance[0]).max() < 0.35


def test_lids_that_lie_low_enough_stay():
    """The photo's eyes may be narrower: what closes them are expressions."""
    eye = camera()
    found = edges(0.0, eye)
    assert set(found) == set(EYES)
    for edge in found.values():
        assert np.linalg.norm(lowering_shift(MODEL, wide(2.0), eye, edge), axis=1).max() < 0.3


def test_a_model_without_eyeballs_is_left_alone():
    eye = camera()
    blind = replace(
        MODEL, face_part=np.where(np.isin(MODEL.face_part, [PART_NAMES.index(s) for s in EYES]), 0, MODEL.face_part)
    )
    assert not lowering_shift(blind, MODEL.mean, eye, edges(2.0, eye)["eye_left"]).any()


class _Said:
    def __init__(self, **shifts: float) -> None:
        self.shifts = {side: np.full(MODEL.mean.shape, value, np.float32) for side, value in shifts.items()}

    def lowering(self, _: Stage2Result) -> dict[str, np.ndarray]:
        return self.shifts


def test_each_photo_adds_what_it_shows_of_either_eye():
    photos = [_Said(eye_left=1.0, eye_right=4.0), _Said(eye_left=3.0), _Said()]
    lids = lids_of([each.shifts for each in photos])
    assert lids is not None and lids == pytest.approx(2.0 + 4.0)
    assert lids_of([{}, {}]) is None


def test_a_blink_closes_the_eyes_as_before_and_the_head_s_keys_say_what_was_seen():
    lids = np.zeros_like(MODEL.mean)
    lids[:, 1] = -1.5
    lowered = expressions_with(MODEL, lids)
    names = MODEL.expression_names
    for name, sign in (("eyeBlinkLeft", 1.0), ("eyeBlinkRight", -1.0)):
        row, own = names.index(name), sign * MODEL.mean[:, 0] > 0.0
        # At weight 1 every vertex of that side is where the model has it.
        assert np.abs(lids + lowered[row] - MODEL.expression_basis[row])[own].max() < 1e-6
        assert np.array_equal(lowered[row, ~own], MODEL.expression_basis[row, ~own])
    assert np.array_equal(lowered[names.index("jawOpen")], MODEL.expression_basis[names.index("jawOpen")])
    expression = np.zeros(MODEL.expression_count, np.float32)
    expression[names.index("eyeBlinkLeft")] = 0.25
    assert eyes_open(MODEL, expression)[MODEL.mean[:, 0] > 1.0] == pytest.approx(0.75)
    # The photo's head is the file's head with the photo's weights.
    identity = np.zeros(MODEL.identity_count, np.float32)
    bare = Stage2Result(identity, expression, camera(), None, None, MODEL.vertices(identity, expression))
    run = type("Photos", (), {"photos": [_Said(eye_left=-1.5)], "model": MODEL})()
    (second,) = Run._with_lids(run, [bare])
    data = head_data(MODEL, second)
    posed = data.vertices + 0.25 * data.expression_deltas[names.index("eyeBlinkLeft")]
    assert np.abs(posed - second.vertices).max() < 1e-4
