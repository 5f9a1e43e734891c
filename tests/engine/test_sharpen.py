"""Maps larger than the fit's: the photo's detail, on the mirror side too, in bands of any height."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.engine
torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

import heads  # noqa: E402
from nextgenface.engine.fit import atlas as atlas_module  # noqa: E402
from nextgenface.engine.fit.atlas import atlas_bands, make_atlas  # noqa: E402
from nextgenface.engine.fit.completion import source_shares  # noqa: E402
from nextgenface.engine.fit.eyes import SIDES, find_eyeball  # noqa: E402
from nextgenface.engine.fit.map_view import MapView  # noqa: E402
from nextgenface.engine.fit.maps import FinishedMaps, MapProblem  # noqa: E402
from nextgenface.engine.fit.sharpen import enlarged_rows, sharpened  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

FITTED, SIZE, PICTURE = 96, 384, 640


@pytest.fixture(scope="module")
def model():
    return heads.load_model("bundled")


def _stripes(place: np.ndarray) -> np.ndarray:
    """(N,) 0 or 1 in stripes across the head (N, 3), 3 mm wide: finer than the fitted texels."""
    return (np.floor(place[:, 1] / 3.0) % 2).astype(np.float32)


@pytest.fixture(scope="module")
def problem(model) -> MapProblem:
    """The mean head, striped, in even light; its left half is seen, the right one is not."""
    truth = heads.portrait().truth
    camera = heads.front_camera(PICTURE)
    found = replace(truth, camera=camera)
    rows, columns = np.mgrid[0:PICTURE, 0:PICTURE]
    pixels = np.stack([columns.ravel(), rows.ravel()], 1).astype(np.float32) + 0.5
    triangle, barycentric = heads.primary_hits(heads.TracedScene(truth.vertices, model.triangles), camera, pixels)
    points = (truth.vertices[model.triangles[triangle]] * barycentric[:, :, None]).sum(1)
    picture = np.where(triangle >= 0, 0.2 + 0.1 * _stripes(points), 0.0).reshape(PICTURE, PICTURE, 1)
    view = heads.View(picture.repeat(3, 2).astype(np.float32), np.ones((PICTURE, PICTURE), np.float32), camera)
    balls = {side: find_eyeball(model, truth.vertices, side, camera, np.zeros((2, 2), np.float32)) for side in SIDES}
    settings = Settings(bands=heads.BANDS, texture_size=SIZE)
    sight = MapView(model, found, view, np.zeros_like(view.weight), balls, settings, SilentReporter())
    sight.shown = np.full((FITTED, FITTED, 3), 0.245, np.float32)
    made = MapProblem([sight])
    made.eye_colours = {side: (np.full(3, 0.1, np.float32), np.full(3, 0.6, np.float32)) for side in SIDES}
    return made


def _fitted() -> FinishedMaps:
    own = np.zeros((FITTED, FITTED), np.float32)
    own[:, : FITTED // 2] = 1.0
    flat = np.full((FITTED, FITTED), 0.4, np.float32)
    return FinishedMaps(flat[:, :, None].repeat(3, 2), flat, flat, source_shares(own, np.ones_like(own)))


def test_bands_together_are_the_atlas(model, monkeypatch):
    monkeypatch.setattr(atlas_module, "BAND_TEXELS", 5 * 64)
    whole, bands = make_atlas(model, 64), list(atlas_bands(model, 64))
    assert [rows.start for rows, _ in bands] == list(range(0, 64, 5))
    for name in ("rows", "columns", "triangle", "barycentric", "part"):
        assert np.array_equal(np.concatenate([getattr(band, name) for _, band in bands]), getattr(whole, name)), name


def test_rows_of_an_enlarged_map_are_those_of_the_whole():
    image = np.random.default_rng(0).random((24, 24, 3)).astype(np.float32)
    whole = cv2.resize(image, (60, 60), interpolation=cv2.INTER_LINEAR)
    for rows in (slice(0, 7), slice(7, 60)):
        # OpenCV's two ways differ by the 5 bits that one of them has for weights.
        np.testing.assert_allclose(enlarged_rows(image, 60, rows), whole[rows], atol=0.03)


def test_detail_comes_from_the_photo_and_on_the_other_side_from_its_mirror_image(model, problem):
    large = sharpened(_fitted(), problem)
    atlas = make_atlas(model, SIZE)
    face = atlas.interpolate(model, model.regions["cheeks"][:, None])[:, 0] > 0.8
    stripes = _stripes(atlas.interpolate(model, problem.views[0].vertices))
    seen, value = atlas.columns < SIZE // 2, atlas.at(large.diffuse)[:, 0]
    light, dark = (np.median(value[face & seen & (stripes == shade)]) for shade in (1, 0))
    assert light == pytest.approx(0.4 * 0.3 / 0.245, rel=0.05)
    assert dark == pytest.approx(0.4 * 0.2 / 0.245, rel=0.05)
    skin = np.zeros((SIZE, SIZE), bool)
    skin[atlas.rows[face], atlas.columns[face]] = True
    both = skin & skin[:, ::-1]
    assert both.sum() > 500
    np.testing.assert_allclose(large.diffuse[both], large.diffuse[:, ::-1][both], atol=1e-5)
    np.testing.assert_allclose(large.specular[skin], 0.4, atol=1e-5)


def test_of_two_photos_each_gives_its_share_of_the_detail(model, problem):
    """A second photo without stripes, which has three quarters of the say in the lower half of the map."""
    (striped,) = problem.views
    smooth = replace(striped.detail, image=np.full_like(striped.detail.image, 0.245))
    part = np.where(np.arange(FITTED)[:, None] < FITTED // 2, 0.0, 0.75) * np.ones((1, FITTED))
    plain = replace(striped, detail=smooth, share=part.astype(np.float32))
    both = MapProblem([replace(striped, share=(1.0 - part).astype(np.float32)), plain])
    both.eye_colours = problem.eye_colours
    alone, large = (np.log(sharpened(_fitted(), made).diffuse[:, :, 0] / 0.4) for made in (problem, both))
    atlas = make_atlas(model, SIZE)
    skin = atlas.is_part("skin") & (atlas.columns < SIZE // 2)
    upper, lower = atlas.rows < 0.45 * SIZE, atlas.rows > 0.55 * SIZE
    for where, share in ((upper, 1.0), (lower, 0.25)):
        chosen = atlas.rows[skin & where], atlas.columns[skin & where]
        assert np.abs(alone[chosen]).mean() > 0.1
        np.testing.assert_allclose(large[chosen], share * alone[chosen], atol=0.01)


def test_bands_leave_no_trace(problem, monkeypatch):
    whole = sharpened(_fitted(), problem)
    monkeypatch.setattr(atlas_module, "BAND_TEXELS", 50 * SIZE)
    banded = sharpened(_fitted(), problem)
    for name in ("diffuse", "specular", "roughness"):
        np.testing.assert_allclose(getattr(banded, name), getattr(whole, name), atol=1e-5, err_msg=name)


def test_maps_of_the_size_asked_for_stay_as_they_are(problem):
    flat = np.full((SIZE, SIZE), 0.4, np.float32)
    maps = FinishedMaps(flat[:, :, None].repeat(3, 2), flat, flat, _fitted().coverage)
    assert sharpened(maps, problem) is maps


def test_normals_are_enlarged_and_stay_unit(problem):
    maps = _fitted()
    rows = np.arange(FITTED)
    normal = np.full((FITTED, FITTED, 3), (0.5, 0.5, 1.0), np.float32)
    normal[rows % 8 < 4] = (0.8, 0.5, 0.9)
    large = sharpened(replace(maps, normal=normal), problem).normal
    assert large.shape == (SIZE, SIZE, 3)
    np.testing.assert_allclose(np.linalg.norm(2.0 * large - 1.0, axis=2), 1.0, atol=1e-5)
    coarse = cv2.resize(large, (FITTED, FITTED), interpolation=cv2.INTER_AREA)
    assert np.abs(coarse - normal)[1:-1].mean() < 0.03
    assert sharpened(maps, problem).normal is None
