"""Edit Landmarks in a real window; see `screen` for what it needs."""

from __future__ import annotations

import pytest
from window.screen import MARKS, STAND_IN, STAND_IN_ENGINE, pictures_folder, run_script

pytestmark = MARKS


@pytest.fixture(scope="module")
def report(tmp_path_factory, astronaut):
    folder = pictures_folder(tmp_path_factory, "landmarks")
    environment = {"NEXTGENFACE_DETECT_FUNCTION": f"{STAND_IN_ENGINE}:look_at"} if STAND_IN else {}
    return run_script("edit_landmarks.py", folder, (astronaut, folder), ["--enable-event-simulate"], environment)


def test_a_point_is_dragged_in_a_window_of_its_own_and_kept(report):
    assert "error" not in report, report["error"]
    assert report["dragging"]
    assert 0 in report["placed"] and len(report["placed"]) < 478
    assert (report["windows while editing"], report["windows after"]) == (2, 1)
    assert 0.4 < report["face over view"] < 1.0, "the face fills the view"


def test_one_undo_takes_it_back(report):
    assert report["placed after undo"] == []
    assert report["placed after redo"] == report["placed"]


def test_another_file_ends_it(report):
    assert not report["editing in the other file"]
