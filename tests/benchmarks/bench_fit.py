"""What a fit spends its time on, taken out of a real one: the parts that are evaluated again and again."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from nextgenface.engine.faces import bundled
from nextgenface.engine.faces.choose import load_model
from nextgenface.engine.fit.prepare import prepare_photo
from nextgenface.engine.fit.stage1 import fit_landmarks, observe
from nextgenface.engine.reporter import SilentReporter
from nextgenface.engine.scene.light import Light
from nextgenface.engine.settings import Settings

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))

from heads import portrait, statistical_maps

# As in the correction of the maps with the default preset.
PIXELS, TEXELS, SAMPLES, DEPTH = 256, 1024, 64, 4
# Few steps: the problems are as large as those of a whole fit, and only one evaluation of each is wanted.
SETTINGS = Settings(stage2_iterations=12, stage3_iterations=6, render_samples=1, preview_every=0)


@pytest.fixture(scope="module")
def searches(astronaut, tmp_path_factory):
    """Of a real fit: module -> the last L-BFGS search in it, (optimiser, closure); "stage3" -> arguments of its loss; and
    "reflectance" -> the last search for the skin with the place where it began.
    """
    from nextgenface.engine.fit.pipeline import reconstruct
    from nextgenface.engine.render.variant import activate

    activate()
    from nextgenface.engine.fit import reflectance, stage3

    found = {}
    step, loss, skin_step = torch.optim.LBFGS.step, stage3.total_loss, reflectance._Search.step

    def noted_step(optimiser, closure):
        found[closure.__module__.rpartition(".")[2]] = (optimiser, closure)
        return step(optimiser, closure)

    def noted_loss(*arguments):
        found["stage3"] = arguments
        return loss(*arguments)

    def noted_skin_step(search, place, *others):
        found["reflectance"] = (search, place)
        return skin_step(search, place, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reflectance._Search, "step", noted_skin_step)
        patch.setattr(torch.optim.LBFGS, "step", noted_step)
        patch.setattr(stage3, "total_loss", noted_loss)
        reconstruct([astronaut], tmp_path_factory.mktemp("fit") / "out", SETTINGS, SilentReporter())
    return found


def test_stage1(benchmark, astronaut):
    """All of it, from the points that the detector found."""
    settings, reporter = Settings(), SilentReporter()
    prepared = prepare_photo(astronaut, settings, reporter)
    seen = observe(prepared.photo, prepared.face, settings)
    model = load_model("bundled")
    found = benchmark(lambda: fit_landmarks(model, [seen], settings, reporter))
    assert found.landmark_error_percent < 1.0


@pytest.mark.parametrize("part", ["loss", "_gradient", "curvature"])
def test_stage2_skin(benchmark, searches, part):
    """The skin's loss with its best light, and its first and second derivatives."""
    search, place = searches["reflectance"]
    assert np.isfinite(benchmark(lambda: getattr(search, part)(place))).all()


def test_stage2_shape(benchmark, searches):
    """Loss and gradient of shape and camera."""
    optimiser, closure = searches["refine"]
    for unknown in optimiser.param_groups[0]["params"]:
        unknown.requires_grad_(True)
    assert torch.isfinite(benchmark(closure))


def test_stage3_evaluation(benchmark, searches):
    """Loss and gradient of all maps at their full size."""
    from nextgenface.engine.fit import stage3

    maps, *others = searches["stage3"]
    change = maps.change.detach().requires_grad_(True)

    def evaluate():
        change.grad = None
        torch.autograd.backward(stage3.total_loss(replace(maps, change=change), *others))
        return change.grad

    assert benchmark(evaluate).isfinite().all()


def test_correction_render(benchmark):
    """The path-traced picture that the maps are compared with."""
    from nextgenface.engine.render.path import render

    seen = portrait()
    truth = seen.truth
    camera = truth.camera.cropped(0.0, 0.0, PIXELS, PIXELS, PIXELS / truth.camera.width)
    maps = statistical_maps(seen.model, truth.reflectance, TEXELS)
    light = Light(truth.light).image(64)

    def work():
        return render(truth.vertices, seen.model, *maps, light, camera, samples=SAMPLES, depth=DEPTH).image

    assert np.isfinite(benchmark.pedantic(work, rounds=3, warmup_rounds=1)).all()


def test_reading_the_bundled_head(benchmark):
    head = benchmark(lambda: bundled.read(bundled.DATA / "head.npz"))
    assert head.vertex_count > 0
