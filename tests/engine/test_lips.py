"""Lips that a photo shows closed: found in it, and closed on a head whose modes leave them ajar."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.engine
pytest.importorskip("torch")

import heads  # noqa: E402
from nextgenface.engine.faces.choose import load_model  # noqa: E402
from nextgenface.engine.faces.model import PART_NAMES  # noqa: E402
from nextgenface.engine.fit import prepare  # noqa: E402
from nextgenface.engine.fit.lips import closing_shift  # noqa: E402
from nextgenface.engine.fit.prepare import mask_with  # noqa: E402
from nextgenface.engine.fit.run import Run  # noqa: E402
from nextgenface.engine.fit.seam import Seam, find_seam  # noqa: E402
from nextgenface.engine.fit.stage2 import Stage2Result  # noqa: E402
from nextgenface.engine.landmarks import ibug  # noqa: E402
from nextgenface.engine.landmarks.detector import DetectedFace  # noqa: E402
from nextgenface.engine.landmarks.schemes import IBUG, MEDIAPIPE  # noqa: E402
from nextgenface.engine.render.geometry import TracedScene  # noqa: E402
from nextgenface.engine.render.transfer import primary_hits  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.scene.camera import Camera  # noqa: E402
from nextgenface.engine.scene.colour import linear_to_srgb8  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

MODEL = load_model("bundled")
SIZE = 512
SKIN, LIP = np.array([0.35, 0.2, 0.14], np.float32), np.array([0.3, 0.13, 0.1], np.float32)
HOLLOW, TEETH = np.array([0.012, 0.006, 0.005], np.float32), np.array([0.38, 0.34, 0.28], np.float32)
INSIDE = [PART_NAMES.index(name) for name in ("mouth", "teeth_upper", "teeth_lower", "tongue")]
STILL = [PART_NAMES.index(name) for name in ("teeth_upper", "teeth_lower", "tongue", "eye_left", "eye_right")]


@cache
def face(**weights: float) -> np.ndarray:
    """(V, 3) mm of the mean head with an expression."""
    expression = np.zeros(MODEL.expression_count, np.float32)
    for name, weight in weights.items():
        expression[MODEL.expression_names.index(name)] = weight
    return MODEL.vertices(None, expression)


def camera(yaw: float = 0.0, roll: float = 0.0) -> Camera:
    """A portrait's: the face is 300 pixels high."""
    rotation = cv2.Rodrigues(np.array([0.0, 0.0, roll]))[0] @ cv2.Rodrigues(np.array([0.05, yaw, 0.0]))[0]
    return Camera(SIZE, SIZE, 1750.0, SIZE / 2, SIZE / 2, rotation, np.array([0.0, 10.0, -1050.0]))


def parts(vertices: np.ndarray, eye: Camera) -> np.ndarray:
    """(H, W) part of each pixel, -1 for none."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    triangle, _ = primary_hits(
        TracedScene(vertices, MODEL.triangles), eye, np.stack([columns, rows], 2).reshape(-1, 2) + 0.5
    )
    return np.where(triangle >= 0, MODEL.face_part[MODEL.triangle_face[triangle]].astype(int), -1).reshape(SIZE, SIZE)


def opening(vertices: np.ndarray, eye: Camera) -> int:
    """Pixels that show the mouth's inside."""
    return int(np.isin(parts(vertices, eye), INSIDE).sum())


def photo(vertices: np.ndarray, eye: Camera, teeth: np.ndarray = TEETH) -> np.ndarray:
    """(H, W, 3) flat colours, and a line of shadow where closed lips meet."""
    part = parts(vertices, eye)
    image = np.broadcast_to(SKIN, (SIZE, SIZE, 3)).copy()
    ring = np.round(points(vertices, eye)[list(MEDIAPIPE.inner_lips), :2]).astype(np.int32)
    lips = cv2.dilate(cv2.fillPoly(np.zeros((SIZE, SIZE), np.uint8), [ring], 1), np.ones((21, 5), np.uint8))
    image[lips > 0] = LIP
    line = cv2.polylines(np.zeros((SIZE, SIZE), np.uint8), [middle_line(vertices, eye)], False, 1, 1)
    image[line > 0] = HOLLOW
    image[np.isin(part, [PART_NAMES.index("mouth"), PART_NAMES.index("tongue")])] = HOLLOW
    image[np.isin(part, [PART_NAMES.index("teeth_upper"), PART_NAMES.index("teeth_lower")])] = teeth
    return cv2.GaussianBlur(image, (0, 0), 0.6)


def points(vertices: np.ndarray, eye: Camera) -> np.ndarray:
    """(478, 2) the true landmarks' pixels; those that the model has no place for are 0."""
    result = np.zeros((MEDIAPIPE.count, 2), np.float32)
    result[MODEL.landmarks["mediapipe"].index] = heads.landmark_pixels(MODEL, vertices, eye)
    return result


def between_lips(vertices: np.ndarray, eye: Camera) -> np.ndarray:
    """(11, 2) pixels half way between the inner edges of both lips, from corner to corner."""
    ring = points(vertices, eye)[list(MEDIAPIPE.inner_lips)]
    lower, upper = ring[1:10], ring[:10:-1]
    return np.concatenate([ring[:1], 0.5 * (lower + upper), ring[10:11]])


def middle_line(vertices: np.ndarray, eye: Camera) -> np.ndarray:
    """(11, 2) int32 pixels of the same, as lines are drawn."""
    return np.round(between_lips(vertices, eye) - 0.5).astype(np.int32)


def seam_of(vertices: np.ndarray, eye: Camera, said: np.ndarray | None = None) -> Seam | None:
    """What is found in a photo of that head, with ``said`` instead of the true landmarks."""
    said = points(vertices, eye) if said is None else said
    return find_seam(photo(vertices, eye), said, MEDIAPIPE, 300.0)


def ajar(said: np.ndarray, gap: float) -> np.ndarray:
    """The landmarks with the lips' inner edges ``gap`` pixels apart, and a pixel too low."""
    result = said.copy()
    for numbers, sign in ((MEDIAPIPE.inner_lips[1:10], 1.0), (MEDIAPIPE.inner_lips[:10:-1], -1.0)):
        result[list(numbers), 1] += 1.0 + 0.5 * sign * gap
    return result


def pinched(said: np.ndarray) -> np.ndarray:
    """The landmarks with the lips' inner edges on one line."""
    result = said.copy()
    lower, upper = list(MEDIAPIPE.inner_lips[1:10]), list(MEDIAPIPE.inner_lips[:10:-1])
    result[lower] = result[upper] = 0.5 * (said[lower] + said[upper])
    return result


@pytest.mark.parametrize(("yaw", "roll"), [(0.0, 0.0), (0.5, 0.0), (-0.3, 0.4)])
def test_closed_lips_are_found_where_they_meet_though_the_detector_sees_them_ajar(yaw, roll):
    eye = camera(yaw, roll)
    seam = seam_of(face(), eye, ajar(points(face(), eye), 2.0))
    assert seam is not None
    along = np.array([seam.down[1], -seam.down[0]])
    truth = middle_line(face(), eye) + 0.5
    expected = np.interp(seam.pixels[8:-8] @ along, truth @ along, truth @ seam.down)
    assert np.abs(seam.pixels[8:-8] @ seam.down - expected).max() < 1.2
    upright = camera().rotation.T @ [0.0, 1.0, 0.0]
    chinwards = np.diff(eye.project(np.stack([upright, -upright])), axis=0)[0]
    assert seam.down @ chinwards > 0.95 * np.linalg.norm(chinwards)


@pytest.mark.parametrize(
    "weights",
    [
        {"jawOpen": 0.12},
        {"jawOpen": 0.4},
        {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6, "jawOpen": 0.15},
        {"mouthLowerDownLeft": 0.4, "mouthLowerDownRight": 0.4},
    ],
    ids=["little", "wide", "smile", "lower teeth"],
)
def test_an_open_mouth_is_not_closed(weights):
    vertices, eye = face(**weights), camera()
    assert opening(vertices, eye) > 100, "the mouth is open"
    assert seam_of(vertices, eye) is None


@pytest.mark.parametrize("teeth", [TEETH, HOLLOW], ids=["teeth", "hollow"])
@pytest.mark.parametrize("open_by", [0.09, 0.1])
def test_a_mouth_that_the_detector_sees_closed_is_not_closed_if_teeth_or_a_hollow_are_seen(open_by, teeth):
    vertices, eye = face(jawOpen=open_by), camera()
    said = pinched(points(vertices, eye))
    assert find_seam(photo(vertices, eye, teeth), said, MEDIAPIPE, 300.0) is None
    assert find_seam(photo(face(), eye, teeth), pinched(points(face(), eye)), MEDIAPIPE, 300.0) is not None


def test_a_mouth_that_the_detector_sees_wide_open_is_believed():
    eye = camera()
    assert seam_of(face(), eye, ajar(points(face(), eye), 9.0)) is None


def test_the_other_detectors_ring_says_the_same():
    """Its inner lips run the other way round."""
    eye = camera()
    said = np.zeros((ibug.COUNT, 2), np.float32)
    ring = points(face(), eye)[list(MEDIAPIPE.inner_lips)]
    said[list(IBUG.inner_lips)] = ring[[0, 18, 15, 12, 10, 8, 5, 2]]
    seam, other = seam_of(face(), eye), find_seam(photo(face(), eye), said, IBUG, 300.0)
    assert seam is not None and other is not None
    assert np.abs(seam.pixels - other.pixels).max() < 0.8


@pytest.mark.parametrize("yaw", [0.0, 0.5])
@pytest.mark.parametrize("weights", [{"jawOpen": 0.08}, {"mouthFunnel": 0.25}], ids=["jaw", "funnel"])
def test_lips_that_are_ajar_meet_where_the_photo_s_do(yaw, weights):
    eye, vertices = camera(yaw), face(**weights)
    seam = seam_of(face(), eye)
    assert seam is not None
    meeting = np.interp(seam.pixels[:, 0], *between_lips(vertices, eye).T)
    seam = replace(seam, pixels=np.column_stack([seam.pixels[:, 0], meeting]))
    shift = closing_shift(MODEL, vertices, eye, seam)
    before, after = opening(vertices, eye), opening(vertices + shift, eye)
    assert before > 60 and after < 0.1 * before
    # No farther than the lips were apart, and nothing but them: the teeth stay, and so do the nose and the chin.
    moved = np.linalg.norm(shift, axis=1)
    assert 0.3 < moved.max() < 3.5
    still = np.unique(MODEL.triangles[np.isin(MODEL.face_part[MODEL.triangle_face], STILL)])
    assert not moved[still].any()
    lips = MODEL.regions["lips"] > 0.5
    far = np.linalg.norm(vertices[:, None, 1:] - vertices[lips][None, ::8, 1:], axis=2).min(1) > 12.0
    assert moved[far].max() < 0.15
    # Upper ones go down and lower ones up; of a turned mouth, whose line in the picture is not where its lips' rings are, most.
    jaw = np.linalg.norm(MODEL.expression_basis[MODEL.expression_names.index("jawOpen")], axis=1)
    down = -(shift @ eye.rotation.T)[:, 1]
    upper, lower = down[(jaw < 0.1 * jaw.max()) & lips], down[(jaw > 0.8 * jaw[lips].max()) & lips]
    if yaw == 0.0:
        assert upper.min() > -0.05 and lower.max() < 0.05
    assert upper.mean() > 0.3 and lower.mean() < -0.2


def meeting_line(vertices: np.ndarray, eye: Camera) -> np.ndarray:
    """(W,) the row at which each column of the picture goes from the upper lip to the lower one; nan off the mouth."""
    jaw = np.linalg.norm(MODEL.expression_basis[MODEL.expression_names.index("jawOpen")], axis=1)
    lips = MODEL.regions["lips"]
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    pixels = np.stack([columns, rows], 2).reshape(-1, 2) + 0.5
    triangle, weights = primary_hits(TracedScene(vertices, MODEL.triangles), eye, pixels)
    corners = MODEL.triangles[triangle]
    lower, lip = (
        (values[corners] * weights).sum(1).reshape(SIZE, SIZE) for values in (jaw / jaw[lips > 0.5].max(), lips)
    )
    meets = (lower[:-1] <= 0.3) & (lower[1:] > 0.3) & (lip[1:] > 0.3) & (triangle.reshape(SIZE, SIZE)[1:] >= 0)
    return np.where(meets.any(0), meets.argmax(0) + 1.0, np.nan)


@pytest.mark.parametrize("weights", [{}, {"jawOpen": 0.05}, {"mouthClose": 0.15}], ids=["shut", "ajar", "pressed"])
@pytest.mark.parametrize("off", [-4.0, 4.0])
def test_the_model_s_lips_are_laid_where_the_photo_s_meet(weights, off):
    """4 pixels are 2.4 mm."""
    eye, vertices = camera(), face(**weights)
    seam = seam_of(face(), eye)
    assert seam is not None
    inner = slice(10, -10)
    columns, rows = np.arange(SIZE) + 0.5, seam.pixels[inner, 1]
    before = np.interp(seam.pixels[inner, 0], columns, meeting_line(vertices, eye))
    asked = replace(seam, pixels=seam.pixels + (np.nanmedian(before - rows) + off) * seam.down)
    shift = closing_shift(MODEL, vertices, eye, asked)
    assert opening(vertices + shift, eye) < 0.15 * opening(vertices, eye) + 20
    after = np.interp(asked.pixels[inner, 0], columns, meeting_line(vertices + shift, eye))
    assert np.nanmedian(np.abs(after - asked.pixels[inner, 1])) < 1.0
    # The chin and the nose stay.
    lips = MODEL.regions["lips"] > 0.5
    far = np.linalg.norm(vertices[:, None, 1:] - vertices[lips][None, ::8, 1:], axis=2).min(1) > 12.0
    assert np.linalg.norm(shift[far], axis=1).max() < 0.15


def test_a_line_that_the_photo_does_not_show_moves_nothing():
    eye, vertices = camera(), face(mouthClose=0.15)
    seam = seam_of(face(), eye)
    assert seam is not None
    unseen = replace(seam, pixels=seam.pixels + 4.0 * seam.down, sure=np.zeros(len(seam.sure)))
    assert opening(vertices, eye) == 0
    assert np.abs(closing_shift(MODEL, vertices, eye, unseen)).max() < 1e-6
    half = replace(unseen, sure=np.where(np.arange(len(seam.sure)) < len(seam.sure) // 2, seam.sure, 0.0))
    moved = np.abs(closing_shift(MODEL, vertices, eye, half)[:, 1])
    assert moved.max() > 1.0


def test_lips_that_meet_where_the_photo_s_do_stay_there():
    eye = camera()
    seam = seam_of(face(), eye)
    assert seam is not None
    once = closing_shift(MODEL, face(), eye, seam)
    again = closing_shift(MODEL, face() + once, eye, seam)
    lips = MODEL.regions["lips"] > 0.5
    assert np.abs(again[lips]).mean() < 0.3 * np.abs(once[lips]).mean()


def test_a_model_of_which_nobody_knows_the_jaw_is_left_alone():
    eye, vertices = camera(), face(jawOpen=0.08)
    seam = seam_of(face(), eye)
    assert seam is not None
    nameless = replace(MODEL, expression_names=tuple(str(i) for i in range(MODEL.expression_count)))
    assert not closing_shift(nameless, vertices, eye, seam).any()


class _Detector:
    """Finds one face with given points."""

    def __init__(self, said: np.ndarray) -> None:
        said = np.where(said == 0.0, said[said[:, 0] > 0.0].mean(0), said)
        self.face = DetectedFace(np.pad(said, ((0, 0), (0, 1))).astype(np.float32), np.ones(len(said), np.float32))

    def detect(self, _: np.ndarray) -> list[DetectedFace]:
        return [self.face]


@pytest.mark.parametrize(("weights", "closed"), [({}, True), ({"jawOpen": 0.3}, False)], ids=["closed", "open"])
@pytest.mark.parametrize("texture_size", [512, 1024])
def test_what_lies_between_the_detected_lips_is_skin_where_they_are_closed(
    weights, closed, texture_size, tmp_path, monkeypatch
):
    """Full lips are detected ajar: the maps would lack what shows there, and go on from what is beside it."""
    vertices, eye = face(**weights), camera()
    said = points(vertices, eye) if not closed else ajar(points(vertices, eye), 3.0)
    path = tmp_path / "photo.png"
    assert cv2.imwrite(str(path), linear_to_srgb8(photo(vertices, eye))[:, :, ::-1])
    monkeypatch.setattr(prepare, "choose_detector", lambda *_: _Detector(said))
    monkeypatch.setattr(prepare, "person_mask", lambda _: None)
    found = prepare.prepare_photo(path, Settings(texture_size=texture_size), SilentReporter())
    assert (found.seam is not None) == closed
    aside = np.ones(found.detail_mask.shape, bool)
    masks = (
        (found.crop, found.mask),
        (found.detail, found.detail_mask),
        (found.detail, mask_with(found, aside, aside)),
    )
    for crop, mask in masks:
        middle = middle_line(vertices, eye)[3:-3].astype(np.float32)
        middle = crop.from_photo(middle + np.array([0.5, 2.5], np.float32)).astype(int)
        between = mask[middle[:, 1], middle[:, 0]]
        assert between.min() > 0.5 if closed else between.max() == 0.0
    # The lids' rims belong on the maps, and are no skin that tells of the light.
    eye_ring = points(vertices, eye)[list(MEDIAPIPE.left_eye)]
    below = np.array([[eye_ring[:, 0].mean(), eye_ring[:, 1].max() + 1.5]], np.float32)
    on_map, in_fit = (
        mask[tuple(crop.from_photo(below).astype(int)[0, ::-1])]
        for crop, mask in ((found.detail, found.detail_mask), (found.crop, found.mask))
    )
    assert on_map > 0.5 and in_fit < 0.1


class _Said:
    """A photo that asks for a shift, or for none."""

    def __init__(self, millimetres: float | None) -> None:
        self.shift = None if millimetres is None else np.full((4, 3), millimetres, np.float32)

    def closing(self, _: Stage2Result) -> np.ndarray | None:
        return self.shift


@pytest.mark.parametrize(("said", "added"), [((1.0, None, 2.0), 1.5), ((None, None, None), 0.0)])
def test_all_photos_of_a_person_get_what_those_with_closed_lips_say(said, added):
    bare = Stage2Result(None, None, camera(), None, None, np.zeros((4, 3), np.float32))
    second = [bare, bare, replace(bare, vertices=bare.vertices + 5.0, shift=np.full((4, 3), 0.5, np.float32))]
    found = Run._with_closed_lips(SimpleNamespace(photos=[_Said(each) for each in said]), second)
    assert [each.vertices[0, 0] for each in found] == [added, added, 5.0 + added]
    assert found[2].shift[0, 0] == 0.5 + added
    assert found[0].shift is None if added == 0.0 else found[0].shift[0, 0] == added
