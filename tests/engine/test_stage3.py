"""Stage 3 on synthetic texels: gradients, what the regularisers do, and recovery."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the engine's packages")

from nextgenface.engine.fit import stage3  # noqa: E402
from nextgenface.engine.fit.shading import Lit  # noqa: E402
from nextgenface.engine.fit.stage3 import Maps, Texels, Weights  # noqa: E402
from nextgenface.engine.fit.trust import AROUND_NOSTRILS, NOSTRILS, REGIONS, skin_trust, white_trust  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

pytestmark = pytest.mark.engine


def _texels(size: int = 32, seed: int = 0, truth: torch.Tensor | None = None) -> Texels:
    """A bumpy surface lit from one side, with a photo made by the true change of the maps."""
    generator = torch.Generator().manual_seed(seed)
    v, u = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    diffuse = (0.6 + 0.3 * u + 0.2 * v)[:, :, None] * torch.tensor([1.0, 0.95, 0.9])
    shine = torch.exp(-4.0 * ((u - 0.3) ** 2 + v**2))
    glossy = torch.stack([shine * k for k in (3.0, 2.0, 1.2, 0.6)], 2)[..., None, None].expand(-1, -1, -1, 2, 3)
    glossy = glossy * torch.tensor([1.0, 0.02])[:, None]
    flat = size * size
    lit = Lit(
        diffuse.reshape(flat, 3),
        glossy.reshape(flat, 4, 2, 3),
        torch.tensor([0.2, 0.35, 0.5, 0.7]),
        torch.full((flat,), 0.8),
    )
    texels = Texels(
        weight=torch.ones(size, size),
        seen=torch.arange(flat),
        colour=torch.zeros(flat, 3),
        lit=lit,
        share=torch.ones(flat),
        diffuse=torch.full((size, size, 3), 0.4) + 0.02 * torch.rand(size, size, 3, generator=generator),
        specular=torch.full((size, size), 0.4),
        roughness=torch.full((size, size), 0.45),
        skin=torch.ones(size, size),
    )
    change = torch.zeros(5, size, size) if truth is None else truth
    a, s, r = Maps(change).values(texels)
    colour = a.reshape(-1, 3) * texels.body + lit.specular(s.reshape(-1), r.reshape(-1))
    return replace(texels, colour=colour)


@pytest.mark.parametrize("channels", [5, 3])
def test_the_regularisers_slopes_are_those_of_their_losses(channels):
    """Beside automatic differentiation of the same losses, each with a weight of its own, on islands of skin."""
    generator = torch.Generator().manual_seed(3)
    texels = replace(_texels(24), skin=(torch.rand(24, 24, generator=generator) > 0.2).float())
    weights = stage3.Weights((3.0, 4.0, 5.0), (0.5, 0.7, 0.9), (0.15, 20.0, 10.0))
    change = (0.1 * torch.randn(channels, 24, 24, generator=generator)).requires_grad_(True)
    symmetry, consistent, smooth = weights.of_channels(channels)
    consistency, chromaticity = stage3.consistency_loss(change, texels)
    plain = (
        (symmetry * stage3.symmetry_loss(change, texels)).sum()
        + (consistent * consistency).sum()
        + weights.chromaticity * chromaticity
        + (smooth * stage3.smoothness_loss(change, texels)).sum()
    )
    (expected,) = torch.autograd.grad(plain, change)
    found = stage3.regulariser_loss(change, texels, weights)
    (slope,) = torch.autograd.grad(3.0 * found, change)
    assert float(found) == pytest.approx(float(plain), rel=1e-6)
    torch.testing.assert_close(slope, 3.0 * expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("channel", range(5), ids=["red", "green", "blue", "specular", "roughness"])
def test_every_map_gets_the_photos_gradient_and_it_is_right(channel):
    """Against central differences of the photo term, at a texel in the highlight."""
    truth = 0.2 * torch.randn(5, 32, 32, generator=torch.Generator().manual_seed(1))
    texels = _texels(truth=truth)
    change = (0.1 * torch.randn(5, 32, 32, generator=torch.Generator().manual_seed(2))).requires_grad_(True)
    torch.autograd.backward(stage3.photo_loss(Maps(change), texels))
    row, column, step = 16, 20, 2e-2
    up, down = change.detach().clone(), change.detach().clone()
    up[channel, row, column] += step
    down[channel, row, column] -= step
    numeric = (stage3.photo_loss(Maps(up), texels).double() - stage3.photo_loss(Maps(down), texels).double()) / (
        2 * step
    )
    found = float(change.grad[channel, row, column])
    assert abs(found) > 1e-5
    assert found == pytest.approx(float(numeric), rel=0.05)


def test_a_known_map_is_found_again():
    v, u = torch.meshgrid(torch.linspace(-3, 3, 32), torch.linspace(-3, 3, 32), indexing="ij")
    spots = 0.3 * torch.sin(3 * u) * torch.cos(2 * v)
    truth = torch.zeros(5, 32, 32)
    truth[:3] = spots
    texels = _texels(truth=truth)
    free = Settings(
        stage3_iterations=150,
        diffuse_symmetry_weight=0.0,
        diffuse_consistency_weight=0.0,
        diffuse_smoothness_weight=0.0,
    )
    maps, _ = stage3.refine_maps(lambda size: texels, 32, free, lambda *_: None)
    assert (maps.change[:3] - truth[:3]).abs().mean() < 0.02


def test_the_finest_level_finds_the_diffuse_map_under_a_gloss_that_stands_still():
    """The gloss is given as it is, and counted: the search of the diffuse map alone ends where that of all maps does."""
    truth = 0.2 * torch.randn(5, 32, 32, generator=torch.Generator().manual_seed(3))
    texels, weights = _texels(truth=truth), Weights.of(Settings())
    start = Maps(torch.cat([torch.zeros(3, 32, 32), truth[3:]]))
    shown = []
    alone, together = (
        stage3._descend(wanted(start, texels, weights), texels, 60, lambda *_: None, lambda look: shown.append(look()))
        for wanted in (stage3._diffuse_map, stage3._all_maps)
    )
    assert torch.equal(alone.change[3:], truth[3:])
    before, after, all_maps = (float(stage3.photo_loss(maps, texels)) for maps in (start, alone, together))
    assert after < 0.3 * before
    assert after == pytest.approx(all_maps, rel=0.15)
    assert torch.equal(shown[59][0], alone.values(texels)[0])


def test_symmetry_takes_a_one_sided_shadow_out():
    """A shadow that the light does not explain darkens one side only: the stronger the weight, the less of it stays."""
    shadow = torch.zeros(5, 32, 32)
    shadow[:3, 10:22, 20:28] = -0.5
    texels = _texels(truth=shadow)
    left = []
    for weight in (0.0, 4.0):
        settings = Settings(stage3_iterations=200, diffuse_symmetry_weight=weight)
        maps, _ = stage3.refine_maps(lambda size: texels, 32, settings, lambda *_: None)
        left.append(float((maps.change[:3, 10:22, 20:28] - maps.change[:3, 10:22, 4:12].flip(2)).mean()))
    assert left[0] < -0.35
    assert abs(left[1]) < 0.25 * abs(left[0])


def _found_with(truth: torch.Tensor, **weights: float) -> torch.Tensor:
    """The maps' change that stage 3 finds of ``truth`` with these settings and no other regulariser of the diffuse map."""
    none = {f"diffuse_{kind}_weight": 0.0 for kind in ("symmetry", "consistency", "smoothness")}
    texels = _texels(truth=truth)
    settings = Settings(stage3_iterations=200, **{**none, **weights})
    return stage3.refine_maps(lambda size: texels, 32, settings, lambda *_: None)[0].change


def test_consistency_holds_the_maps_near_stage_2s():
    """The stronger, the less of a change that the photo asks for is made, of brightness and of colour."""
    truth = torch.zeros(5, 32, 32)
    truth[:3] = torch.tensor([0.5, 0.3, 0.1])[:, None, None]
    made, tinted = [], []
    for weight in (0.0, 10.0, 100.0):
        found = _found_with(truth, diffuse_consistency_weight=weight)[:3].mean((1, 2))
        made.append(float(found.mean()))
        tinted.append(float(found[0] - found[2]))
    assert made[0] == pytest.approx(0.3, abs=0.03) and tinted[0] == pytest.approx(0.4, abs=0.04)
    assert made[2] < 0.8 * made[1] < 0.8 * made[0]
    assert tinted[2] < 0.6 * tinted[0]


def test_smoothness_takes_noise_out_and_leaves_slow_changes():
    noise = 0.3 * torch.randn(5, 32, 32, generator=torch.Generator().manual_seed(7))
    slow = 0.3 * torch.linspace(-1, 1, 32).expand(5, 32, 32)
    truth = torch.zeros(5, 32, 32)
    truth[:3] = (noise + slow)[:3]
    rough, even = (_found_with(truth, diffuse_smoothness_weight=weight)[:3] for weight in (0.0, 10000.0))
    left = [float((found[:, :, 1:] - found[:, :, :-1]).std()) for found in (rough, even)]
    assert left[1] < 0.5 * left[0]
    ramp = even.mean((0, 1))
    assert float(ramp[-8:].mean() - ramp[:8].mean()) > 0.7 * 0.45


def test_each_regulariser_is_zero_where_it_should_be_and_not_elsewhere():
    texels = _texels()
    flat, ramp = torch.full((5, 32, 32), 0.3), torch.linspace(-1, 1, 32).expand(5, 32, 32)
    assert stage3.symmetry_loss(flat, texels).abs().max() == 0
    assert (stage3.symmetry_loss(ramp, texels) > 0.1).all()
    assert stage3.smoothness_loss(flat, texels).abs().max() == 0
    assert (stage3.smoothness_loss(ramp, texels) > 0).all()
    change, chromaticity = stage3.consistency_loss(flat, texels)
    assert torch.allclose(change, torch.full((5,), 0.09), atol=1e-6)
    assert float(chromaticity) == pytest.approx(0.0, abs=1e-9)
    tinted = flat.clone()
    tinted[0] = -0.3
    assert float(stage3.consistency_loss(tinted, texels)[1]) > 0.1


def test_texels_without_evidence_follow_their_neighbours_and_their_mirror():
    truth = torch.zeros(5, 32, 32)
    truth[:3] = 0.3
    texels = _texels(truth=truth)
    texels.weight[:, 22:] = 0.0
    seen = torch.nonzero(texels.weight.reshape(-1) > 0)[:, 0]
    texels = replace(texels, seen=seen, colour=texels.colour[seen], lit=texels.lit.at(seen), share=texels.share[seen])
    settings = Settings(stage3_iterations=300)
    maps, _ = stage3.refine_maps(lambda size: texels, 32, settings, lambda *_: None)
    assert maps.change[:3, :, 24:].mean() > 0.15


def test_settings_scale_the_weights():
    weights = Weights.of(Settings(diffuse_symmetry_weight=4.0, roughness_smoothness_weight=0.5))
    base = Weights.of(Settings())
    assert weights.symmetry[0] == 4.0 * base.symmetry[0]
    assert weights.symmetry[1:] == base.symmetry[1:]
    assert weights.smoothness[2] == 0.5 * base.smoothness[2]


def test_brown_skin_keeps_its_blue_where_the_other_side_has_a_brow():
    """One brow is higher than the model's, so the photo shows brown skin where stage 2 has a dark brow, and the other brow in
    the mirrored place.
    """
    size = 32
    texels = _texels(size)
    brow, skin = torch.tensor([0.137, 0.067, 0.039]), torch.tensor([0.35, 0.185, 0.1])
    diffuse = skin.repeat(size, size, 1)
    diffuse[10:14, 5:27] = brow
    shown = diffuse.clone()
    shown[10:14, 18:27] = skin
    matte = replace(texels.lit, diffuse=2.0 * texels.lit.diffuse, glossy=0.0 * texels.lit.glossy)
    texels = replace(texels, diffuse=diffuse, lit=matte)
    texels = replace(texels, colour=shown.reshape(-1, 3) * texels.body)
    maps, _ = stage3.refine_maps(lambda s: texels, size, Settings(), lambda *_: None)
    found = maps.values(texels)[0][11:13, 20:25].mean((0, 1))
    assert torch.allclose(found, skin, rtol=0.15)


def test_a_brow_where_the_photo_shows_skin_is_gone_although_the_mirror_side_has_one():
    """The photos pull little where the map is dark, as it is from the beginning where the model has brows."""
    texels = _texels()
    modelled = 1.7 * texels.diffuse
    for columns in (slice(4, 12), slice(20, 28)):
        modelled[10:14, columns] *= 0.2
    texels = replace(texels, diffuse=modelled)
    truth = torch.zeros(5, 32, 32)
    truth[:3, 10:14, 20:28] = 1.4
    diffuse, specular, roughness = Maps(truth).values(texels)
    gloss = texels.lit.specular(specular.reshape(-1), roughness.reshape(-1))
    texels = replace(texels, colour=diffuse.reshape(-1, 3) * texels.body + gloss)
    maps, _ = stage3.refine_maps(lambda size: texels, 32, Settings(stage3_iterations=100), lambda *_: None)
    found = maps.values(texels)[0]
    bare, brow = found[11:13, 22:26].mean(), found[11:13, 6:10].mean()
    assert float(bare) == pytest.approx(float(diffuse[11:13, 22:26].mean()), rel=0.2)
    assert brow < 0.4 * bare


def test_two_runs_are_identical():
    truth = 0.2 * torch.randn(5, 32, 32, generator=torch.Generator().manual_seed(1))
    texels = _texels(truth=truth)
    runs = [stage3.refine_maps(lambda s: texels, 32, Settings(stage3_iterations=20), lambda *_: None) for _ in range(2)]
    assert np.array_equal(runs[0][0].change.numpy(), runs[1][0].change.numpy())


def test_the_change_that_explains_the_photo_does():
    truth = torch.zeros(5, 32, 32)
    truth[:3] = 0.15 * torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(4))
    texels = _texels(truth=truth)
    found = stage3.explaining_change(Maps(torch.zeros(5, 32, 32)), texels)
    assert torch.allclose(found, truth[:3], atol=1e-4)


@pytest.mark.parametrize(
    ("length", "hides", "hides_where_faces_are_larger"), [(4, False, False), (10, True, False), (18, True, True)]
)
def test_spots_are_measured_by_the_face_s_size_in_the_map(length, hides, hides_where_faces_are_larger):
    """A dark streak is a spot of the skin or hair before it by its length on the face, whatever the map shows beside it."""
    size = 128
    texels = _texels(size)
    dark = texels.colour.reshape(size, size, 3).clone()
    dark[60:64, 50 : 50 + length] *= 0.15
    texels = replace(texels, colour=dark.reshape(-1, 3))
    none = {name: np.zeros((size, size), np.float32) for name in REGIONS}
    middle = (61, 50 + length // 2)
    assert (skin_trust(texels, none)[middle] < 0.5) == hides
    assert (skin_trust(texels, none, 1.8 * size)[middle] < 0.5) == hides_where_faces_are_larger


@pytest.mark.parametrize(("between", "is_nose", "hides"), [(3.0, True, False), (0.15, True, True), (3.0, False, True)])
def test_a_bright_tip_between_dark_nostrils_is_no_long_thing(between, is_nose, hides):
    """Unlike a strand across the nose, each of the three is a spot; elsewhere they are one thing before the skin."""
    size = 256
    texels = _texels(size)
    colour = texels.colour.reshape(size, size, 3).clone()
    for start, factor in ((100, 0.05), (108, between), (116, 0.05)):
        colour[120:128, start : start + 8] *= factor
    regions = {name: np.zeros((size, size), np.float32) for name in (*REGIONS, NOSTRILS)}
    around = np.zeros((size, size), np.float32)
    around[(slice(123, 130) if is_nose else slice(0, 20)), 90:134] = 1.0
    trust = skin_trust(replace(texels, colour=colour.reshape(-1, 3)), {**regions, AROUND_NOSTRILS: around})
    assert (trust[124, 104:120] < 0.5).all() == hides
    assert hides or (trust[124, 96:128] > 0.9).all()


@pytest.mark.parametrize(
    ("stain", "hides"), [((0.12, 0.12, 0.12), True), ((1.0, 0.62, 0.62), False), ((0.62, 0.62, 1.0), True)]
)
def test_blood_reddens_skin_but_nothing_makes_it_blue(stain, hides):
    size = 128
    texels = _texels(size)
    colour = texels.colour.reshape(size, size, 3).clone()
    colour[56:72, 50:80] *= torch.tensor(stain)
    none = {name: np.zeros((size, size), np.float32) for name in REGIONS}
    trust = skin_trust(replace(texels, colour=colour.reshape(-1, 3)), none)
    assert (trust[64, 65] < 0.5) == hides


@pytest.mark.parametrize(
    ("cosine", "factor", "hides"), [(0.8, 2.6, True), (0.1, 2.6, False), (0.1, 9.0, True), (0.1, 0.3, True)]
)
def test_skin_that_is_seen_from_the_side_may_mirror_a_light_behind_the_person(cosine, factor, hides):
    """It may be brighter by more than skin that faces the camera, though not by as much as one likes; but not darker."""
    size = 128
    texels = _texels(size)
    texels = replace(texels, lit=replace(texels.lit, cosine=torch.full((size * size,), cosine)))
    colour = texels.colour.reshape(size, size, 3).clone()
    colour[50:78, 50:80] *= factor
    none = {name: np.zeros((size, size), np.float32) for name in REGIONS}
    trust = skin_trust(replace(texels, colour=colour.reshape(-1, 3)), none)
    assert (trust[64, 65] < 0.5) == hides


@pytest.mark.parametrize(("mirrored", "hides"), [((40, 48), False), ((44, 50), False), ((80, 88), True), (None, True)])
def test_a_raised_brow_is_one_where_the_other_side_has_its_own_near_the_same_height(mirrored, hides):
    """A dark stroke where the model has brows: hair of the face if the other side has one, at ``mirrored`` rows, thinner,
    somewhat shorter and lower, and hair before it if there is none.
    """
    size = 256
    texels = _texels(size)
    colour = texels.colour.reshape(size, size, 3).clone()
    colour[38:48, 155:190] *= 0.1
    if mirrored:
        colour[mirrored[0] : mirrored[1], 70:96] *= 0.35
    regions = {name: np.zeros((size, size), np.float32) for name in REGIONS}
    regions["brows"][30:60, 60:200] = 1.0
    trust = skin_trust(replace(texels, colour=colour.reshape(-1, 3)), regions)
    assert (trust[43, 157] < 0.5) == hides


@pytest.mark.parametrize(
    ("shown", "white", "covers"),
    [
        ((0.62, 0.58, 0.55), (0.6, 0.55, 0.5), True),
        # Skin that is somewhat lighter, or redder, than it was said to be.
        ((0.48, 0.3, 0.24), (0.6, 0.55, 0.5), False),
        ((0.5, 0.22, 0.16), (0.6, 0.55, 0.5), False),
        # A white in so deep a shadow that it is darker than the skin tells nothing.
        ((0.34, 0.22, 0.18), (0.3, 0.22, 0.17), False),
    ],
    ids=["white", "lighter", "redder", "shaded white"],
)
def test_the_white_of_an_eye_is_no_skin_of_the_lids(shown, white, covers):
    size = 128
    texels = _texels(size)
    texels = replace(texels, diffuse=torch.tensor([0.42, 0.27, 0.21]).expand(size, size, 3).clone())
    albedo = texels.diffuse.clone()
    albedo[60:66, 40:90] = torch.tensor(shown)
    texels = replace(texels, colour=albedo.reshape(-1, 3) * texels.body)
    lids = np.zeros((size, size), np.float32)
    lids[50:80, 60:] = 1.0
    # The eye's opening is no skin.
    opening = torch.ones(size, size)
    opening[52:59, 60:90] = 0.0
    white_there = white_trust(replace(texels, skin=opening), lids, np.array(white, np.float32), float(size))
    assert (white_there[63, 75] < 0.5) == covers
    # What is no lid may be as white as it likes, and so may what lies away from the eye.
    assert white_there[63, 50] > 0.9 and white_there[72, 75] > 0.9
    assert white_trust(texels, lids, np.array(white, np.float32), float(size))[63, 75] > 0.9


@pytest.mark.parametrize("share", [0.3, 3.0])
def test_nostrils_may_be_darker_and_brighter_than_the_model_s(share):
    size = 128
    texels = _texels(size)
    colour = texels.colour.reshape(size, size, 3).clone()
    colour[56:72, 50:80] *= share
    texels = replace(texels, colour=colour.reshape(-1, 3))
    regions = {name: np.zeros((size, size), np.float32) for name in REGIONS}
    share_there = np.zeros((size, size), np.float32)
    share_there[50:80, 40:90] = 1.0
    assert skin_trust(texels, regions)[64, 65] < 0.5
    assert skin_trust(texels, {**regions, NOSTRILS: share_there})[64, 65] > 0.9


@pytest.mark.parametrize(("rows", "is_nose"), [((52, 76), True), ((52, 110), False)])
def test_what_stays_around_the_nostrils_is_theirs_and_what_reaches_beyond_is_not(rows, is_nose):
    size = 128
    texels = _texels(size)
    colour = texels.colour.reshape(size, size, 3).clone()
    colour[rows[0] : rows[1], 50:80] *= 0.3
    around = np.zeros((size, size), np.float32)
    around[46:84, 40:90] = 1.0
    regions = {name: np.zeros((size, size), np.float32) for name in REGIONS}
    regions |= {NOSTRILS: np.zeros((size, size), np.float32), AROUND_NOSTRILS: around}
    trust = skin_trust(replace(texels, colour=colour.reshape(-1, 3)), regions)
    assert (trust[64, 65] > 0.9) == is_nose
