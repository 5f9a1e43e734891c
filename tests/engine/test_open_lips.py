"""The lips of an open mouth: what they look like says nothing of the shape, where they end does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.engine
torch = pytest.importorskip("torch")

import heads  # noqa: E402
from nextgenface.engine.fit.head import DifferentiableCamera, DifferentiableHead  # noqa: E402
from nextgenface.engine.fit.observations import observe  # noqa: E402
from nextgenface.engine.fit.photo_run import PhotoRun  # noqa: E402
from nextgenface.engine.fit.photometric import View  # noqa: E402
from nextgenface.engine.fit.prepare import prepare_photo  # noqa: E402
from nextgenface.engine.fit.refine import ShapeProblem  # noqa: E402
from nextgenface.engine.fit.reflectance import Explained  # noqa: E402
from nextgenface.engine.fit.seam import Seam  # noqa: E402
from nextgenface.engine.fit.stage1 import fit_landmarks  # noqa: E402
from nextgenface.engine.fit.stage2 import (  # noqa: E402
    OPEN_LIPS_MM,
    OPEN_LIPS_POINTS,
    Observation,
    _Photo,
    _Traced,
    visible_samples,
)
from nextgenface.engine.fit.tracing import trace_transfer  # noqa: E402
from nextgenface.engine.landmarks.schemes import MEDIAPIPE  # noqa: E402
from nextgenface.engine.render.geometry import TracedScene  # noqa: E402
from nextgenface.engine.render.path import render  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.scene.light import Light  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402
from scipy.spatial import cKDTree  # noqa: E402

QUICK = Settings(bands=heads.BANDS, transfer_directions=64, stage2_iterations=160)
UPPER, LOWER = list(MEDIAPIPE.inner_lips[:10:-1]), list(MEDIAPIPE.inner_lips[1:10])


@pytest.fixture(scope="module")
def smile() -> heads.Portrait:
    """The known head with its mouth open."""
    known = heads.portrait()
    model, truth = known.model, known.truth
    expression = truth.expression.copy()
    for name in ("jawOpen", "mouthUpperUpLeft", "mouthUpperUpRight"):
        expression[model.expression_names.index(name)] = 0.25
    truth = replace(truth, expression=expression, vertices=model.vertices(truth.identity, expression))
    maps, light = heads.statistical_maps(model, truth.reflectance), Light(truth.light).image(32)
    picture = render(truth.vertices, model, *maps, light, truth.camera, samples=48, depth=3, seed=3)
    view = View(picture.image, heads.skin_mask(model, truth.vertices, truth.camera, margin=1), truth.camera)
    return heads.Portrait(model, view, heads.landmark_pixels(model, truth.vertices, truth.camera), truth)


def problem(smile: heads.Portrait, mouth_open: bool, points: np.ndarray | None = None) -> ShapeProblem:
    """What the photo says of the shape at the truth."""
    model, truth = smile.model, smile.truth
    head, scene = DifferentiableHead(model), TracedScene(truth.vertices, model.triangles)
    samples = visible_samples(model, scene, smile.view, 4000, 0)
    vertices = torch.from_numpy(truth.vertices)
    places, normals = (
        head.interpolate(values, samples.triangle, samples.barycentric)
        for values in (vertices, head.vertex_normals(vertices))
    )
    normals = torch.nn.functional.normalize(normals, dim=1)
    transfer = trace_transfer(scene, places, normals, truth.camera.centre, QUICK, 0, lambda: None, None)
    seen = Observation(
        smile.view, smile.points if points is None else points, truth.expression, lambda *_: None, mouth_open=mouth_open
    )
    return _Photo(model, seen, QUICK, 0).shape_problem(
        head,
        _Traced(smile.view, samples, transfer, normals, None, None, torch.zeros(0)),
        1.0,
        (truth.reflectance.albedo(), truth.reflectance.surface()),
        torch.zeros(model.vertex_count),
        Explained(torch.from_numpy(truth.light), samples.weight),
    )


@pytest.mark.parametrize("closed", [False, True])
def test_the_photo_tells_whether_the_mouth_is_open(smile, astronaut, closed):
    settings, reporter = Settings(), SilentReporter()
    prepared = prepare_photo(astronaut, settings, reporter, None)
    assert prepared.seam is None, "she smiles"
    if closed:
        line = np.zeros((2, 2))
        prepared = replace(prepared, seam=Seam(line, np.array([0.0, 1.0]), np.ones(2)))
    seen = observe(prepared.photo, prepared.face, settings, prepared.focal_length_mm)
    (first,) = fit_landmarks(smile.model, [seen], settings, reporter).photos
    assert PhotoRun(smile.model, prepared, settings, reporter).observation(first).mouth_open is not closed


def test_shading_of_an_open_mouth_s_lips_does_not_count(smile):
    model = smile.model
    shut, ajar = (problem(smile, mouth_open).samples for mouth_open in (False, True))
    share = (ajar.weight / shut.weight.clamp(min=1e-6)).numpy()
    corners = model.mean[model.triangles[shut.triangle.numpy()]]
    places = (corners * shut.barycentric.numpy()[:, :, None]).sum(1)
    distance, _ = cKDTree(model.mean[model.regions["lips"] > 0.5]).query(places)
    seen_well = shut.weight.numpy() > 0.1
    on_lips, far = seen_well & (distance < 0.1 * OPEN_LIPS_MM), seen_well & (distance > 4.0 * OPEN_LIPS_MM)
    assert on_lips.sum() > 5 and far.sum() > 100
    assert share[on_lips].max() < 0.1
    assert share[far].min() > 0.99


def test_points_of_an_open_mouth_s_inner_lips_count_more(smile):
    model, truth = smile.model, smile.truth
    numbers = model.landmarks["mediapipe"].index
    camera, vertices = DifferentiableCamera.at(truth.camera), torch.from_numpy(truth.vertices)

    def cost(moved: list[int], mouth_open: bool) -> float:
        points = smile.points.copy()
        points[np.isin(numbers, moved)] += (0.0, 1.0)
        return float(problem(smile, mouth_open, points)._landmark_loss(vertices, camera))

    inner, outer = [*UPPER, *LOWER], [33, 133, 362, 263]
    assert cost(inner, True) == pytest.approx(OPEN_LIPS_POINTS * cost(inner, False), rel=1e-3)
    assert cost(outer, True) == pytest.approx(cost(outer, False), rel=1e-3)
