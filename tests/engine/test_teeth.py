"""Teeth: where a photo shows them, and their colours."""

from __future__ import annotations

from functools import cache

import cv2
import heads
import numpy as np
import pytest
from nextgenface.engine.faces.choose import load_model
from nextgenface.engine.faces.model import PART_NAMES
from nextgenface.engine.faces.skin_colour import part_albedo
from nextgenface.engine.fit.teeth import (
    BRIGHTEST,
    REACH_MM,
    SeenMouth,
    TeethPlacement,
    look_into_mouth,
    place_teeth,
    teeth_albedo,
    teeth_expressions,
)
from nextgenface.engine.render.geometry import TracedScene
from nextgenface.engine.render.transfer import primary_hits
from nextgenface.engine.scene.camera import Camera

MODEL = load_model("bundled")
SMILE = {
    "mouthSmileLeft": 0.5,
    "mouthSmileRight": 0.5,
    "mouthUpperUpLeft": 0.5,
    "mouthUpperUpRight": 0.5,
    "jawOpen": 0.3,
}
UPPER = PART_NAMES.index("teeth_upper")
LIGHT = np.array([1.3, 1.0, 0.7], np.float32)
SKIN, HOLLOW = np.array([0.35, 0.2, 0.14], np.float32), np.array([0.02, 0.01, 0.01], np.float32)


@cache
def smile() -> np.ndarray:
    expression = np.zeros(MODEL.expression_count, np.float32)
    for name, weight in SMILE.items():
        expression[MODEL.expression_names.index(name)] = weight
    return MODEL.vertices(None, expression)


def close_up(turn: float = 0.0) -> Camera:
    """The mouth fills the picture; ``turn`` radians aside."""
    size = 200
    rotation, _ = cv2.Rodrigues(np.array([0.0, turn, 0.15]))
    mouth = rotation @ np.array([0.0, -45.0, 90.0])
    return Camera(size, size, 9.0 * size, size / 2, size / 2, rotation, np.array([0.0, 0.0, -800.0]) - mouth)


def parts_seen(vertices: np.ndarray, camera: Camera) -> np.ndarray:
    """(H, W) part of each pixel, -1 for none."""
    rows, columns = np.mgrid[0 : camera.height, 0 : camera.width]
    pixels = np.stack([columns.ravel(), rows.ravel()], 1) + 0.5
    triangle, _ = primary_hits(TracedScene(vertices, MODEL.triangles), camera, pixels)
    part = np.where(triangle >= 0, MODEL.face_part[MODEL.triangle_face[triangle]].astype(int), -1)
    return part.reshape(camera.height, camera.width)


def come_through(before: np.ndarray, moved: np.ndarray, rim: int = 2) -> bool:
    """Whether teeth are seen where skin was, more than about a millimetre from the lips' edges."""
    free = cv2.dilate((before > 0).astype(np.uint8), np.ones((2 * rim + 1, 2 * rim + 1), np.uint8)) > 0
    return bool(((moved == UPPER) & ~free).any())


def mouth_of(vertices: np.ndarray, camera: Camera) -> SeenMouth:
    """What a perfect eye sees between the lips."""
    part = parts_seen(vertices, camera)
    opening, teeth = part > 0, part == UPPER
    return SeenMouth(*(mask.astype(np.float32) for mask in (opening, teeth, opening & ~teeth)))


@pytest.mark.parametrize("turn", [0.0, 0.3])
@pytest.mark.parametrize("lowered", [1.5, 3.0])
def test_the_edge_of_the_upper_teeth_is_found(turn, lowered):
    """Where the hollow is seen below it, to half a millimetre."""
    camera = close_up(turn)
    truth = TeethPlacement(lowered=lowered)
    found = place_teeth(MODEL, smile(), camera, mouth_of(truth.moved(MODEL, smile()), camera))
    edge = truth.moved(MODEL, smile()), found.moved(MODEL, smile())
    shown = [mouth_of(vertices, camera).teeth.sum() for vertices in edge]
    assert found.lowered == pytest.approx(lowered, abs=0.9)
    assert shown[1] == pytest.approx(shown[0], rel=0.12)


@pytest.mark.parametrize("lip", [0, 5])
def test_teeth_that_fill_the_mouth_leave_no_hollow_below_them(lip):
    """Nor where the detector's ring shows ``lip`` rows of the lower lip, which is not dark, below them."""
    camera = close_up()
    full = mouth_of(smile(), camera).opening
    teeth = cv2.erode(full, np.ones((2 * lip + 1, 1), np.uint8), anchor=(0, 0)) if lip else full
    found = place_teeth(MODEL, smile(), camera, SeenMouth(full, teeth, np.zeros_like(full)))
    part = parts_seen(found.moved(MODEL, smile()), camera)
    before = parts_seen(smile(), camera)
    middle = slice(camera.width // 2 - 15, camera.width // 2 + 15)
    tongue_or_hollow = [((p[:, middle] > 0) & (p[:, middle] != UPPER)).mean() for p in (before, part)]
    assert tongue_or_hollow[0] > 0.03, "the smile had a hollow to fill"
    assert tongue_or_hollow[1] < 0.1 * tongue_or_hollow[0]


def test_the_dark_edges_of_teeth_that_fill_the_mouth_are_well_behind_the_lip():
    camera = close_up()
    full = mouth_of(smile(), camera).opening
    found = place_teeth(MODEL, smile(), camera, SeenMouth(full, full, np.zeros_like(full)))
    moved = found.moved(MODEL, smile())
    teeth = np.unique(MODEL.triangles[MODEL.face_part[MODEL.triangle_face] == UPPER])
    edge = moved[teeth[moved[teeth, 1].argmin()]]
    below = camera.project(edge[None])[0, 1] - np.nonzero(full.any(1))[0].max()
    pixels_per_mm = camera.focal_px / np.linalg.norm(camera.centre - edge)
    assert below / pixels_per_mm > 2.5


@pytest.mark.parametrize("turn", [0.0, 0.4, -0.4])
def test_teeth_never_come_through_the_skin(turn):
    camera = close_up(turn)
    full = mouth_of(smile(), camera).opening
    found = place_teeth(MODEL, smile(), camera, SeenMouth(full, full, np.zeros_like(full)))
    assert found.lowered > 1.0
    moved, before = parts_seen(found.moved(MODEL, smile()), camera), parts_seen(smile(), camera)
    assert not come_through(before, moved)


def test_teeth_that_would_pierce_the_lip_come_out_less():
    """A lip that bulges before thin air: the teeth may not follow it through the skin below."""
    vertices = smile().copy()
    chin = (vertices[:, 1] < -47.0) & (MODEL.regions["face"] > 0.3)
    vertices[chin, 2] -= 9.0
    camera = close_up()
    full = mouth_of(vertices, camera).opening
    found = place_teeth(MODEL, vertices, camera, SeenMouth(full, full, np.zeros_like(full)))
    moved, before = parts_seen(found.moved(MODEL, vertices), camera), parts_seen(vertices, camera)
    assert not come_through(before, moved)


def test_teeth_that_cannot_fill_the_mouth_go_as_far_down_as_the_lip_lets_them():
    """A lower lip a millimetre farther in would be pierced on the whole way, but not on most of it."""
    vertices = smile().copy()
    vertices[(vertices[:, 1] < -47.0) & (MODEL.regions["face"] > 0.3), 2] -= 1.0
    camera = close_up()
    full = mouth_of(vertices, camera).opening
    found = place_teeth(MODEL, vertices, camera, SeenMouth(full, full, np.zeros_like(full)))
    assert found.lowered > 3.0
    moved, before = parts_seen(found.moved(MODEL, vertices), camera), parts_seen(vertices, camera)
    assert not come_through(before, moved)


def test_a_closed_mouth_and_one_without_teeth_leave_them_where_they_are():
    camera = close_up()
    nothing = np.zeros((camera.height, camera.width), np.float32)
    assert place_teeth(MODEL, MODEL.mean, camera, SeenMouth(nothing, nothing, nothing)) == TeethPlacement()
    opening = mouth_of(smile(), camera).opening
    assert place_teeth(MODEL, smile(), camera, SeenMouth(opening, nothing, opening)) == TeethPlacement()
    assert TeethPlacement().weights == {}


def test_weights_and_expressions_say_the_same():
    placement = TeethPlacement(lowered=4.0, advanced=2.5)
    moves = teeth_expressions(MODEL)
    assert set(placement.weights) == set(moves) == set(REACH_MM)
    assert all(0.0 < weight <= 1.0 for weight in placement.weights.values())
    away = sum(weight * moves[name] for name, weight in placement.weights.items())
    np.testing.assert_allclose(placement.moved(MODEL, MODEL.mean), MODEL.mean + away, atol=1e-5)
    quads = MODEL.quads[MODEL.face_part == UPPER]
    teeth = np.isin(np.arange(MODEL.vertex_count), quads)
    np.testing.assert_allclose(away[teeth], np.tile([0.0, -4.0, 2.5], (teeth.sum(), 1)), atol=1e-5)
    assert not away[~teeth].any()


def painted_mouth(skin: np.ndarray, teeth: np.ndarray) -> tuple[np.ndarray, ...]:
    """A picture with skin, an opening of rows 40 to 70, upper teeth down to row 55, gum to row 44, and hollow below."""
    image = np.tile(skin * LIGHT, (100, 120, 1)).astype(np.float32)
    image[40:70, 20:100] = HOLLOW * LIGHT
    image[40:44, 20:100] = part_albedo("tongue") * LIGHT
    image[44:55, 30:90] = 0.6 * teeth * LIGHT
    opening = np.zeros(image.shape[:2], np.float32)
    opening[40:70, 20:100] = 1.0
    return image, opening, 1.0 - opening


@pytest.mark.parametrize("skin", [SKIN, 0.3 * SKIN * np.array([1.0, 0.85, 0.75])])
def test_teeth_are_told_from_gums_and_from_the_hollow_on_any_skin(skin):
    seen = look_into_mouth(*painted_mouth(skin, part_albedo("teeth_upper").astype(np.float32)))
    assert seen.teeth[46:53, 34:86].min() > 0.5
    for elsewhere in (seen.teeth[:42], seen.teeth[58:], seen.teeth[:, :26], seen.teeth[:, 94:]):
        assert elsewhere.max() < 0.5
    assert seen.hollow[60:68, 30:90].min() == 1.0
    assert not seen.hollow[45:53, 34:86].any()


def test_lips_in_the_opening_are_no_teeth():
    """The detector's ring is a little wide: its rim shows lips."""
    image, opening, skin = painted_mouth(SKIN, part_albedo("teeth_upper").astype(np.float32))
    image[40:70, 20:100] = part_albedo("tongue") * LIGHT
    assert look_into_mouth(image, opening, skin).teeth.max() == 0.0


def test_teeth_keep_the_photos_contrast_at_a_level_that_teeth_have():
    rng = np.random.default_rng(1)
    typical = part_albedo("teeth_upper")
    pattern = rng.uniform(0.7, 1.1, 400)[:, None] * typical
    weight = np.ones(400, np.float32)
    weight[300:] = 0.0
    dim = teeth_albedo("teeth_upper", (0.2 * pattern).astype(np.float32), weight)
    ratio = dim[:300] / pattern[:300]
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-4)
    assert np.median(dim @ [0.2126, 0.7152, 0.0722]) > 0.5 * (typical @ [0.2126, 0.7152, 0.0722])
    np.testing.assert_allclose(dim[300:], np.tile(np.median(dim[:300], 0), (100, 1)), rtol=0.02)
    assert teeth_albedo("teeth_upper", np.ones((400, 3), np.float32), weight).max() <= BRIGHTEST


def test_teeth_that_are_hardly_seen_are_typical():
    few = np.zeros(400, np.float32)
    few[:5] = 1.0
    albedo = teeth_albedo("teeth_lower", np.full((400, 3), 0.1, np.float32), few)
    np.testing.assert_allclose(albedo, np.tile(part_albedo("teeth_lower"), (400, 1)), rtol=1e-6)


def test_the_portraits_smile_shows_its_teeth():
    """The rendered smile of the other tests: what is found shows no less of the teeth than it does."""
    known = heads.portrait()
    camera = known.truth.camera
    truth = mouth_of(known.truth.vertices, camera)
    found = place_teeth(known.model, known.truth.vertices, camera, truth)
    assert mouth_of(found.moved(known.model, known.truth.vertices), camera).teeth.sum() >= truth.teeth.sum()


def bands_of(full: np.ndarray, *teeth: tuple[float, float]) -> SeenMouth:
    """A mouth with teeth between shares of the opening's height from above, and its hollow elsewhere."""
    rows = np.arange(len(full))[:, None] + 0.5
    top, bottom = (np.where(full > 0, rows, missing) for missing in (np.inf, -np.inf))
    share = (rows - top.min(0)) / np.maximum(bottom.max(0) - top.min(0), 1.0)
    shown = np.zeros_like(full)
    for first, last in teeth:
        shown[(full > 0) & (share >= first) & (share <= last)] = 1.0
    return SeenMouth(full, shown, full * (1.0 - shown))


def shout() -> np.ndarray:
    expression = np.zeros(MODEL.expression_count, np.float32)
    expression[MODEL.expression_names.index("jawOpen")] = 0.7
    return MODEL.vertices(None, expression)


def test_lower_teeth_alone_do_not_draw_the_upper_ones_down():
    """A mouth that is open in surprise shows its lower teeth above the lower lip."""
    full = mouth_of(shout(), close_up()).opening
    assert place_teeth(MODEL, shout(), close_up(), bands_of(full, (0.75, 1.0))) == TeethPlacement()


def test_where_both_rows_show_the_upper_ones_end_at_the_gap():
    full = mouth_of(shout(), close_up()).opening
    both, upper = (place_teeth(MODEL, shout(), close_up(), bands_of(full, *rows)) for rows in (
        [(0.0, 0.4), (0.8, 1.0)], [(0.0, 0.4)]
    ))  # fmt: skip
    filled = place_teeth(MODEL, shout(), close_up(), SeenMouth(full, full, np.zeros_like(full)))
    assert both.lowered == pytest.approx(upper.lowered, abs=0.3)
    assert filled.lowered > both.lowered + 2.0


def test_teeth_of_a_grey_photo_are_its_bright_ones():
    image = np.full((40, 60, 3), 0.3, np.float32)
    opening, skin = np.zeros((40, 60), np.float32), np.ones((40, 60), np.float32)
    opening[10:30, 10:50], skin[8:32, 8:52] = 1.0, 0.0
    image[10:20, 10:50], image[20:30, 10:50] = 0.25, 0.05
    seen = look_into_mouth(image, opening, skin)
    assert seen.teeth[12:18, 14:46].min() > 0.9 and seen.teeth[23:29, 14:46].max() < 0.1
    assert seen.hollow[23:29, 14:46].min() > 0.9


def test_teeth_are_neither_green_nor_pink():
    """Where the light that was found is, the albedo that is read in it is not."""
    typical = part_albedo("teeth_upper")
    seen = np.tile(typical * (0.6, 1.0, 1.6), (60, 1)).astype(np.float32)
    found = teeth_albedo("teeth_upper", seen, np.ones(60, np.float32))
    assert np.abs(np.log(found / found[:, 1:2]) - np.log(typical / typical[1])).max() < 0.21
    own = np.tile(typical * (1.1, 1.0, 0.9), (60, 1)).astype(np.float32)
    np.testing.assert_allclose(teeth_albedo("teeth_upper", own, np.ones(60, np.float32)), own, rtol=1e-4)
