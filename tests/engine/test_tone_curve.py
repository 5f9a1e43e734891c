"""A camera's tone curve: found where a photo has one, and none where it has none."""

from __future__ import annotations

from dataclasses import replace

import heads
import numpy as np
import pytest
import torch
from nextgenface.engine.faces.skin_optics import ita_degrees
from nextgenface.engine.fit.lighting import LightPrior
from nextgenface.engine.fit.reflectance import Reflectance, ReflectanceProblem, solve_reflectance
from nextgenface.engine.fit.tone_curve import SMALL, curve_weight, negative_log_curve, pivot_of, power_of, straightened
from nextgenface.engine.scene.colour import linear_to_srgb, srgb_to_linear

pytestmark = pytest.mark.engine
COLOURS = torch.tensor([[0.5, 0.3, 0.2], [0.05, 0.04, 0.03], [0.9, 0.8, 0.7]])
WEIGHT = torch.tensor([1.0, 0.5, 0.2])


@pytest.mark.parametrize("power", [0.9, 1.0, 1.3])
def test_a_curve_is_taken_off_again(power):
    pivot = pivot_of(COLOURS, WEIGHT)
    curved = pivot * (COLOURS / pivot) ** power
    radiance, slope = straightened(curved, pivot, torch.tensor([np.log(power)], dtype=torch.float32))
    torch.testing.assert_close(radiance, COLOURS, rtol=1e-4, atol=1e-6)
    moved, _ = straightened(curved * 1.001, pivot, torch.tensor([np.log(power)], dtype=torch.float32))
    torch.testing.assert_close(0.001 * curved / (moved - radiance), slope, rtol=2e-2, atol=0.0)


def test_where_no_curve_is_looked_for_a_photo_shows_radiance():
    radiance, slope = straightened(COLOURS, pivot_of(COLOURS, WEIGHT), torch.zeros(0))
    assert torch.equal(radiance, COLOURS) and torch.equal(slope, torch.ones_like(COLOURS))
    assert float(negative_log_curve(torch.zeros(0))) == 0.0 and curve_weight(torch.zeros(0)).shape == (0,)


def test_the_power_of_a_curve_is_one_that_cameras_have():
    for curve, power in ((0.2, 1.221), (9.0, 1.649), (-9.0, 0.741)):
        assert power_of(torch.tensor([curve])) == pytest.approx(power, abs=1e-3)
    assert power_of(torch.zeros(0)) == 1.0


def test_skin_stays_as_bright_as_it_is_under_any_curve():
    """So a curve says nothing of how much light there was."""
    pivot = pivot_of(COLOURS, WEIGHT)
    grey = pivot.expand(3, 3)
    radiance, _ = straightened(grey, pivot, torch.tensor([0.3]))
    torch.testing.assert_close(radiance, grey)


def test_the_weight_of_a_curve_has_the_slope_of_its_cost():
    for value in (-0.2, 0.5 * SMALL, 0.3):
        curve = torch.tensor([value], requires_grad=True)
        (slope,) = torch.autograd.grad(negative_log_curve(curve), curve)
        torch.testing.assert_close(slope, curve_weight(curve) * curve)


def camera_curve(linear: torch.Tensor) -> torch.Tensor:
    """What a camera makes of light: a smooth step in sRGB, and so no power."""
    shown = linear_to_srgb(linear.clamp(0.0, 1.0).numpy())
    return torch.from_numpy(srgb_to_linear((0.3 * shown + 0.7 * (3.0 * shown**2 - 2.0 * shown**3)).astype(np.float32)))


@pytest.fixture(scope="module")
def problem() -> ReflectanceProblem:
    """A portrait as the model would show it itself: all of it is known."""
    from nextgenface.engine.fit.head import DifferentiableHead
    from nextgenface.engine.fit.stage2 import visible_samples
    from nextgenface.engine.fit.tracing import trace_bounce, trace_transfer
    from nextgenface.engine.render.geometry import TracedScene
    from nextgenface.engine.settings import Settings

    known, settings = heads.portrait(), Settings(bands=heads.BANDS, transfer_directions=128)
    scene, head = TracedScene(known.truth.vertices, known.model.triangles), DifferentiableHead(known.model)
    samples = visible_samples(known.model, scene, known.view, 1500, 0)
    vertices = torch.from_numpy(known.truth.vertices)
    normals = head.vertex_normals(vertices)
    bounce = trace_bounce(scene, normals, settings, 0, lambda: None)
    points, normal, bounced = (
        head.interpolate(values, samples.triangle, samples.barycentric) for values in (vertices, normals, bounce)
    )
    centre = known.view.camera.centre
    unit = torch.nn.functional.normalize(normal, dim=1)
    transfer = trace_transfer(scene, points, unit, centre, settings, 0, lambda: None, bounced)
    truth = known.truth.reflectance
    fields = head.interpolate(torch.cat([truth.albedo(), truth.surface()], 1), samples.triangle, samples.barycentric)
    colour = transfer.lit(torch.from_numpy(known.truth.light)).radiance(fields[:, :3], *fields[:, 3:].unbind(1))
    return ReflectanceProblem(
        transfer=transfer,
        colour=colour,
        weight=samples.weight,
        at_points=lambda values: head.interpolate(values, samples.triangle, samples.barycentric),
        prior=LightPrior.neutral(heads.BANDS, torch.from_numpy(centre / np.linalg.norm(centre))),
    )


def found_in(problem: ReflectanceProblem, with_curve: bool = True) -> tuple[Reflectance, torch.Tensor]:
    truth = heads.portrait().truth.reflectance
    start = truth.with_curve() if with_curve else truth
    found, explained = solve_reflectance([problem], start, 30, lambda _: None, enough=0.1)
    return found, explained[0].light


def tone(reflectance: Reflectance) -> float:
    face = torch.from_numpy(heads.portrait().model.regions["face"] > 0.5)
    return float(ita_degrees(reflectance.albedo()[face].mean(0).double().numpy()))


def test_a_photo_that_shows_radiance_as_it_is_is_found_to_have_no_curve(problem):
    found, _ = found_in(problem)
    assert abs(float(found.curve[0])) < 0.05


@pytest.mark.parametrize("power", [0.97, 1.03])
def test_what_lights_of_few_bands_leave_over_is_taken_for_no_curve(problem, power):
    """The cost holds little ones back: measured 0.002 and 0.008 of a logarithm, 0.03 without it."""
    pivot = pivot_of(problem.colour, problem.weight)
    found, _ = found_in(replace(problem, colour=pivot * (problem.colour / pivot) ** power))
    assert abs(float(found.curve[0])) < 0.015


def test_a_cameras_curve_is_found_and_darkens_the_skin_less(problem):
    curved = replace(problem, colour=camera_curve(problem.colour))
    plain, (found, light) = found_in(problem)[0], found_in(curved)
    assert float(found.curve[0]) > 0.1
    without, _ = found_in(curved, with_curve=False)
    assert len(without.curve) == 0
    assert abs(tone(found) - tone(plain)) < abs(tone(without) - tone(plain))
    # No renderer applies a camera's curve: the light that is handed on shows the photo as it is.
    looks = curved.transfer.lit(light).radiance(*curved._fields(found))
    away = (looks - curved.colour).mean(0) / curved.colour.mean(0)
    assert away.abs().max() < 0.05
