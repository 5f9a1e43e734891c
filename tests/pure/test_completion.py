"""Filling what the photo does not show: from the mirror side, then from the model, without a seam."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs OpenCV")

from nextgenface.engine.fit.completion import completed, continued, source_shares, without_fringe

SIZE = 128


def _pattern() -> np.ndarray:
    """(S, S, 1) the same on both sides, with detail."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    away = np.abs(columns - (SIZE - 1) / 2)
    return (0.2 * np.sin(away / 3.0) * np.cos(rows / 4.0))[:, :, None].astype(np.float32)


def _hole() -> np.ndarray:
    """(S, S) 1 where the photo shows skin: not in a square on the right."""
    own = np.ones((SIZE, SIZE), np.float32)
    own[40:80, 80:110] = 0.0
    return own


SKIN = np.ones((SIZE, SIZE), np.float32)
ALL = np.ones((256, 256), np.float32)


def test_shares_name_the_first_source_that_has_a_texel_and_add_up_to_one():
    own, skin = _hole(), SKIN.copy()
    own[:, :8] = own[:, -8:] = 0.0
    own[100, 70] = 0.25
    skin[:4] = 0.0
    shares = source_shares(own, skin)
    assert shares.sum(2) == pytest.approx(1.0)
    assert np.array_equal(shares[60, 40], (1, 0, 0))
    assert np.array_equal(shares[60, 90], (0, 1, 0))
    assert np.array_equal(shares[60, 2], (0, 0, 1)), "neither side"
    assert np.array_equal(shares[2, 40], (0, 0, 1)), "no skin"
    assert shares[100, 70] == pytest.approx((0.25, 0.75, 0.0))


def test_a_hole_gets_the_mirror_sides_detail():
    change = _pattern()
    change[_hole() == 0] = 5.0
    filled = completed(change, source_shares(_hole(), SKIN))
    np.testing.assert_allclose(filled, _pattern(), atol=0.01)


def test_a_hole_meets_its_surroundings_without_a_seam_where_the_sides_differ():
    """One side is lighter by a third: the copy is shifted along with it."""
    lighter = _pattern()
    lighter[:, SIZE // 2 :] += 0.25
    change = lighter.copy()
    change[_hole() == 0] = 5.0
    filled = completed(change, source_shares(_hole(), SKIN))
    np.testing.assert_allclose(filled, lighter, atol=0.04)
    border = filled[40:80, 80] - filled[40:80, 79]
    np.testing.assert_allclose(border, lighter[40:80, 80] - lighter[40:80, 79], atol=0.02)


def test_what_neither_side_shows_goes_from_the_border_to_the_mean():
    own = np.ones((SIZE, SIZE), np.float32)
    own[64:] = 0.0
    change = np.zeros((SIZE, SIZE, 1), np.float32)
    change[:32] = 0.1
    change[32:] = 0.3
    filled = completed(change, source_shares(own, SKIN))
    np.testing.assert_allclose(filled[:64], change[:64], atol=1e-6)
    assert filled[64, 60, 0] == pytest.approx(0.3, abs=0.03)
    assert filled[127, 60, 0] == pytest.approx(0.2, abs=0.02)
    assert np.abs(np.diff(filled[63:, 60, 0])).max() < 0.03


def test_what_is_known_is_never_limited():
    change = np.full((SIZE, SIZE, 1), -2.0, np.float32)
    change[:, :64] = 1.0
    np.testing.assert_allclose(continued(change, SKIN), change, atol=1e-6)


def _forehead(darkness: float) -> tuple[np.ndarray, np.ndarray]:
    """(S, S, 3) a change of 0.2 that has so much less in the outermost rows that are seen, and (S, S) what is seen."""
    rows = np.arange(256)[:, None] * np.ones((1, 256))
    change = np.full((256, 256, 3), 0.2, np.float32)
    change[rows <= 102] -= darkness
    return change, (rows > 100).astype(np.float32)


def test_a_fringe_of_hair_is_not_continued():
    """The photo ends at hair, which darkens the outermost texels of the skin; what is beyond goes on from clean skin."""
    change, own = _forehead(1.0)
    assert completed(change, source_shares(own, np.ones_like(own)))[60:104].min() < -0.7, (
        "what the fringe does if it counts"
    )
    kept = without_fringe(change, own, ALL)
    filled = completed(change, source_shares(kept, np.ones_like(own)))
    assert filled[60:140].min() > 0.1
    assert (kept[110:] == 1.0).all()


def test_skin_that_is_no_darker_at_the_border_counts_up_to_it():
    change, own = _forehead(0.05)
    assert np.array_equal(without_fringe(change, own, ALL), own)
    lighter, own = _forehead(-0.5)
    assert np.array_equal(without_fringe(lighter, own, ALL), own), "a rim of light is no hair"


def test_what_is_dark_around_eyes_stays():
    """Eyes are enclosed by skin: lashes are no fringe of hair."""
    y, x = np.mgrid[:256, :256]
    face = (np.abs(x - 128) < 70) & (np.abs(y - 128) < 90)
    eye, lash = ((np.abs(x - 100) < 12 + more) & (np.abs(y - 90) < 6 + more) for more in (0, 2))
    change = np.zeros((256, 256, 3), np.float32)
    change[lash] = -0.8
    own = (face & ~eye).astype(np.float32)
    assert np.array_equal(without_fringe(change, own, ALL), own)


def test_a_beard_may_end_the_face_elsewhere():
    change, own = _forehead(1.0)
    assert np.array_equal(without_fringe(change, own, np.zeros_like(own)), own)
