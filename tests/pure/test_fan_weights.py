"""FAN's weights are looked for, downloaded with consent only, and checked."""

from __future__ import annotations

import hashlib
import re
import urllib.request
from dataclasses import replace

import pytest
from nextgenface.engine.errors import DownloadError, SettingsError
from nextgenface.engine.landmarks import fan_weights
from nextgenface.engine.landmarks.fan_weights import FACES_NETWORK, POINTS_NETWORK, readiness, weights
from nextgenface.engine.reporter import SilentReporter
from nextgenface.engine.settings import Settings

FILES = {"POINTS_NETWORK": b"points", "FACES_NETWORK": b"faces"}


@pytest.fixture
def small(monkeypatch, tmp_path):
    """The two files with small contents of known hashes, and usual folders that are this test's own."""
    for name, content in FILES.items():
        remote = getattr(fan_weights, name)
        monkeypatch.setattr(fan_weights, name, replace(remote, sha256=hashlib.sha256(content).hexdigest()))
    monkeypatch.setattr(fan_weights, "models_folder", lambda: tmp_path / "own")
    monkeypatch.setattr(fan_weights, "hub_folder", lambda: tmp_path / "hub")
    return tmp_path


@pytest.fixture
def no_network(monkeypatch):
    """Counts what would have been asked of the network, and refuses it."""
    asked = []

    def refused(self, request, *arguments, **more):
        asked.append(request.full_url)
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", refused)
    return asked


def put(folder, **contents):
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / getattr(fan_weights, name).name).write_bytes(content)


def test_the_names_carry_the_beginnings_of_the_hashes():
    for remote in (POINTS_NETWORK, FACES_NETWORK):
        assert re.search(r"-([0-9a-f]{10})\.", remote.name).group(1) == remote.sha256[:10]
        assert re.fullmatch(r"[0-9a-f]{64}", remote.sha256)
        assert remote.address.startswith("https://") and remote.address.endswith("/" + remote.name)


def test_without_consent_nothing_is_asked_of_the_network(small, no_network):
    with pytest.raises(SettingsError, match="FAN's weights are missing") as caught:
        weights(Settings(landmark_detector="fan"), SilentReporter())
    for remote in (POINTS_NETWORK, FACES_NETWORK):
        assert remote.name in caught.value.message and remote.address in caught.value.remedy
    assert str(small / "own") in caught.value.remedy and "allow_downloads" in caught.value.remedy
    assert no_network == []


def test_with_consent_and_no_network_it_says_how_to_get_them_by_hand(small, no_network):
    with pytest.raises(DownloadError, match="no network") as caught:
        weights(Settings(landmark_detector="fan", allow_downloads=True), SilentReporter())
    assert no_network == [POINTS_NETWORK.address]
    assert POINTS_NETWORK.address in caught.value.remedy and str(small / "own") in caught.value.remedy


def test_with_consent_only_what_is_missing_comes_and_is_told(small, monkeypatch):
    put(small / "hub", FACES_NETWORK=b"faces")
    told = []

    def download(remote, folder, progress):
        put(folder, POINTS_NETWORK=b"points")
        progress(3_000_000, 96_000_000)

    class Listener(SilentReporter):
        def progress(self, *what):
            told.append(what)

    monkeypatch.setattr(fan_weights, "download", download)
    points, faces = weights(Settings(allow_downloads=True), Listener())
    assert points == small / "own" / POINTS_NETWORK.name and faces == small / "hub" / FACES_NETWORK.name
    assert told == [("download", 3, 96)]


def test_a_folder_that_is_set_is_the_only_one(small):
    put(small / "hub", **FILES)
    put(small / "mine", POINTS_NETWORK=b"points")
    settings = Settings(fan_model_folder=str(small / "mine"))
    with pytest.raises(SettingsError) as caught:
        weights(settings, SilentReporter())
    assert FACES_NETWORK.name in caught.value.message and POINTS_NETWORK.name not in caught.value.message
    put(small / "mine", FACES_NETWORK=b"faces")
    assert weights(settings, SilentReporter())[1].parent == small / "mine"


def test_another_file_of_the_same_name_is_refused(small):
    put(small / "own", **{**FILES, "FACES_NETWORK": b"something else"})
    with pytest.raises(SettingsError, match="SHA-256") as caught:
        weights(Settings(), SilentReporter())
    assert FACES_NETWORK.name in caught.value.message and "Delete it" in caught.value.remedy


def test_readiness_says_what_is_lacking(small, monkeypatch):
    found = fan_weights.importlib.util.find_spec
    monkeypatch.setattr(fan_weights.importlib.metadata, "version", lambda name: "1.5.0")
    monkeypatch.setattr(fan_weights.importlib.util, "find_spec", lambda name: None)
    assert readiness()[:2] == (False, "face-alignment is not installed")
    monkeypatch.setattr(fan_weights.importlib.util, "find_spec", lambda name: found("json"))
    put(small / "own", POINTS_NETWORK=b"points")
    ready, detail, remedy = readiness()
    assert not ready and FACES_NETWORK.name in detail and POINTS_NETWORK.name not in detail
    assert str(small / "own") in remedy
    put(small / "own", FACES_NETWORK=b"faces")
    assert readiness() == (True, "face-alignment 1.5.0 with its weights", "")
