"""Shape from shading on synthetic texels: gradients, recovery, and what is no relief."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.engine
cv2 = pytest.importorskip("cv2")

from nextgenface.engine.fit.relief import Quadratic, ReliefProblem, find_relief  # noqa: E402

TEXEL_MM = 0.4


def waves(size=128, seed=0):
    """(size, size) mm: heights with waves of a few millimetres and slopes of about 0.15."""
    noise = np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32)
    height = cv2.GaussianBlur(noise, (0, 0), 2.0) - cv2.GaussianBlur(noise, (0, 0), 4.0)
    return height * np.float32(0.15 * TEXEL_MM / np.gradient(height)[0].std())


def made(height, gain=(0.7, 0.3), size=128, **changes):
    """A flat sheet with ``height`` (size, size), u to the right and v upwards, in a light of that gain."""
    metric = np.zeros((size, size, 2, 2), np.float32)
    metric[..., 0, 0], metric[..., 1, 1] = 1.0 / TEXEL_MM, -1.0 / TEXEL_MM
    problem = ReliefProblem(
        detail=np.zeros((size, size, 3), np.float32),
        trust=np.ones((size, size), np.float32),
        gain=np.broadcast_to(np.array(gain, np.float32), (size, size, 3, 2)).copy(),
        metric=metric,
        texel_mm=np.full((size, size), TEXEL_MM, np.float32),
        pixel_mm=TEXEL_MM,
    )
    shading = np.einsum("hwcs,hws->hwc", problem.gain, problem.slopes(height))
    return replace(problem, **({"detail": shading} | changes))


def nothing():
    pass


def test_the_gradient_is_the_energys_slope():
    """Central differences of the energy at a random height, in the middle and at the border."""
    problem = made(waves(48), size=48)
    quadratic = Quadratic.at(problem, np.zeros((48, 48), np.float32))
    height = 0.05 * np.random.default_rng(1).normal(size=(48, 48)).astype(np.float32)
    gradient = quadratic.gradient(height)
    for place in ((20, 30), (0, 0), (47, 11), (5, 47)):
        step = np.zeros_like(height)
        step[place] = 0.05
        numeric = (quadratic.energy(height + step) - quadratic.energy(height - step)) / 0.1
        assert gradient[place] == pytest.approx(numeric, rel=2e-3, abs=0.02)


def test_conjugate_gradients_find_the_minimum():
    quadratic = Quadratic.at(made(waves()), np.zeros((128, 128), np.float32))
    start = np.zeros((128, 128), np.float32)
    found = quadratic.minimised(start, 200)
    assert np.abs(quadratic.gradient(found)).max() < 1e-3 * np.abs(quadratic.gradient(start)).max()


def test_known_relief_is_found_again():
    """Along the light; across it nothing shows. Measured: correlation 0.99, 80 % of its strength."""
    problem = made(waves())
    found, true = ((problem.gain.mean(2) * problem.slopes(h)).sum(2) for h in (find_relief(problem, nothing), waves()))
    assert np.corrcoef(found.ravel(), true.ravel())[0, 1] > 0.95
    assert 0.6 < (found * true).sum() / (true**2).sum() < 1.1


def test_light_that_shows_no_slopes_gives_none():
    lit = made(waves())
    frontal = made(waves(), gain=(0.0, 0.0), detail=lit.detail)
    assert np.abs(frontal.slopes(find_relief(frontal, nothing))).max() == 0.0


@pytest.mark.parametrize(("tint", "most"), [((0.35, 0.5, 0.8), 0.25), ((0.2, 0.8, 0.3), 0.2)], ids=["melanin", "blood"])
def test_pigment_is_no_relief(tint, most):
    """The same detail, but coloured: less than a share of the slopes that grey detail has."""
    grey = made(waves())
    brightness = grey.detail.mean(2, keepdims=True)
    coloured = replace(grey, detail=brightness * np.array(tint, np.float32) / np.float32(np.mean(tint)))
    steep = [problem.slopes(find_relief(problem, nothing)).std() for problem in (coloured, grey)]
    assert steep[0] < most * steep[1]


def test_noise_of_the_colour_does_not_hide_relief():
    """Chroma that has nothing to do with the brightness, as compression leaves it."""
    plain = made(waves())
    noise = 0.03 * np.random.default_rng(3).normal(size=plain.detail.shape).astype(np.float32)
    noisy = replace(plain, detail=plain.detail + noise - noise.mean(2, keepdims=True))
    steep = [problem.slopes(find_relief(problem, nothing)).std() for problem in (noisy, plain)]
    assert steep[0] > 0.7 * steep[1]


def test_what_is_too_strong_to_be_relief_is_left():
    """Brows and lashes: one dark patch."""
    patch = np.zeros((128, 128, 3), np.float32)
    patch[40:60, 40:90] = -1.5
    problem = made(waves(), detail=patch)
    assert np.abs(problem.slopes(find_relief(problem, nothing))).max() < 0.15


def test_strength_scales_the_relief():
    slopes = [p.slopes(find_relief(p, nothing)).std() for p in (made(waves(), strength=k) for k in (0.3, 1.0, 3.0))]
    assert slopes[0] < 0.6 * slopes[1] < slopes[2]
