"""The smooth field beside a face model's modes: its covariance, where it may move the face, and that it is even."""

from __future__ import annotations

import numpy as np
import pytest
from nextgenface.engine.faces import bundled
from nextgenface.engine.faces.model import PART_NAMES
from nextgenface.engine.fit.beyond_modes import LEFT_OUT, LENGTH_MM, LINING_MM, ONE_SIDED, SPREAD_MM, residual_basis
from scipy.spatial import cKDTree

FLIP = np.array([-1, 1, 1], np.float32)


@pytest.fixture(scope="module")
def head():
    return bundled.load()


@pytest.fixture(scope="module")
def modes(head):
    return residual_basis(head)


@pytest.fixture(scope="module")
def free(head):
    """Vertices of the face that nothing holds: (N,)."""
    held = np.maximum(head.regions["eyelids"], head.regions["ears"])
    return np.flatnonzero((head.regions["face"] > 0.999) & (held < 1e-3) & _of(head, "skin"))


def _of(head, part):
    own = np.zeros(head.vertex_count, bool)
    own[head.triangles[head.face_part[head.triangle_face] == PART_NAMES.index(part)]] = True
    return own


def test_the_modes_have_the_covariance_that_is_stated(head, modes, free):
    """Along each axis, between all pairs of vertices; what pivots leave out is a small part of the whole variance."""
    place = head.mean[free].astype(np.float64)
    other = place * FLIP
    near, across = (
        np.exp(-0.5 * ((place[:, None] - there[None]) ** 2).sum(2) / LENGTH_MM**2) for there in (place, other)
    )
    for axis, sign in enumerate((-1, 1, 1)):
        own = modes[:, free, axis].astype(np.float64)
        stated = SPREAD_MM**2 * ((near + sign * across) + ONE_SIDED**2 * (near - sign * across))
        left = stated - own.T @ own
        assert np.trace(left) < 1.5 * LEFT_OUT * np.trace(stated)
        assert np.abs(left).max() < 0.2 * SPREAD_MM**2


def test_what_fits_the_eyes_and_what_is_no_face_stays(head, modes):
    still = np.isin(
        np.arange(head.vertex_count), head.quads[np.isin(head.face_part, _numbers("eye_left", "eye_right"))]
    )
    for part in ("teeth_upper", "teeth_lower", "tongue"):
        still |= _of(head, part)
    for region in ("eyelids", "ears"):
        still |= head.regions[region] == 1.0
    still |= (head.regions["face"] == 0.0) & _of(head, "skin")
    assert still.sum() > 1000
    assert not modes[:, still].any()


def _numbers(*parts):
    return [PART_NAMES.index(part) for part in parts]


def test_the_mouths_lining_goes_with_the_lips(head, modes):
    """A lip that moves by a millimetre may not leave what it is joined to behind; what lies deep inside stays."""
    skin = _of(head, "skin")
    lips, lining = skin & (head.regions["lips"] > 0.9), _of(head, "mouth") & ~skin
    to_lips, to_skin = (cKDTree(head.mean[there]).query(head.mean)[0] for there in (lips, skin))
    joined, deep = lining & (to_lips < 0.8 * LINING_MM), lining & (to_skin > 3.0 * LINING_MM)
    assert joined.sum() >= 3 and deep.sum() > 100
    spread = np.sqrt((modes**2).sum((0, 2)))
    assert spread[joined].min() > 0.7 * spread[lips].mean()
    assert spread[deep].max() < 0.05 * spread[lips].mean()


def test_each_mode_is_its_own_mirror_image_or_its_opposite(head, modes):
    mirrored = modes[:, head.mirror_vertex] * FLIP
    alike = np.abs(mirrored - modes).max((1, 2)) < 1e-2
    opposite = np.abs(mirrored + modes).max((1, 2)) < 1e-2
    assert (alike | opposite).all()
    assert 0.3 < alike.mean() < 0.7
    variance = (modes**2).sum((1, 2))
    assert variance[opposite].sum() == pytest.approx(ONE_SIDED**2 * variance[alike].sum(), rel=0.15)


def test_a_drawn_field_is_smooth(head, modes):
    """Vertices a few millimetres apart go nearly the same way, some centimetres apart their own."""
    drawn = np.tensordot(np.random.default_rng(1).normal(size=len(modes)).astype(np.float32), modes, 1)
    cheeks = np.flatnonzero((head.regions["cheeks"] > 0.9) & (head.mean[:, 0] > 0.0))
    apart = np.linalg.norm(head.mean[cheeks][:, None] - head.mean[cheeks][None], axis=2)
    step = np.linalg.norm(drawn[cheeks][:, None] - drawn[cheeks][None], axis=2)
    close, distant = step[(apart > 0.0) & (apart < 0.75 * LENGTH_MM)], step[apart > 2.5 * LENGTH_MM]
    assert len(close) > 20 and len(distant) > 20
    assert close.mean() < 0.6 * distant.mean()
