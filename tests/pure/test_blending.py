"""How much each photo counts at a texel."""

import numpy as np
import pytest

pytest.importorskip("cv2")

from nextgenface.engine.fit.blending import DETAIL, TONE, Band, levelling, resized, shares, standing

SIZE = 64
WHOLE = np.ones((SIZE, SIZE), np.float32)


def _left_of(column: int) -> np.ndarray:
    """Seen left of a column only."""
    weight = WHOLE.copy()
    weight[:, column:] = 0.0
    return weight


def test_one_photo_has_it_all_to_the_last_bit():
    rng = np.random.default_rng(0)
    weight = rng.random((SIZE, SIZE)).astype(np.float32) * _left_of(40)
    (share,) = shares([standing(weight, rng.uniform(0.2, 1.0, (SIZE, SIZE)).astype(np.float32), DETAIL)])
    assert (share == 1.0).all()
    assert (resized(share, 3 * SIZE) > 1.0 - 1e-6).all()


def test_shares_add_up_to_one_also_where_nobody_sees_anything():
    photos = [
        standing(_left_of(20), WHOLE, DETAIL),
        standing(_left_of(40), 0.5 * WHOLE, DETAIL),
        standing(_left_of(30), 0.8 * WHOLE, DETAIL),
    ]
    parts = shares(photos)
    np.testing.assert_allclose(np.sum(parts, 0), 1.0, atol=1e-6)
    assert all((part[:, 40:] == np.float32(1 / 3)).all() for part in parts)
    assert (parts[1][:, 30:40] == 1.0).all()


def test_the_photo_that_looks_straight_at_the_skin_counts_most():
    aside = (np.cos(np.deg2rad(45)) * WHOLE).astype(np.float32)
    front = {band: shares([standing(WHOLE, WHOLE, band), standing(WHOLE, aside, band)])[0] for band in (TONE, DETAIL)}
    assert 0.5 < front[TONE][32, 32] < front[DETAIL][32, 32] < 1.0
    even, _ = shares([standing(WHOLE, aside, DETAIL), standing(WHOLE, aside, DETAIL)])
    assert even[32, 32] == 0.5


def test_a_photos_share_rises_from_its_border_without_a_step():
    """One photo ends in the middle; the other, as good, goes on."""
    band = Band(1.0, 0.25)
    ends, goes_on = standing(_left_of(32), WHOLE, band), standing(WHOLE, WHOLE, band)
    goes_on[:] = 1.0
    across = shares([ends, goes_on])[0][32]
    assert (across[32:] == 0.0).all()
    assert across[:10] == pytest.approx(0.5)
    assert (np.diff(across[8:33]) <= 0.0).all()
    assert np.abs(np.diff(across)).max() < 0.08


def _step(picture: np.ndarray) -> float:
    """The largest change from one column to the next."""
    return float(np.abs(np.diff(picture, axis=1)).max())


def test_photos_of_other_tones_are_brought_to_one_that_has_no_edge():
    """One photo takes the left two thirds for darker by 0.2 than the other takes the right two thirds."""
    texture = 0.05 * np.random.default_rng(0).standard_normal((SIZE, SIZE, 1)).astype(np.float32)
    dark, light = texture - np.float32(0.1), texture + np.float32(0.1)
    weights = [_left_of(43), _left_of(43)[:, ::-1].copy()]
    standings = [standing(weight, WHOLE, TONE) for weight in weights]
    gains = levelling([dark.repeat(3, 2), light.repeat(3, 2)], weights, standings)
    levelled = [dark + np.log(gains[0]), light + np.log(gains[1])]
    away = levelled[0] - levelled[1]
    assert np.abs(away[8:-8, 26:38]).max() < 0.06, "they agree where both see"
    # Far from the other photo each keeps its own; the texture stays.
    assert np.abs(np.log(gains[0])[:, :4]).max() < 0.01
    cut = np.where(np.arange(SIZE)[None, :, None] < 32, levelled[0], levelled[1]) - texture
    assert _step(cut) < 0.08 < 0.19 < _step(np.where(np.arange(SIZE)[None, :, None] < 32, dark, light) - texture)


def test_photos_that_agree_are_not_changed():
    albedo = np.random.default_rng(0).random((SIZE, SIZE, 3)).astype(np.float32)
    weights = [WHOLE, WHOLE]
    gains = levelling([albedo, albedo], weights, [standing(WHOLE, WHOLE, TONE), standing(WHOLE, 0.4 * WHOLE, TONE)])
    np.testing.assert_allclose(gains, 1.0, atol=1e-5)


def test_pictures_are_averaged_when_smaller_and_kept_as_they_are_at_their_size():
    image = np.arange(16, dtype=np.float32).reshape(4, 4)
    assert resized(image, 4) is image
    np.testing.assert_allclose(resized(image, 2), [[2.5, 4.5], [10.5, 12.5]])
    assert resized(image, 8).shape == (8, 8)
