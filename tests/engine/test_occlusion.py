"""What lies before the skin stays out of its maps: pictures of a known head with things drawn over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.engine
torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

import heads  # noqa: E402
from nextgenface.engine.fit import map_view  # noqa: E402
from nextgenface.engine.fit.atlas import Atlas, make_atlas  # noqa: E402
from nextgenface.engine.fit.eyes import SIDES, find_eyeball  # noqa: E402
from nextgenface.engine.fit.map_view import MapView  # noqa: E402
from nextgenface.engine.fit.maps import FinishedMaps, MapProblem  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

SIZE = 256
# Largest mean distance of the logarithm of the diffuse map from the true one where the thing hides the skin.
BOUND = 0.12
Drawing = Callable[[np.ndarray, heads.Portrait], np.ndarray]


@pytest.fixture(scope="module")
def known() -> heads.Portrait:
    return heads.portrait(size=SIZE, samples=64)


def _point(known: heads.Portrait, index: int) -> tuple[int, int]:
    """Pixel of one of MediaPipe's points."""
    row = int(np.flatnonzero(known.model.landmarks["mediapipe"].index == index)[0])
    x, y = known.points[row]
    return round(float(x)), round(float(y))


def _rounded(place: np.ndarray) -> list[int]:
    return np.round(place).astype(int).tolist()


def _spectacles(image: np.ndarray, known: heads.Portrait) -> np.ndarray:
    """Thick dark frames, with the window's reflection in one lens."""
    cover = np.zeros(image.shape[:2], np.uint8)
    eyes = [np.mean([_point(known, i) for i in pair], 0) for pair in ((33, 133), (263, 362))]
    width = float(np.linalg.norm(eyes[0] - eyes[1]))
    for eye in eyes:
        axes = (round(0.40 * width), round(0.33 * width))
        cv2.ellipse(cover, _rounded(eye + np.array([0, 0.08 * width])), axes, 0, 0, 360, 1, 4)
    image[cover > 0] = (0.01, 0.01, 0.012)
    glare = np.zeros_like(cover)
    corner = eyes[0] + np.array([-0.1, 0.2]) * width
    cv2.rectangle(glare, _rounded(corner), _rounded(corner + np.array([14, 10])), 1, -1)
    image[glare > 0] = (0.55, 0.7, 0.9)
    return (cover | glare) > 0


def _strands(image: np.ndarray, known: heads.Portrait) -> np.ndarray:
    """Dark locks from the hairline down over one temple and cheek."""
    cover = np.zeros(image.shape[:2], np.uint8)
    (x, y), (_, low) = _point(known, 103), _point(known, 50)
    for shift in (-4, 6, 15):
        curve = [(x + shift + 7 * np.sin(3 * t), y - 10 + t * (low - y)) for t in np.linspace(0, 1, 24)]
        cv2.polylines(cover, [np.round(curve).astype(np.int32)], False, 1, 4)
    image[cover > 0] = (0.03, 0.02, 0.015)
    return cover > 0


def _hand(image: np.ndarray, known: heads.Portrait) -> np.ndarray:
    """Something of the colour of skin, in its own shade, before chin and cheek."""
    cover = np.zeros(image.shape[:2], np.uint8)
    cv2.ellipse(cover, _point(known, 425), (20, 28), 25, 0, 360, 1, -1)
    skin = np.median(image[known.view.weight > 0.5], 0)
    image[cover > 0] = 0.35 * skin * (1.1, 0.95, 0.9)
    return cover > 0


def _microphone(image: np.ndarray, known: heads.Portrait) -> np.ndarray:
    """A black ball before one corner of the mouth."""
    cover = np.zeros(image.shape[:2], np.uint8)
    cv2.circle(cover, _point(known, 436), 17, 1, -1)
    image[cover > 0] = (0.008, 0.008, 0.008)
    return cover > 0


def _teeth(image: np.ndarray, known: heads.Portrait) -> np.ndarray:
    """Teeth where the model has lips."""
    cover = np.zeros(image.shape[:2], np.uint8)
    left, right = _point(known, 61), _point(known, 291)
    middle = ((left[0] + right[0]) // 2, (left[1] + right[1]) // 2 + 3)
    cv2.ellipse(cover, middle, ((right[0] - left[0]) // 3, 9), 0, 0, 360, 1, -1)
    image[cover > 0] = (0.85, 0.82, 0.72)
    return cover > 0


def _highlight(image: np.ndarray, known: heads.Portrait) -> np.ndarray:
    """A lamp's reflection on the forehead that the sensor could not hold."""
    x, y = _point(known, 109)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    glow = 2.0 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 8.0**2))
    image[:] = np.minimum(1.0, image + glow[:, :, None])
    return glow > 0.25


DRAWINGS = {
    "spectacles": _spectacles,
    "strands": _strands,
    "hand": _hand,
    "microphone": _microphone,
    "teeth": _teeth,
    "highlight": _highlight,
}


def _problem(known: heads.Portrait, image: np.ndarray) -> MapProblem:
    camera, vertices = known.view.camera, known.truth.vertices
    balls = {side: find_eyeball(known.model, vertices, side, camera, np.zeros((2, 2), np.float32)) for side in SIDES}
    settings = Settings(bands=heads.BANDS, texture_size=SIZE, transfer_directions=64)
    view = replace(known.view, image=image)
    eyes = np.zeros_like(view.weight)
    return MapProblem([MapView(known.model, known.truth, view, eyes, balls, settings, SilentReporter())])


def _hidden(known: heads.Portrait, problem: MapProblem, atlas: Atlas, cover: np.ndarray) -> np.ndarray:
    """(N,) True at the face's texels that the mask trusts and that the thing hides."""
    (view,) = problem.views
    weight = replace(view, trust=np.ones((1, 1), np.float32)).look(atlas).weight
    pixel = known.view.camera.project(atlas.interpolate(known.model, known.truth.vertices)).astype(int)
    column, row = np.clip(pixel, 0, SIZE - 1).T
    return (weight > 0.5) & cover[row, column] & atlas.is_part("skin")


def _error(known: heads.Portrait, maps: FinishedMaps, atlas: Atlas, where: np.ndarray) -> float:
    truth = heads.statistical_maps(known.model, known.truth.reflectance, SIZE)[0]
    away = np.log(atlas.at(maps.diffuse)[where] + 0.01) - np.log(atlas.at(truth)[where] + 0.01)
    return float(np.abs(away).mean())


@pytest.mark.parametrize("name", list(DRAWINGS))
def test_what_hides_the_skin_does_not_enter_the_diffuse_map(known, name, monkeypatch):
    image = known.view.image.copy()
    cover = DRAWINGS[name](image, known)
    problem, atlas = _problem(known, image), make_atlas(known.model, SIZE)
    found = problem.run()
    hidden = _hidden(known, problem, atlas, cover)
    assert hidden.sum() > 100
    error = _error(known, found, atlas, hidden)
    monkeypatch.setattr(map_view, "skin_trust", lambda texels, regions, side: np.ones((1, 1), np.float32))
    unmasked = _error(known, _problem(known, image).run(), atlas, hidden)
    assert error < BOUND
    assert unmasked > 4.0 * BOUND


def test_spots_of_the_skin_stay(known):
    """Moles, dark and small, are the person's own."""
    image, cover = known.view.image.copy(), np.zeros((SIZE, SIZE), np.uint8)
    for index in (50, 425, 151, 109):
        cv2.circle(cover, _point(known, index), 1, 1, -1)
    image[cover > 0] *= 0.3
    problem, atlas = _problem(known, image), make_atlas(known.model, SIZE)
    problem.run()
    marked = _hidden_trust(known, problem, atlas, cover > 0)
    assert marked.min() > 0.99


def _added(known: heads.Portrait, colour: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The portrait with small spots of ``colour`` (3,) or (H, W, 3) added to lips, cheek and chin, and where they are."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    glow = np.zeros((SIZE, SIZE))
    for index in (37, 84, 50, 199):
        x, y = _point(known, index)
        glow = np.maximum(glow, np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 1.2**2)))
    return (known.view.image + glow[:, :, None] * colour).astype(np.float32), glow > 0.3


def test_glints_do_not_enter_the_diffuse_map(known, monkeypatch):
    """What a lamp does on wet lips and oily skin is no paint."""
    image, cover = _added(known, 0.8 * known.view.image[known.view.weight > 0.5].mean() * np.ones(3))
    problem, atlas = _problem(known, image), make_atlas(known.model, SIZE)
    found = problem.run()
    where = _hidden(known, problem, atlas, cover)
    assert where.sum() > 25
    error = _error(known, found, atlas, where)
    monkeypatch.setattr(map_view, "without_glints", lambda texels, regions, side: np.ones((1, 1, 3), np.float32))
    painted = _error(known, _problem(known, image).run(), atlas, where)
    plain = _error(known, _problem(known, known.view.image).run(), atlas, where)
    assert painted - plain > 0.15
    assert error - plain < 0.4 * (painted - plain)


def test_pale_spots_of_the_skin_are_no_glints(known):
    """They are as bright, but as red as the skin around them."""
    image, cover = _added(known, 0.8 * known.view.image)
    problem, atlas = _problem(known, image), make_atlas(known.model, SIZE)
    problem.run()
    where = _hidden(known, problem, atlas, cover)
    assert where.sum() > 25
    assert atlas.sample(problem.views[0].dimming)[where].min() > 0.97


def test_brows_and_a_beard_on_both_sides_stay(known):
    """Hair that belongs to the face is much darker than stage 2 may think."""
    model, camera = known.model, known.view.camera
    atlas = make_atlas(model, 512)
    hair = atlas.interpolate(model, np.maximum(model.regions["beard"], model.regions["brows"])[:, None])[:, 0]
    points = atlas.interpolate(model, known.truth.vertices)
    column, row = np.clip(camera.project(points[(hair > 0.6) & (points[:, 2] > 0)]).astype(int), 0, SIZE - 1).T
    image, cover = known.view.image.copy(), np.zeros((SIZE, SIZE), np.uint8)
    cover[row, column] = 1
    cover = cv2.morphologyEx(cover, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    image[cover > 0] *= 0.3
    problem, small = _problem(known, image), make_atlas(model, SIZE)
    problem.run()
    trust = _hidden_trust(known, problem, small, cover > 0)
    assert len(trust) > 2000
    assert trust.mean() > 0.9


def test_a_face_that_nothing_hides_is_trusted(known):
    problem = _problem(known, known.view.image)
    problem.run()
    assert problem.views[0].trust.min() == 1.0
    assert problem.views[0].dimming.min() > 0.97


def _hidden_trust(known: heads.Portrait, problem: MapProblem, atlas: Atlas, cover: np.ndarray) -> np.ndarray:
    """(N,) what `MapProblem.run` trusted of the texels that ``cover`` has."""
    hidden = _hidden(known, problem, atlas, cover)
    return atlas.sample(problem.views[0].trust[:, :, None])[hidden, 0]
