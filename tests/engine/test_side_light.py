"""Under a hard lamp from one side: how much of the shadow stays in the diffuse map, by preset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.engine
torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

import heads  # noqa: E402
from nextgenface.engine.fit.atlas import make_atlas  # noqa: E402
from nextgenface.engine.fit.eyes import SIDES, find_eyeball  # noqa: E402
from nextgenface.engine.fit.map_view import MapView  # noqa: E402
from nextgenface.engine.fit.maps import MapProblem  # noqa: E402
from nextgenface.engine.fit.stage2 import Observation, fit_statistical  # noqa: E402
from nextgenface.engine.presets import read_preset  # noqa: E402
from nextgenface.engine.render.path import render  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.scene.light import latlong_directions, latlong_weights  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

SIZE = 224
SMALL = {"fit_size": SIZE, "texture_size": 256, "stage2_iterations": 64, "stage3_iterations": 80}
# Irradiance of the lamp, its angular radius, and the light from everywhere else.
LAMP, RADIUS, AROUND = (3.2, 3.1, 2.9), 0.08, 0.1


@pytest.fixture(scope="module")
def known() -> heads.Portrait:
    """A head with the same skin on both sides, path-traced with bounces: what differs in its map is light."""
    portrait = heads.portrait(SIZE)
    reflectance = portrait.truth.reflectance
    colour = reflectance.colour.clone()
    colour[[i for i, name in enumerate(reflectance.skin.names) if "one-sided" in name]] = 0.0
    truth = replace(portrait.truth, reflectance=replace(reflectance, colour=colour))
    maps = heads.statistical_maps(portrait.model, truth.reflectance)
    picture = render(
        truth.vertices, portrait.model, *maps, _side_light(), truth.camera, samples=192, depth=4, seed=3
    ).image
    view = replace(portrait.view, image=np.minimum(picture, 1.0))
    return heads.Portrait(portrait.model, view, portrait.points, truth)


def _side_light(height: int = 64) -> np.ndarray:
    """(h, 2h, 3) a small lamp at the subject's right, a little raised, in dim surroundings."""
    towards = np.array([-0.93, 0.2, 0.3]) / np.linalg.norm([-0.93, 0.2, 0.3])
    lamp = latlong_directions(height) @ towards > np.cos(RADIUS)
    picture = np.full((height, 2 * height, 3), AROUND, np.float32)
    picture[lamp] += np.array(LAMP, np.float32) / float((latlong_weights(height) * lamp).sum())
    return picture


@pytest.fixture(scope="module")
def left_in_map(known) -> dict[str, float]:
    return {name: _one_sidedness(known, name) for name in ("default", "shadows")}


def _one_sidedness(known: heads.Portrait, preset: str) -> float:
    """Mean difference of the logarithm of the diffuse map between mirror texels of the face."""
    settings = Settings.from_dict({**read_preset(preset), **SMALL})
    seen = Observation(known.view, known.points, 0.5 * known.truth.expression, lambda *_: None)
    (found,) = fit_statistical(known.model, 0.0 * known.truth.identity, [seen], settings, SilentReporter())
    irises = np.zeros((2, 2), np.float32)
    balls = {side: find_eyeball(known.model, found.vertices, side, found.camera, irises) for side in SIDES}
    view = replace(known.view, camera=found.camera)
    seen_by = MapView(known.model, found, view, np.zeros_like(view.weight), balls, settings, SilentReporter())
    light = np.log(MapProblem([seen_by]).run().diffuse.mean(2) + 0.005)
    atlas = make_atlas(known.model, len(light))
    region = atlas.interpolate(known.model, known.model.regions["face"][:, None]) * atlas.is_part("skin")[:, None]
    face = atlas.image(region)[:, :, 0] > 0.5
    both = face & face[:, ::-1]
    return float(np.abs(light - light[:, ::-1])[both].mean())


def test_the_light_is_hard_and_from_the_side(known):
    """One cheek has several times the light of the other."""
    image, weight = known.view.image.mean(2), known.view.weight > 0.5
    columns = np.flatnonzero(weight.any(0))
    middle = int(known.points[:, 0].mean())
    lit, shaded = image[:, columns[0] : middle], image[:, middle : columns[-1]]
    ratio = np.median(lit[weight[:, columns[0] : middle]]) / np.median(shaded[weight[:, middle : columns[-1]]])
    assert ratio > 2.0


def test_little_of_a_hard_shadow_stays_in_the_map(left_in_map):
    assert left_in_map["default"] < 0.035


def test_the_preset_for_shadows_leaves_less_of_them(left_in_map):
    assert left_in_map["shadows"] < 0.5 * left_in_map["default"]
