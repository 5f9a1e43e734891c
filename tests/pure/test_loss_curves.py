"""The losses are kept search by search, and their picture shows each of them."""

from __future__ import annotations

import numpy as np
import pytest
from nextgenface.engine.reporter import RememberingReporter, SilentReporter
from nextgenface.engine.results.loss_curves import ROW, WIDTH, loss_curves

FALLING = [10.0, 4.0, 2.0, 1.5, 1.4]


def _inked(picture: np.ndarray) -> np.ndarray:
    """(H, W) True where a curve is drawn: the plots' only colours."""
    low, high = picture.min(2).astype(int), picture.max(2).astype(int)
    return high - low > 60


def test_every_stage_has_a_row_and_every_search_a_plot():
    picture = loss_curves({"stage1": [FALLING, FALLING], "stage2": [FALLING] * 7, "stage3": [FALLING * 20]})
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (WIDTH, 3)
    inked = _inked(picture)
    for row, plots in enumerate((2, 7, 1)):
        columns = inked[row * ROW : (row + 1) * ROW].any(0)
        starts = np.flatnonzero(np.diff(columns.astype(int)) == 1)
        assert len(starts) == plots, f"row {row}"


def test_a_falling_loss_falls():
    inked = _inked(loss_curves({"stage3": [FALLING]}))
    columns = np.flatnonzero(inked.any(0))
    first, last = (np.flatnonzero(inked[:, column]).mean() for column in (columns[4], columns[-4]))
    # Rows go down.
    assert last - first > 100


def test_stages_without_losses_have_no_row_and_none_at_all_no_picture():
    one, two = (loss_curves(losses) for losses in ({"stage2": [FALLING]}, {"stage2": [FALLING], "stage3": [FALLING]}))
    assert two.shape[0] - one.shape[0] == ROW
    assert loss_curves({"stage1": [], "stage2": [[]]}) is None
    assert loss_curves({}) is None


@pytest.mark.parametrize("losses", [[3.0], [2.0, 2.0, 2.0], [1.0, float("nan"), 0.5], [float("inf")], [-1e30, 1e30]])
def test_odd_losses_are_drawn_too(losses):
    assert loss_curves({"stage1": [losses]}).shape == loss_curves({"stage1": [FALLING]}).shape


def test_a_reporter_keeps_losses_search_by_search():
    reporter = RememberingReporter(SilentReporter())
    for stage, step, loss in (
        *(("stage1", 1, 9.0), ("stage1", 2, 8.0), ("stage1", 1, 3.0), ("stage2", 0, None), ("stage1", 2, 2.0)),
        *(("stage3", 3, 7.0), ("stage3", 4, 6.0)),
    ):
        reporter.progress(stage, step, 10, loss)
    assert reporter.losses == {"stage1": [[9.0, 8.0], [3.0, 2.0]], "stage3": [[7.0, 6.0]]}
