"""The normal map of heads whose relief is known: bumps become normals, spots stay colour."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

pytestmark = pytest.mark.engine
torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

import heads  # noqa: E402
from nextgenface.engine.fit.atlas import make_atlas  # noqa: E402
from nextgenface.engine.fit.eyes import SIDES, find_eyeball  # noqa: E402
from nextgenface.engine.fit.map_view import MapView  # noqa: E402
from nextgenface.engine.fit.maps import FinishedMaps, MapProblem  # noqa: E402
from nextgenface.engine.fit.normals import encoded_normals, make_frames, trace_light, with_normals  # noqa: E402
from nextgenface.engine.fit.photometric import View  # noqa: E402
from nextgenface.engine.fit.shading import unshadowed  # noqa: E402
from nextgenface.engine.render.path import render  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.scene.light import Light  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

SIZE, PICTURE = 512, 360
PIXEL_MM = 1000.0 / (3.4 * PICTURE)
FINEST_MM, COARSEST_MM = 4.0, 9.0
STEEP = 0.15


@cache
def skin():
    """The known head, its statistical maps at `SIZE`, its atlas and its frames."""
    known = heads.portrait()
    model, truth = known.model, known.truth
    atlas = make_atlas(model, SIZE)
    maps = heads.statistical_maps(model, truth.reflectance, SIZE)
    return known, maps, atlas, make_frames(model, truth.vertices)


@cache
def bumps():
    """(SIZE, SIZE, 2) slopes of a random height field with waves of some millimetres."""
    _, _, atlas, frames = skin()
    noise = np.random.default_rng(2).normal(size=(SIZE, SIZE)).astype(np.float32)
    mm = float(np.median(frames.at(atlas, frames.unit_mm))) / SIZE
    blurred = [cv2.GaussianBlur(noise, (0, 0), length / mm / 6.0) for length in (FINEST_MM, COARSEST_MM)]
    height = blurred[0] - blurred[1]
    change = np.stack(np.gradient(height)[::-1], -1)
    metric = frames.at(atlas, frames.metric) * SIZE
    metric[:, :, 1] *= -1.0
    slopes = np.zeros((SIZE, SIZE, 2), np.float32)
    slopes[atlas.rows, atlas.columns] = np.einsum("nsd,nd->ns", metric, change[atlas.rows, atlas.columns])
    return slopes * (STEEP / slopes[atlas.rows, atlas.columns].std())


@cache
def fitted(slopes_shown: bool, spots_shown: bool):
    """Maps before and after `with_normals` of a picture with bumps or spots, and the photo."""
    known, (diffuse, specular, roughness), *_ = skin()
    truth = replace(known.truth, camera=heads.front_camera(PICTURE), light=lamp())
    colour = diffuse * spots()[:, :, None] ** np.array([0.5, 0.9, 1.3]) if spots_shown else diffuse
    normal = encoded_normals(bumps()) if slopes_shown else None
    light = Light(truth.light).image(32)
    picture = render(
        truth.vertices, known.model, colour, specular, roughness, light, truth.camera,
        samples=64, depth=1, seed=3, normal_map=normal,
    ).image  # fmt: skip
    view = View(picture, heads.skin_mask(known.model, truth.vertices, truth.camera), truth.camera)
    balls = {s: find_eyeball(known.model, truth.vertices, s, truth.camera, np.zeros((2, 2), np.float32)) for s in SIDES}
    settings = Settings(bands=heads.BANDS, texture_size=SIZE, transfer_directions=64, stage3_iterations=20)
    eyes = np.zeros_like(view.weight)
    sight = MapView(known.model, truth, view, eyes, balls, settings, SilentReporter())
    before = MapProblem([sight]).run()
    return before, with_normals(before, sight, PIXEL_MM), sight


def lamp():
    """(9, 3) a lamp in front, to one side and a little above."""
    light = np.zeros((heads.BANDS**2, 3), np.float32)
    light[0], light[1], light[2], light[3] = 2.6, 0.45, 1.3, 1.2
    return light


def spots():
    """(SIZE, SIZE) 1, darker in round spots of some millimetres."""
    rng = np.random.default_rng(4)
    image = np.ones((SIZE, SIZE), np.float32)
    for place in rng.uniform(0.15 * SIZE, 0.85 * SIZE, (700, 2)):
        cv2.circle(image, tuple(int(x) for x in place), int(rng.integers(2, 5)), 0.7, -1)
    return cv2.GaussianBlur(image, (0, 0), 1.0)


def slopes_of(normal):
    vector = 2.0 * normal - 1.0
    return -vector[:, :, :2] / vector[:, :, 2:]


def looked_at(view):
    """(SIZE, SIZE) True well inside of what the picture shows, on bare skin."""
    seen = view.look(make_atlas(view.model, SIZE))
    weight = seen.atlas.image((seen.weight * seen.atlas.is_part("skin"))[:, None].astype(np.float32))[:, :, 0]
    return cv2.erode(weight, np.ones((13, 13))) > 0.8


@cache
def gain():
    """(SIZE, SIZE, 2) true change of shading per slope, from the traced light."""
    _, _, view = fitted(True, False)
    traced = trace_light(view, skin()[3]).gain.mean(2)
    return cv2.resize(traced, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)


def shown(slopes, view):
    """(K,) relative change of the shading by ``slopes`` where the picture shows skin well."""
    return (gain() * slopes).sum(2)[looked_at(view)]


def fine_detail(diffuse):
    """(SIZE, SIZE) logarithm of a diffuse map against the statistical one, without slow changes."""
    fine = np.log(diffuse.mean(2) + 1e-3) - np.log(skin()[1][0].mean(2) + 1e-3)
    return fine - cv2.GaussianBlur(fine, (0, 0), 8.0)


def in_albedo(diffuse, view):
    """How much of the true bumps' shading is in a diffuse map: 1 all of it, 0 nothing."""
    bumpy = shown(bumps(), view)
    fine = fine_detail(diffuse)
    return float((fine[looked_at(view)] * bumpy).sum() / (bumpy**2).sum())


def test_bumps_become_normals_and_leave_the_albedo():
    """What the light shows of the normals is what it shows of the bumps, if less of it."""
    before, after, view = fitted(True, False)
    assert before.normal is None
    found, true = shown(slopes_of(after.normal), view), shown(bumps(), view)
    assert np.corrcoef(found, true)[0, 1] > 0.65
    assert (found * true).sum() / (true**2).sum() > 0.12
    assert in_albedo(before.diffuse, view) > 0.3
    assert in_albedo(after.diffuse, view) < 0.65 * in_albedo(before.diffuse, view)


def test_normals_and_albedo_together_show_what_the_albedo_alone_showed():
    """Under the photo's own light the picture stays; without the normals it lacks the bumps."""
    before, after, view = fitted(True, False)
    quality = {name: heads.psnr(relit(view, view.found.light, *maps), view.detail) for name, maps in {
        "before": (before, None), "after": (after, after.normal), "without": (after, None),
    }.items()}  # fmt: skip
    assert quality["after"] > quality["before"] - 0.05
    assert quality["after"] > quality["without"] + 0.7


def test_in_other_light_bumps_look_right():
    """A lamp from the other side, against the true head in it; measured: 1.5 dB better than bumps in the albedo."""
    before, after, view = fitted(True, False)
    light = lamp() * np.array([1.0, -0.7, 0.8, -1.2] + [0.0] * 5, np.float32)[:, None]
    true = FinishedMaps(*skin()[1], np.ones((SIZE, SIZE, 3), np.float32))
    shown_by = replace(view.detail, image=relit(view, light, true, encoded_normals(bumps())))
    quality = [heads.psnr(relit(view, light, m, n), shown_by) for m, n in ((before, None), (after, after.normal))]
    assert quality[1] > quality[0] + 0.8


def relit(view, light, maps, normal):
    """The head's picture with ``maps`` and a normal map in another light."""
    return render(
        view.vertices, view.model, maps.diffuse, maps.specular, maps.roughness, Light(light).image(32),
        view.detail.camera, samples=64, depth=1, normal_map=normal,
    ).image  # fmt: skip


def test_coloured_spots_stay_in_the_albedo():
    """They are darker than bumps make skin, but their colour goes along: nine tenths of them stay where they are."""
    before, after, view = fitted(False, True)
    inside = looked_at(view)
    spotted = np.log(spots())
    spotted = (spotted - cv2.GaussianBlur(spotted, (0, 0), 8.0))[inside]

    def share(values):
        return float((values * spotted).sum() / (spotted**2).sum())

    assert abs(share(shown(slopes_of(after.normal), view))) < 0.05
    kept = [share(fine_detail(maps.diffuse)[inside]) for maps in (before, after)]
    assert kept[0] > 0.3
    assert kept[1] > 0.87 * kept[0]
    steep = [slopes_of(fitted(*kind)[1].normal)[inside].std() for kind in ((False, True), (False, False))]
    assert steep[0] < 1.5 * steep[1]


def test_no_weight_no_normals():
    before, _, view = fitted(True, False)
    off = replace_settings(view, normal_weight=0.0)
    assert with_normals(before, off, PIXEL_MM) is before


def replace_settings(view, **changes):
    return replace(view, settings=replace(view.settings, **changes))


def test_the_map_is_flat_where_the_photo_shows_nothing_and_unit_everywhere():
    _, after, view = fitted(True, False)
    vector = 2.0 * after.normal - 1.0
    np.testing.assert_allclose(np.linalg.norm(vector, axis=2), 1.0, atol=1e-5)
    seen = view.look(make_atlas(view.model, SIZE))
    near = cv2.dilate(seen.atlas.image(seen.weight[:, None])[:, :, 0], np.ones((17, 17))) > 0
    near |= np.flip(near, 1)
    assert 0.2 < near.mean() < 0.8
    assert np.abs(slopes_of(after.normal)[~near]).max() < 0.01


def test_the_traced_gain_is_that_of_the_unshadowed_light_where_nothing_shadows():
    """On the forehead the derivative of Ramamoorthi and Hanrahan's irradiance, by finite differences."""
    _, _, view = fitted(True, False)
    frames = skin()[3]
    traced = trace_light(view, frames, 128)
    atlas = make_atlas(view.model, 128)
    forehead = atlas.interpolate(view.model, view.model.regions["forehead"][:, None])[:, 0] > 0.9
    chosen = forehead & (atlas.at(traced.known) > 0)
    light = torch.from_numpy(view.found.light)
    normal, *axes = (
        torch.from_numpy(frames.at(atlas, v)[chosen]) for v in (frames.normal, frames.tangent, frames.side)
    )
    level = unshadowed(normal, light)
    for number, axis in enumerate(axes):
        up, down = (
            unshadowed(torch.nn.functional.normalize(normal + sign * 0.05 * axis, dim=1), light) for sign in (1.0, -1.0)
        )
        expected = ((down - up) / 0.1 / level).numpy()
        found = atlas.at(traced.gain[..., number])[chosen]
        assert np.abs(found - expected).mean() < 0.05
        assert np.abs(expected).mean() > 0.1 or number == 1
