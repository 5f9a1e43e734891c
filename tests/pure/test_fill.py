"""Smooth extrapolation of maps."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs OpenCV")

from nextgenface.engine.fit.fill import pad, push_pull, smooth


def test_push_pull_keeps_what_is_known():
    rng = np.random.default_rng(0)
    values = rng.random((37, 52, 3)).astype(np.float32)
    weight = (rng.random((37, 52)) > 0.5).astype(np.float32)
    filled = push_pull(values, weight)
    assert np.array_equal(filled[weight == 1], values[weight == 1])


def test_channels_are_filled_each_for_itself_however_many():
    rng = np.random.default_rng(1)
    values, weight = rng.random((37, 45, 9)).astype(np.float32), (rng.random((37, 45)) > 0.7).astype(np.float32)
    alone = [push_pull(values[:, :, i : i + 1], weight) for i in range(9)]
    assert np.allclose(push_pull(values, weight), np.concatenate(alone, 2), atol=1e-6)


def test_push_pull_continues_a_constant_exactly():
    values = np.full((64, 64, 1), 0.3, np.float32)
    weight = np.zeros((64, 64), np.float32)
    weight[10:20, 10:20] = 1.0
    values[weight == 0] = 9.0
    assert np.allclose(push_pull(values, weight), 0.3, atol=1e-5)


def test_push_pull_has_no_seam():
    """A ramp known on the left is continued without a jump at the border."""
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))[:, :, None]
    weight = np.zeros((64, 64), np.float32)
    weight[:, :32] = 1.0
    filled = push_pull(ramp * weight[:, :, None], weight)[:, :, 0]
    assert np.abs(filled[:, 32] - filled[:, 31]).max() < 0.08
    assert filled[:, 32:].min() > 0.3


def test_push_pull_without_evidence_is_zero():
    assert not push_pull(np.ones((8, 8, 2), np.float32), np.zeros((8, 8), np.float32)).any()


def test_smooth_ignores_pixels_without_weight():
    values = np.ones((32, 32, 1), np.float32)
    weight = np.ones((32, 32), np.float32)
    values[:, 16:], weight[:, 16:] = 100.0, 0.0
    assert np.allclose(smooth(values, weight, 3.0)[:, :16], 1.0, atol=1e-4)


def test_pad_takes_the_nearest_known_pixel():
    values = np.zeros((5, 5, 1), np.float32)
    known = np.zeros((5, 5), bool)
    values[2, 0], known[2, 0] = 1.0, True
    values[2, 4], known[2, 4] = 2.0, True
    padded = pad(values, known)[:, :, 0]
    assert (padded[:, :2] == 1.0).all() and (padded[:, 3:] == 2.0).all()
