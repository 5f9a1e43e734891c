"""Texels: which point of the head each shows, what the photo says of it, and how maps are continued and corrected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.engine
torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

import heads  # noqa: E402
from nextgenface.engine.faces.model import PART_NAMES  # noqa: E402
from nextgenface.engine.fit.atlas import make_atlas  # noqa: E402
from nextgenface.engine.fit.completion import continued  # noqa: E402
from nextgenface.engine.fit.correction import Rendered, corrected, make_skin_mask  # noqa: E402
from nextgenface.engine.fit.eyes import SIDES, find_eyeball, texel_share  # noqa: E402
from nextgenface.engine.fit.lit_picture import resized_lit  # noqa: E402
from nextgenface.engine.fit.map_view import MapView, SeenAtlas  # noqa: E402
from nextgenface.engine.fit.maps import FinishedMaps, MapProblem  # noqa: E402
from nextgenface.engine.fit.photometric import View  # noqa: E402
from nextgenface.engine.fit.shading import Lit  # noqa: E402
from nextgenface.engine.fit.texel_pyramid import TexelPyramid  # noqa: E402
from nextgenface.engine.render.path import render  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.scene.light import Light  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

SIZE = 128


@pytest.fixture(scope="module")
def known() -> heads.Portrait:
    return heads.portrait()


@pytest.fixture(scope="module")
def model(known):
    return known.model


@pytest.fixture(scope="module")
def atlas(model):
    return make_atlas(model, SIZE)


@pytest.fixture(scope="module")
def problem(known):
    return _problem(known, known.view)


def _problem(known, view: View) -> MapProblem:
    camera, vertices = known.view.camera, known.truth.vertices
    irises = np.zeros((2, 2), np.float32)
    balls = {side: find_eyeball(known.model, vertices, side, camera, irises) for side in SIDES}
    settings = Settings(bands=heads.BANDS, texture_size=256, transfer_directions=32, stage3_iterations=16)
    eyes = np.zeros_like(view.weight)
    return MapProblem([MapView(known.model, known.truth, view, eyes, balls, settings, SilentReporter())])


# --- the atlas --------------------------------------------------------------------------------------------------------


def test_each_texels_point_has_the_texels_uv(model, atlas):
    corners = model.triangle_uv[atlas.triangle]
    uv = (corners * atlas.barycentric[:, :, None]).sum(1)
    expected = np.stack([(atlas.columns + 0.5) / SIZE, 1.0 - (atlas.rows + 0.5) / SIZE], 1)
    np.testing.assert_allclose(uv, expected, atol=1e-4)
    np.testing.assert_allclose(atlas.barycentric.sum(1), 1.0, atol=1e-5)
    assert atlas.barycentric.min() > -1e-4


def test_texels_are_those_inside_the_islands_and_no_others(model, atlas):
    """Against OpenCV's filling of the same triangles, away from their edges."""
    filled = np.zeros((SIZE * 8, SIZE * 8), np.uint8)
    corners = model.triangle_uv * [1.0, -1.0] + [0.0, 1.0]
    for triangle in np.round(corners * SIZE * 8 - 0.5).astype(np.int32):
        cv2.fillConvexPoly(filled, triangle, 255)
    share = cv2.resize(filled, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    assert atlas.known[share == 255].all()
    assert not atlas.known[share == 0].any()
    assert 0.5 < atlas.known.mean() < 1.0


def test_parts_are_those_of_the_polygons(model, atlas):
    assert {PART_NAMES[part] for part in np.unique(atlas.part)} == set(PART_NAMES) - {"lashes"}
    part = model.face_part[model.triangle_face[atlas.triangle]]
    for name in PART_NAMES:
        assert np.array_equal(atlas.is_part(name), part == PART_NAMES.index(name))


def test_values_go_into_a_picture_and_back(atlas):
    values = np.random.default_rng(0).random((len(atlas.rows), 2)).astype(np.float32)
    picture = atlas.image(values, empty=-1.0)
    assert np.array_equal(atlas.at(picture), values)
    assert (picture[~atlas.known] == -1.0).all()


def test_interpolation_gives_the_surfaces_points(model, atlas):
    """A linear function of place is interpolated without error, and points of the mean head lie on the mean head."""
    points = atlas.interpolate(model, model.mean)
    direction = np.array([0.3, -0.5, 0.8], np.float32)
    along = atlas.interpolate(model, (model.mean @ direction)[:, None])[:, 0]
    np.testing.assert_allclose(along, points @ direction, atol=1e-2)
    assert np.ptp(points, 0) == pytest.approx(np.ptp(model.mean, 0), rel=0.05)


# --- filling and resampling -------------------------------------------------------------------------------------------


def test_change_is_kept_where_it_is_sure_and_fades_into_the_mean_far_away():
    change = np.zeros((256, 256, 2), np.float32)
    change[:, :128] = (0.5, -0.2)
    change[:64, :128, 0] = 0.7
    weight = np.zeros((256, 256), np.float32)
    weight[:, :128] = 1.0
    result = continued(change, weight)
    np.testing.assert_allclose(result[:, :128], change[:, :128], atol=1e-5)
    mean = change[:, :128].mean((0, 1))
    assert np.abs(result[20, 128] - (0.7, -0.2)).max() < 0.03, "no seam"
    assert abs(result[20, 134, 0] - mean[0]) > 0.04, "no step to the mean either"
    np.testing.assert_allclose(result[:, 255], np.broadcast_to(mean, (256, 2)), atol=0.01)


def _lit(size: int, seed: int = 0) -> Lit:
    chance = torch.Generator().manual_seed(seed)
    count, nodes = size * size, torch.tensor([0.2, 0.7])
    return Lit(
        torch.rand(count, 3, generator=chance),
        torch.rand(count, 2, 2, 3, generator=chance),
        nodes,
        torch.rand(count, generator=chance),
    )


def test_shading_is_averaged_when_smaller_and_kept_in_its_places():
    fine = _lit(8)
    coarse = resized_lit(fine, 4)
    for name in ("diffuse", "glossy", "cosine"):
        before, after = getattr(fine, name), getattr(coarse, name)
        shape = before.shape[1:]
        blocks = before.reshape(4, 2, 4, 2, *shape).mean((1, 3)).reshape(16, *shape)
        assert torch.allclose(after, blocks, atol=1e-6), name
    assert torch.equal(coarse.nodes, fine.nodes)
    assert resized_lit(fine, 8) is fine


def test_shading_is_interpolated_when_larger():
    rows, columns = torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij")
    ramp = (rows + 10.0 * columns).reshape(16)
    coarse = Lit(ramp[:, None].expand(-1, 3), torch.ones(16, 2, 2, 3), torch.tensor([0.2, 0.7]), torch.full((16,), 0.5))
    fine = resized_lit(coarse, 8).diffuse.reshape(8, 8, 3)
    # Texel 3 of 8 has its centre at 1.25 of 4, from the first's centre.
    assert fine[3, 3].numpy() == pytest.approx(1.25 * 11.0, abs=1e-4)
    assert resized_lit(coarse, 8).cosine.numpy() == pytest.approx(0.5)


# --- what the photo says ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def marked(known):
    """The same head, seen in a picture whose colours tell their own place."""
    rows, columns = np.mgrid[0:160, 0:160]
    colours = np.dstack([(columns + 0.5) / 160, (rows + 0.5) / 160, np.full((160, 160), 0.5)]).astype(np.float32)
    return _problem(known, View(colours, known.view.weight, known.view.camera))


def test_a_texel_gets_the_photos_colour_at_its_projection(known, marked, atlas):
    (seen,) = marked.look(atlas)
    points = atlas.interpolate(known.model, known.truth.vertices)
    expected = known.view.camera.project(points) / 160
    shown = seen.weight > 0
    assert shown.sum() > 1500
    np.testing.assert_allclose(seen.colour[shown, :2], expected[shown], atol=1e-4)
    assert seen.colour[shown, 2] == pytest.approx(0.5)


def _cosine(known, problem, atlas, camera) -> np.ndarray:
    """(N,) between the texels' normals and their directions to the camera."""
    normals = atlas.interpolate(known.model, problem.views[0].normals)
    towards = camera.centre - atlas.interpolate(known.model, known.truth.vertices)
    return (normals * towards).sum(1) / np.linalg.norm(towards, axis=1) / np.linalg.norm(normals, axis=1)


def test_hidden_texels_have_no_weight(known, problem, atlas):
    """Behind the head, turned away, inside the mouth, beyond the mask: nothing. In the middle of a cheek: all."""
    weight = problem.look(atlas)[0].weight
    points = atlas.interpolate(known.model, known.truth.vertices)
    assert (weight[points[:, 2] < 0] == 0).all()
    for part in ("mouth", "teeth_upper", "teeth_lower", "tongue"):
        assert (weight[atlas.is_part(part)] == 0).all()
    pixel = np.clip(known.view.camera.project(points).astype(int), 0, 159)
    # Beyond what bilinear filtering reads.
    near = cv2.dilate(known.view.weight, np.ones((3, 3)))
    assert (weight[near[pixel[:, 1], pixel[:, 0]] == 0] == 0).all()
    cosine = _cosine(known, problem, atlas, known.view.camera)
    assert (weight[cosine < 0.15] == 0).all()
    cheek = (atlas.interpolate(known.model, known.model.regions["cheeks"][:, None])[:, 0] > 0.8) & (cosine > 0.7)
    assert cheek.sum() > 50
    assert np.median(weight[cheek]) == pytest.approx(1.0, abs=1e-3)


def test_what_the_nose_hides_has_no_weight(known, problem, atlas):
    """Seen from the side, a part of the far cheek faces the camera and yet is not in the picture."""
    turned = replace(known.view.camera, rotation=cv2.Rodrigues(np.array([0.0, 0.9, 0.0]))[0])
    everywhere = View(known.view.image, np.ones_like(known.view.weight), turned)
    (aside,) = _problem(known, everywhere).look(atlas)
    facing = (_cosine(known, problem, atlas, turned) > 0.3) & atlas.is_part("skin")
    shown = turned.project(atlas.interpolate(known.model, known.truth.vertices))
    framed = facing & (np.abs(shown - 80) < 79).all(1)
    hidden = framed & (aside.weight == 0)
    assert 10 < hidden.sum() < 0.2 * framed.sum()


def test_the_pyramid_averages_what_it_trusts(problem, atlas):
    """A coarse texel is the mean of its fine ones by their weight; untrusted colours do not bleed in."""
    rng = np.random.default_rng(0)
    weight = (rng.random(len(atlas.rows)) > 0.5).astype(np.float32)
    colour = rng.random((len(atlas.rows), 3)).astype(np.float32)
    colour[weight == 0] = 1e3
    pyramid = TexelPyramid(
        problem.model, problem.reflectance, [SeenAtlas(atlas, colour, weight, np.ones_like(weight))], [_lit(SIZE)]
    )
    texels = pyramid.at(SIZE // 2)
    fine = atlas.image(weight[:, None])[..., 0].reshape(SIZE // 2, 2, SIZE // 2, 2)
    skin = texels.skin.numpy() > 0
    mean = fine.mean((1, 3))
    np.testing.assert_allclose(texels.weight.numpy()[skin], mean[skin], atol=1e-6)
    assert texels.weight[~skin].max() == 0
    total = atlas.image(colour * weight[:, None]).reshape(SIZE // 2, 2, SIZE // 2, 2, 3).mean((1, 3))
    chosen = skin & (mean > 0)
    expected = total[chosen] / mean[chosen][:, None]
    np.testing.assert_allclose(texels.image(texels.colour).numpy()[chosen], expected, atol=1e-4)
    assert len(texels.lit.cosine) == len(texels.colour) == chosen.sum()


def test_at_its_own_size_the_pyramid_changes_nothing(problem, atlas):
    (seen,) = problem.look(atlas)
    texels = TexelPyramid(problem.model, problem.reflectance, [seen], [_lit(SIZE)]).at(SIZE)
    own = atlas.image(seen.colour)[texels.weight.numpy() > 0]
    np.testing.assert_allclose(texels.colour.numpy(), own, atol=1e-5)


# --- the correction ---------------------------------------------------------------------------------------------------


def _finished(known, factor) -> FinishedMaps:
    diffuse, specular, roughness = heads.statistical_maps(known.model, known.truth.reflectance)
    from_photo = np.zeros_like(diffuse)
    from_photo[:, :, 0] = 1.0
    return FinishedMaps((diffuse * np.float32(factor)).astype(np.float32), specular, roughness, from_photo)


def _rendered(known, maps: FinishedMaps) -> np.ndarray:
    truth = known.truth
    light = Light(truth.light).image(32)
    return render(
        truth.vertices,
        known.model,
        maps.diffuse,
        maps.specular,
        maps.roughness,
        light,
        truth.camera,
        samples=24,
        depth=3,
    ).image


def test_a_map_that_is_too_dark_comes_back(known, problem):
    truth, maps = _finished(known, 1.0), _finished(known, 0.8)
    for _ in range(2):
        maps = corrected(maps, problem, [Rendered(known.view, _rendered(known, maps))])
    (face,) = problem.look(make_atlas(known.model, 256))
    seen = (face.weight > 0.5) & face.atlas.is_part("skin")
    ratio = face.atlas.at(maps.diffuse)[seen] / face.atlas.at(truth.diffuse)[seen]
    assert ratio.mean(0) == pytest.approx(1.0, abs=0.03)
    assert ratio.std() < 0.06
    # Gloss is not touched.
    assert np.array_equal(maps.specular, truth.specular) and np.array_equal(maps.roughness, truth.roughness)


def test_what_the_photo_did_not_give_is_not_made_like_the_photo(known, problem):
    """Hair before the forehead must not darken the skin that was put in its place."""
    maps = _finished(known, 1.0)
    picture = _rendered(known, maps)
    # Something dark lies before the upper part of the face: there the render is brighter than the photo.
    picture[: picture.shape[0] // 3] *= 1.5
    forehead = problem.forehead(make_atlas(known.model, maps.diffuse.shape[0]))
    believed = corrected(maps, problem, [Rendered(known.view, picture)]).diffuse / maps.diffuse
    darkened = (believed < 0.85).all(2) & (forehead == 1.0)
    assert darkened.mean() > 0.02
    other = maps.coverage.copy()
    other[cv2.dilate(darkened.astype(np.uint8), np.ones((25, 25))) > 0] = (0.0, 0.0, 1.0)
    result = corrected(replace(maps, coverage=other), problem, [Rendered(known.view, picture)]).diffuse / maps.diffuse
    assert result[darkened].mean() > 0.5 * (1.0 + believed[darkened].mean())


def test_a_glint_is_not_painted_again(known, problem, monkeypatch):
    """The render lacks it, as the map does: it is no reason to brighten the map there."""
    maps = _finished(known, 1.0)
    (view,) = problem.views
    monkeypatch.setattr(view, "dimming", np.full((1, 1, 3), 0.8, np.float32))
    result = corrected(maps, problem, [Rendered(known.view, 0.8 * _rendered(known, maps))])
    (seen,) = problem.look(make_atlas(known.model, 256))
    ratio = seen.atlas.at(result.diffuse / maps.diffuse)[seen.weight > 0.5]
    assert ratio.mean() == pytest.approx(1.0, abs=0.02)


def test_a_small_photo_is_shaded_at_few_texels(known, problem):
    """Texels that are finer than the photo's pixels cost time and say nothing."""
    (view,) = problem.views
    small = replace(view, settings=replace(view.settings, fit_size=128))
    shading = small.shade()
    assert len(shading.cosine) == 192**2
    fine = resized_lit(view.shade(), 192)
    seen = fine.cosine > 0.3
    assert shading.diffuse[seen].mean() == pytest.approx(float(fine.diffuse[seen].mean()), rel=0.05)


def test_a_right_map_stays_and_other_parts_are_never_touched(known, problem):
    maps = _finished(known, 1.0)
    result = corrected(maps, problem, [Rendered(known.view, _rendered(known, maps))])
    (seen,) = problem.look(make_atlas(known.model, 256))
    ratio = seen.atlas.at(result.diffuse / maps.diffuse)[seen.weight > 0.5]
    assert ratio == pytest.approx(1.0, abs=0.1)
    assert ratio.mean() == pytest.approx(1.0, abs=0.01)
    dark = corrected(maps, problem, [Rendered(known.view, 0.5 * _rendered(known, maps))])
    other = make_skin_mask(known.model, 256) == 0
    assert other.sum() > 500
    assert np.array_equal(dark.diffuse[other], maps.diffuse[other])
    # A change is held to exp(0.35) at most.
    assert (dark.diffuse / maps.diffuse).max() < np.exp(0.35) + 1e-3


def test_stage_3_as_a_whole_gives_maps_in_range(known, problem):
    maps = problem.run()
    assert maps.diffuse.shape == (256, 256, 3)
    for data in (maps.diffuse, maps.specular, maps.roughness, maps.coverage):
        assert np.isfinite(data).all()
        assert data.min() >= 0.0 and data.max() <= 1.0
    assert problem.losses[-1] < problem.losses[0]
    assert 0.05 < maps.coverage[:, :, 0].mean() < 0.9
    assert maps.coverage.sum(2) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("size", [256, 1024])
def test_the_side_of_a_texel_is_that_of_the_iris_s_own_texels(known, size):
    model, vertices = known.model, known.truth.vertices
    atlas = make_atlas(model, size)
    for side in SIDES:
        ball = find_eyeball(model, vertices, side, known.truth.camera, np.zeros((2, 2), np.float32))
        points = atlas.interpolate(model, vertices)[atlas.is_part(side)]
        inside = (ball.angle(points) < ball.iris_angle).sum()
        # A disc of radius 1 holds pi over the texel's area of them.
        assert texel_share(model, vertices, side, ball, size) == pytest.approx(np.sqrt(np.pi / inside), rel=0.06)


class _EyesSeen:
    """A photo of two eyes, whose irises differ in shade, and what it shows at their texels."""

    weight = np.ones(200, np.float32)

    def __init__(self) -> None:
        self.colours = {"eye_left": (0.04, 0.06, 0.1), "eye_right": (0.05, 0.045, 0.06)}
        self.whites = {"eye_left": 0.5, "eye_right": 0.4}
        self.atlas = self

    def is_part(self, side: str) -> np.ndarray:
        return np.arange(200) < 100 if side == "eye_left" else np.arange(200) >= 100

    def eye_sight(self, side: str, *_) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        share = np.repeat(np.array([0.7, 1.5], np.float32), 50)
        albedo = np.where(share[:, None] < 1.0, self.colours[side], self.whites[side]).astype(np.float32)
        return share, albedo, np.ones(100, np.float32)


def test_a_person_s_irises_are_of_one_colour_and_each_white_is_its_own():
    photo = _EyesSeen()
    problem = MapProblem.__new__(MapProblem)
    problem.views, problem.eye_colours = [photo, photo], {}
    problem._find_eyes([photo, photo], [None, None])
    (left, left_white), (right, right_white) = (problem.eye_colours[side] for side in ("eye_left", "eye_right"))
    assert np.array_equal(left, right) and 0.039 < left[0] < 0.051
    assert left_white == pytest.approx(0.5, abs=0.01) and right_white == pytest.approx(0.4, abs=0.01)
