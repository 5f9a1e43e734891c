"""Skin of a face model's own: linear in its coefficients, with a first guess, a prior and gloss that follow."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from nextgenface.engine.faces.bundled import load
from nextgenface.engine.faces.model import AlbedoBasis
from nextgenface.engine.faces.skin_gloss import SKIN_LEVEL
from nextgenface.engine.fit.albedo_reflectance import AlbedoReflectance, AlbedoSkin
from nextgenface.engine.fit.reflectance import Reflectance


@pytest.fixture(scope="module")
def model():
    """The bundled head with a skin of three modes: darker, redder, glossier on one side."""
    head = load()
    count = head.vertex_count
    mean = np.tile(np.array([0.4, 0.28, 0.2], np.float32), (count, 1))
    modes = np.zeros((3, count, 3), np.float32)
    modes[0] = [-0.12, -0.084, -0.06]
    modes[1, :, 0] = 0.02
    modes[2, :, 1] = 0.01 * np.sign(head.mean[:, 0])
    gloss = np.zeros((3, count), np.float32)
    gloss[2] = 0.05 * (head.mean[:, 0] > 0)
    return replace(head, albedo=AlbedoBasis(mean, modes, np.full(count, 0.1, np.float32), gloss))


@pytest.fixture
def average(model):
    return Reflectance.average(model)


def test_a_model_with_its_own_skin_gets_it(model, average):
    assert isinstance(average, AlbedoReflectance)
    assert not isinstance(Reflectance.average(load()), AlbedoReflectance)
    np.testing.assert_allclose(average.albedo().numpy(), model.albedo.diffuse_mean, atol=1e-6)
    assert average.packed().shape == (3 + 2 + 2,)


def test_the_albedo_is_linear_in_the_coefficients(model, average):
    changed = average.unpacked(torch.tensor([0.5, 1.0, -1.0, 0, 0, 0, 0]))
    expected = model.albedo.diffuse_mean + np.tensordot([0.5, 1.0, -1.0], model.albedo.diffuse_basis, 1)
    np.testing.assert_allclose(changed.albedo().numpy(), expected, atol=1e-6)
    # Far out it stays what skin can be.
    assert average.unpacked(torch.tensor([9.0, 0, 0, 0, 0, 0, 0])).albedo().min() >= 0.01


def test_the_same_coefficients_drive_the_gloss(model, average):
    left = torch.from_numpy(model.mean[:, 0] > 5)
    changed = average.unpacked(torch.tensor([0.0, 0, 1.0, 0, 0, 0, 0]))
    ratio = (changed.surface()[:, 0] / average.surface()[:, 0])[left & (average.surface()[:, 0] > 0.3)]
    # 0.1 + 0.05 of a mean of 0.1; some parts reach the end of what is allowed.
    assert ratio.median() == pytest.approx(1.5, abs=0.01)


def test_the_mean_gloss_is_that_of_skin_s_index_of_refraction(model, average):
    cheeks = model.regions["cheeks"] > 0.9
    assert average.surface()[:, 0][torch.from_numpy(cheeks)].mean() == pytest.approx(SKIN_LEVEL, abs=0.03)


def test_the_first_guess_has_the_tone_that_was_asked_for(model):
    skin = AlbedoSkin.of(model.albedo, model.regions["face"])
    for share in (0.5, 0.8, 1.1):
        wanted = share * torch.tensor([0.4, 0.28, 0.2])
        found = skin.albedo(skin.guess(wanted)).mean(0)
        torch.testing.assert_close(found, wanted, atol=0.02, rtol=0)


def test_darker_light_gives_a_darker_guess(average):
    dark, light = (average.guessed(torch.tensor([0.3, 0.2, 0.15]) * share).albedo().mean() for share in (0.4, 1.0))
    assert dark < light - 0.02


def test_the_prior_s_curvature_is_its_second_derivative(average):
    average = average.with_curve()
    place = torch.tensor([0.5, -1.0, 2.0, 0.3, -0.2, 0.1, 0.4, 0.0])
    hessian = torch.func.hessian(lambda x: average.unpacked(x).negative_log_prior())(place)
    torch.testing.assert_close(torch.diagonal(hessian), average.prior_curvature())
    assert torch.count_nonzero(hessian - torch.diag(torch.diagonal(hessian))) == 0


@pytest.mark.parametrize("own", [True, False], ids=["its own skin", "pigments"])
def test_a_part_of_the_head_has_the_whole_one_s_skin(model, own):
    """Which is what a search of a photo's points looks at."""
    whole = Reflectance.average(model if own else load())
    chance = torch.Generator().manual_seed(4)
    whole = whole.unpacked(0.5 * torch.randn(len(whole.packed()), generator=chance))
    chosen = torch.tensor([4000, 7, 1203, 7])
    part = replace(whole, skin=whole.skin.part(chosen), layer=whole.layer.part(chosen.numpy()))
    for values in ("albedo", "surface", "hair_depth"):
        torch.testing.assert_close(getattr(part, values)(), getattr(whole, values)()[chosen], rtol=0, atol=1e-6)
