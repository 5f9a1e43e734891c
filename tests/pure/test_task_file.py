"""Which of MediaPipe's models is taken: the one that is named, those in its wheel, the file that the set-up brought."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from nextgenface.engine.errors import SettingsError
from nextgenface.engine.landmarks import choose, task_file
from nextgenface.engine.settings import Settings


@pytest.fixture
def chosen(monkeypatch, tmp_path):
    """What `choose_detector` would use, for a MediaPipe with or without models."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: object())
    monkeypatch.setattr(choose, "_bundled", lambda: "bundled")
    monkeypatch.setattr(choose, "_of_file", lambda file, _time: file)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "engine"))
    monkeypatch.setattr(task_file, "models_folder", lambda: tmp_path / "user")

    def choose_with(bundled, **settings):
        monkeypatch.setattr(choose, "has_bundled_models", lambda: bundled)
        return choose.choose_detector(Settings(**settings))

    return choose_with


def put(folder):
    folder.mkdir(parents=True)
    path = folder / "face_landmarker.task"
    path.touch()
    return path


def test_the_models_in_the_wheel_are_taken_where_there_are_some(chosen, tmp_path):
    put(tmp_path / "engine" / "share" / "nextgenface")
    assert chosen(bundled=True) == "bundled", "what gave the results so far stays"


def test_a_file_that_is_named_comes_first(chosen, tmp_path):
    put(tmp_path / "engine" / "share" / "nextgenface")
    named = put(tmp_path / "mine")
    for bundled in (True, False):
        assert chosen(bundled, landmark_model_file=str(named)) == named


def test_without_models_in_the_wheel_the_set_up_s_file_is_taken_and_then_the_user_s(chosen, tmp_path):
    with pytest.raises(SettingsError, match="brings no face models") as told:
        chosen(bundled=False)
    assert "Set the engine up again" in told.value.remedy
    user = put(tmp_path / "user")
    assert chosen(bundled=False) == user
    own = put(tmp_path / "engine" / "share" / "nextgenface")
    assert chosen(bundled=False) == own


def test_the_model_is_pinned_and_fetched_safely():
    assert task_file.MODEL.address.startswith("https://")
    assert len(task_file.MODEL.sha256) == 64
