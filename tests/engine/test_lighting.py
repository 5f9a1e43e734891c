"""The light's closed form and its prior."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the engine's packages")

from nextgenface.engine.fit.lighting import (  # noqa: E402
    LightPrior,
    exposure_weight,
    log_volume,
    metered,
    negative_log_exposure,
    solve_light,
    sphere_directions,
)
from nextgenface.engine.fit.shading import unshadowed  # noqa: E402
from nextgenface.engine.scene.light import sh_basis  # noqa: E402

pytestmark = pytest.mark.engine

FRONT = torch.tensor([0.0, 0.0, 1.0])


def _design(normals: torch.Tensor, bands: int) -> torch.Tensor:
    """(3, N, B) for white, unshadowed points: the response to each coefficient alone."""
    columns = [unshadowed(normals, torch.eye(bands * bands)[:, [k] * 3])[:, 0] for k in range(bands * bands)]
    return torch.stack(columns, 1).expand(3, -1, -1)


def test_sphere_directions_are_unit_and_even():
    directions = sphere_directions(1000)
    assert torch.allclose(directions.norm(dim=1), torch.ones(1000), atol=1e-6)
    # Moments of the uniform distribution on the sphere: mean 0, second moment 1/3.
    assert directions.mean(0).abs().max() < 1e-3
    assert torch.allclose(directions.T @ directions / 1000, torch.eye(3) / 3, atol=2e-3)


def test_a_known_light_is_found_again():
    bands = 3
    truth = torch.zeros(9, 3)
    truth[0] = torch.tensor([3.0, 2.8, 2.6])
    truth[1:4] = torch.tensor([[0.5, 0.4, 0.3], [0.8, 0.8, 0.7], [-0.3, -0.2, -0.1]])
    design = _design(sphere_directions(500), bands)
    target = torch.stack([design[c] @ truth[:, c] for c in range(3)], 1)
    found = solve_light(design, target, torch.full((500, 3), 1e6), LightPrior.neutral(bands, FRONT))
    assert torch.allclose(found, truth, atol=2e-3)


@pytest.mark.parametrize("towards", [(0.0, 0.0, 1.0), (0.6, 0.0, 0.8)])
def test_without_evidence_the_light_is_white_smooth_and_before_the_face(towards):
    prior = LightPrior.neutral(4, torch.tensor(towards))
    found = solve_light(torch.zeros(3, 1, 16), torch.zeros(1, 3), torch.zeros(1, 3), prior)
    assert torch.allclose(found[:, 0], found[:, 2], atol=1e-5)
    assert found[4:].abs().max() < 1e-4
    front = unshadowed(torch.tensor([towards]), found)[0, 0]
    assert float(front) == pytest.approx(1.0, abs=1e-3)
    assert unshadowed(-torch.tensor([towards]), found)[0, 0] < front


def test_the_prior_punishes_a_tint_more_than_a_brighter_light():
    prior = LightPrior.neutral(2, FRONT)

    def energy(change: list[float]) -> float:
        delta = torch.zeros(3, 4)
        delta[:, 0] = torch.tensor(change)
        flat = delta.reshape(-1)
        return float(flat @ prior.precision @ flat)

    assert energy([0.3, 0.0, -0.3]) > 5.0 * energy([0.3, 0.3, 0.3])


def test_negative_light_is_kept_small():
    bands = 3
    truth = torch.zeros(9, 3)
    truth[0], truth[2] = 1.0, 2.5  # strongly negative from one side
    design = _design(sphere_directions(500), bands)
    target = torch.stack([design[c] @ truth[:, c] for c in range(3)], 1).clamp(min=0.0)
    weight = torch.full((500, 3), 1e4)
    basis = sh_basis(sphere_directions(2000), bands)
    free = basis @ solve_light(design, target, weight, LightPrior.neutral(bands, FRONT), negative_steps=0)
    kept = basis @ solve_light(design, target, weight, LightPrior.neutral(bands, FRONT))
    assert free.min() < -0.2
    assert kept.min() > 0.5 * free.min()


def test_unshadowed_irradiance_matches_integration():
    """Against a sum over directions: radiance of a white surface is the mean of cosine times light over pi."""
    rng = np.random.default_rng(1)
    light = torch.from_numpy(rng.normal(size=(25, 3))).float()
    light[16:] = 0.0
    normals = sphere_directions(20)
    directions = sphere_directions(20000)
    cosine = (normals @ directions.T).clamp(min=0.0)
    integral = cosine @ (sh_basis(directions, 5) @ light) * (4.0 * torch.pi / 20000) / torch.pi
    assert torch.allclose(unshadowed(normals, light), integral, atol=5e-3)


def test_a_brighter_light_is_as_likely_relative_to_its_own_level():
    """Dark skin in bright light and light skin in dim light differ by the exposure alone."""
    prior = LightPrior.neutral(4, FRONT)
    light = prior.middle + 0.1 * torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
    one, double = prior.at(torch.tensor(1.0)), prior.at(torch.tensor(2.0))
    assert float(one.negative_log(light)) > 0.1
    assert float(double.negative_log(2.0 * light)) == pytest.approx(float(one.negative_log(light)), rel=1e-4)


def test_the_typical_exposure_costs_nothing_and_half_or_double_cost_the_same():
    def cost(level, albedo=0.25):
        return float(negative_log_exposure(torch.tensor(level), torch.tensor(albedo)))

    assert cost(1.15) == pytest.approx(0.0, abs=1e-9)
    assert cost(2.3) == pytest.approx(cost(0.575), rel=1e-5) and cost(2.3) > 3.0
    # A photo that is much too dark is unlikely, but not many times more so than one that is too dark.
    assert cost(2.3 * 2) < 2.0 * cost(2.3)
    # A camera gives darker skin more light, but not so much that it comes out as light as light skin.
    assert cost(1.3, 0.1) < cost(1.0, 0.1) and cost(1.3, 0.1) < cost(2.6, 0.1)


def test_the_exposure_s_weight_gives_its_slope():
    """As reweighted squares, which Gauss-Newton needs."""
    level = torch.tensor(1.7, requires_grad=True)
    albedo = torch.tensor(0.15)
    (slope,) = torch.autograd.grad(negative_log_exposure(level, albedo), level)
    (inner,) = torch.autograd.grad(metered(level, albedo), level)
    offset = metered(level, albedo).detach()
    assert float(exposure_weight(offset) * offset * inner) == pytest.approx(float(slope), rel=1e-5)


def test_the_volume_is_the_ratio_of_determinants():
    bands = 3
    prior = LightPrior.neutral(bands, FRONT)
    design, weight = (
        _design(sphere_directions(60), bands),
        torch.rand(60, 3, generator=torch.Generator().manual_seed(1)),
    )
    gram = torch.zeros(27, 27, dtype=torch.float64)
    for c in range(3):
        rows = slice(9 * c, 9 * c + 9)
        gram[rows, rows] = (design[c].T @ (weight[:, c : c + 1] * design[c])).double()
    expected = 0.5 * (torch.logdet(prior.precision.double() + gram) - torch.logdet(prior.precision.double()))
    assert float(log_volume(design, weight, prior)) == pytest.approx(float(expected), rel=1e-4)
    assert float(log_volume(design, torch.zeros(60, 3), prior)) == pytest.approx(0.0, abs=1e-5)
