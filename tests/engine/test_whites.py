"""The whites of the eyes, and what they tell of the light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.engine
pytest.importorskip("cv2")
torch = pytest.importorskip("torch", reason="needs the engine's packages")

import heads  # noqa: E402
from nextgenface.engine.faces.model import PART_NAMES  # noqa: E402
from nextgenface.engine.faces.skin_colour import part_albedo  # noqa: E402
from nextgenface.engine.fit.head import DifferentiableHead  # noqa: E402
from nextgenface.engine.fit.lighting import LightPrior, solve_light  # noqa: E402
from nextgenface.engine.fit.shading import unshadowed  # noqa: E402
from nextgenface.engine.fit.stage2 import EYES, Observation, _Photo  # noqa: E402
from nextgenface.engine.fit.whites import WET_F0, WET_ROUGHNESS, White, WhiteEvidence, find_whites  # noqa: E402
from nextgenface.engine.render.geometry import TracedScene  # noqa: E402
from nextgenface.engine.render.path import render  # noqa: E402
from nextgenface.engine.render.transfer import primary_hits  # noqa: E402
from nextgenface.engine.scene.light import Light  # noqa: E402
from nextgenface.engine.scene.material import FULL_F0  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

SIZE = 160
CENTRES = {468: (50.0, 80.0), 473: (110.0, 80.0)}
RADIUS = 8.0


def face(tint, catchlight=False, lashes=False):
    """Two almond-free, round eyes: an iris in a white disc, under a light of some tint; the rest is skin."""
    image = np.full((SIZE, SIZE, 3), (0.4, 0.2, 0.12), np.float32)
    eyes, points = np.zeros((SIZE, SIZE), np.float32), np.zeros((478, 3), np.float32)
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    for number, (x, y) in CENTRES.items():
        away = np.hypot(columns - x, rows - y)
        white = away < 2.6 * RADIUS
        eyes[white] = 1.0
        image[white] = part_albedo("eye_left") * tint
        if lashes:
            image[white & (rows < y - RADIUS)] = 0.01
        if catchlight:
            image[white & (np.abs(columns - x - 1.6 * RADIUS) < 1)] = 1.0
        image[away < RADIUS] = (0.05, 0.1, 0.2)
        points[number, :2] = x, y
        for step, (dx, dy) in enumerate(((1, 0), (0, -1), (-1, 0), (0, 1))):
            points[number + 1 + step, :2] = x + RADIUS * dx, y + RADIUS * dy
    return image, eyes, points


@pytest.mark.parametrize("spoilt", [{}, {"catchlight": True}, {"lashes": True}])
def test_the_whites_are_found_with_their_colour(spoilt):
    light = np.array([1.2, 1.0, 0.8])
    found = find_whites(*face(light, **spoilt))
    assert len(found) == 2
    for white, centre in zip(found, CENTRES.values(), strict=True):
        np.testing.assert_allclose(white.colour, part_albedo("eye_left") * light, rtol=0.02)
        away = np.linalg.norm(white.pixels - centre, axis=1)
        assert (away > RADIUS).all() and (away < 2.6 * RADIUS).all()


def test_closed_eyes_tell_nothing():
    image, eyes, points = face(np.ones(3))
    assert find_whites(image, np.zeros_like(eyes), points) == []


def test_blown_out_whites_tell_nothing():
    image, eyes, points = face(np.full(3, 4.0))
    assert find_whites(image, eyes, points) == []


def test_eyes_that_were_blacked_out_tell_nothing():
    image, eyes, points = face(np.zeros(3))
    assert find_whites(image, eyes, points) == []


def test_a_photo_of_one_channel_tells_nothing():
    """All red: what is white and what is skin then look alike."""
    image, eyes, points = face(np.ones(3))
    image[..., 1:] = 0.0
    assert find_whites(image, eyes, points) == []


def test_a_photo_with_next_to_no_blue_is_no_proof_of_a_light_without_it():
    image, eyes, points = face(np.ones(3))
    image[..., 2] *= 0.04
    found = find_whites(image, eyes, points)
    assert len(found) == 2 and all(
        white.colour[2] > 1.2 * image[int(x[1]), int(x[0]), 2] for white in found for x in white.pixels
    )
    told = WhiteEvidence.of([torch.ones(9)] * 2, [white.colour for white in found])
    assert torch.isfinite(told.precision).all() and torch.isfinite(told.told).all()


def test_a_grey_photo_tells_as_much_of_the_level():
    image, eyes, points = face(np.ones(3))
    image[:] = image.mean(2, keepdims=True)
    found = find_whites(image, eyes, points)
    assert len(found) == 2
    for white in found:
        np.testing.assert_allclose(white.colour, part_albedo("eye_left").mean(), rtol=0.02)


def test_lids_that_shine_are_no_whites():
    """Half of what the detector calls eye is skin, brighter than the white, and some of it as pale as gloss makes it."""
    image, eyes, points = face(np.full(3, 0.5))
    rows = np.mgrid[:SIZE, :SIZE][0] + 0.5
    lid = (eyes > 0.0) & (rows > 80.0) & (image[:, :, 0] > 0.1)
    image[lid] = np.array([0.4, 0.2, 0.12]) * 1.6
    image[lid & (rows > 90.0)] += 0.06
    found = find_whites(image, eyes, points)
    assert len(found) == 2
    for white in found:
        np.testing.assert_allclose(white.colour, 0.5 * part_albedo("eye_left"), rtol=0.02)
        assert (white.pixels[:, 1] <= 80.0).all()


def test_an_eye_that_shows_lids_alone_tells_nothing():
    image, eyes, points = face(np.ones(3))
    half = np.mgrid[:SIZE, :SIZE][1] < SIZE / 2
    shut = (eyes > 0.0) & half
    image[shut] = np.array([0.4, 0.2, 0.12]) * 1.3 + 0.05
    (white,) = find_whites(image, eyes, points)
    assert (white.pixels[:, 0] > SIZE / 2).all()
    np.testing.assert_allclose(white.colour, part_albedo("eye_left"), rtol=0.02)


def test_narrow_eyes_are_told_from_the_lids_beside_them():
    """Where the detector's eyes are wider than the person's, what it calls white is in part dark skin."""
    image, eyes, points = face(np.ones(3))
    for x, y in CENTRES.values():
        rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
        lids = (np.abs(rows - y) > 0.8 * RADIUS) & (np.hypot(columns - x, rows - y) < 2.6 * RADIUS)
        image[lids] = (0.06, 0.03, 0.02)
    for white in find_whites(image, eyes, points):
        np.testing.assert_allclose(white.colour, part_albedo("eye_left"), rtol=0.02)


# --- as evidence on the light -----------------------------------------------------------------------------------------

BANDS = 3
FRONT = torch.tensor([0.0, 0.0, 1.0])


def evidence(light):
    """Of two eyes that look to the camera and see all of the sky before them."""
    columns = [float(unshadowed(FRONT[None], torch.eye(9)[:, [k] * 3])[0, 0]) for k in range(BANDS * BANDS)]
    return WhiteEvidence.of([torch.tensor(columns)] * 2, [part_albedo("eye_left") * light] * 2)


def most_likely(light):
    prior = LightPrior.neutral(BANDS, FRONT)
    nothing = torch.zeros(3, 1, BANDS * BANDS), torch.zeros(1, 3), torch.zeros(1, 3)
    return unshadowed(FRONT[None], solve_light(*nothing, prior, evidence(light)))[0].numpy()


def test_without_other_evidence_the_light_goes_to_where_the_whites_have_it():
    tint = np.array([1.2, 1.0, 0.8])
    np.testing.assert_allclose(most_likely(np.ones(3)), 1.0, atol=0.01)
    front = most_likely(tint)
    # Between neutral and what the eyes say; all tints are smaller in a dimmer light, so it is drawn to that a little.
    share = (front / front.mean() - 1.0)[[0, 2]] / (tint - 1.0)[[0, 2]]
    assert ((share > 0.4) & (share < 0.8)).all()
    assert 0.85 < front.mean() < 1.02
    assert 1.0 < most_likely(np.full(3, 1.3)).mean() < 1.3


def test_the_density_is_that_of_its_precision():
    found = evidence(np.array([1.1, 1.0, 0.9]))
    light = torch.randn(BANDS * BANDS, 3, generator=torch.Generator().manual_seed(0))
    flat = light.T.reshape(-1)
    expected = 0.5 * flat @ found.precision @ flat - found.told @ flat
    nothing = found.negative_log(torch.zeros_like(light))
    assert float(found.negative_log(light) - nothing) == pytest.approx(float(expected), rel=1e-4)


def test_lashes_and_make_up_around_a_narrow_eye_are_no_white():
    """As little red as a white is, but far darker than the skin beside it: taken for white, it made any skin shine."""
    image, eyes, points = face(np.ones(3))
    half = np.mgrid[:SIZE, :SIZE][1] < SIZE / 2
    painted = (eyes > 0.0) & half
    image[painted] = (0.04, 0.04, 0.035)
    (white,) = find_whites(image, eyes, points)
    assert (white.pixels[:, 0] > SIZE / 2).all()
    # On dark skin, or in the shade, the same is told.
    dim, eyes, points = face(np.full(3, 0.4))
    assert len(find_whites(dim, eyes, points)) == 2


def test_what_a_wet_eye_mirrors_is_not_taken_for_the_light_on_its_white():
    """A strong light before the face and beside it: the path-traced eye is brighter than its white alone, by what it mirrors."""
    known = heads.portrait()
    model, camera = known.model, heads.front_camera(300)
    light = np.zeros((heads.BANDS**2, 3), np.float32)
    light[0], light[2], light[3] = 2.0, 1.6, 1.2
    head = DifferentiableHead(model)
    vertices = torch.from_numpy(known.truth.vertices)
    scene = TracedScene(known.truth.vertices, model.triangles)
    rows, columns = np.mgrid[0:300, 0:300]
    pixels = (np.stack([columns.ravel(), rows.ravel()], 1) + 0.5).astype(np.float32)
    triangle, _ = primary_hits(scene, camera, pixels)
    part = model.face_part[model.triangle_face[triangle]]
    albedo = np.full((4, 4, 3), part_albedo("eye_left"), np.float32)
    level, rough = np.full((4, 4), WET_F0 / FULL_F0, np.float32), np.full((4, 4), WET_ROUGHNESS, np.float32)
    sky = Light(light).image(64)
    picture = render(known.truth.vertices, model, albedo, level, rough, sky, camera, samples=256, depth=1, seed=3)
    whites = []
    for number in EYES:
        own = (triangle >= 0) & (part == number)
        whites.append(White(pixels[own], picture.image.reshape(-1, 3)[own].mean(0).astype(np.float64)))
    assert {PART_NAMES[number] for number in EYES} == {"eye_left", "eye_right"}
    assert min(len(white.pixels) for white in whites) > 30
    settings = Settings(bands=heads.BANDS, transfer_directions=256)
    seen = Observation(
        replace(known.view, camera=camera), known.points, known.truth.expression, lambda *_: None, whites
    )
    photo = _Photo(model, seen, settings, 0)
    found = photo._trace_whites(scene, head, vertices, head.vertex_normals(vertices), camera, 1.0, 0, lambda: None)
    agreed = torch.einsum("ecb,bc->ec", found.response, torch.from_numpy(light)).numpy()
    # Measured: 1.003 to 1.015, and 0.962 to 0.972 by the white alone.
    assert agreed == pytest.approx(1.0, abs=0.022)


def test_both_eyes_say_less_of_the_level_than_twice_what_one_says_and_twice_as_much_of_the_tint():
    """Half of what makes a person's whites lighter or darker than others' is the same in both."""
    one, two = (WhiteEvidence(torch.ones(count, 3, 1)) for count in (1, 2))
    brighter, redder = torch.full((1, 3), 1.3), torch.tensor([[1.1, 1.0, 0.9]])
    assert float(two.negative_log(brighter) / one.negative_log(brighter)) == pytest.approx(4.0 / 3.0, rel=1e-4)
    assert float(two.negative_log(redder) / one.negative_log(redder)) == pytest.approx(2.0, rel=1e-4)
