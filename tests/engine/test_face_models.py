"""Whole fits with face models from elsewhere: one of the Basel model's size, and one of ICT-FaceKit's layout."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import synthetic_face
import synthetic_ict
from nextgenface.engine.faces import bfm, choose, ict
from nextgenface.engine.faces.bundled import load
from nextgenface.engine.faces.disk_layout import folded
from nextgenface.engine.faces.embedding import embedded_points
from nextgenface.engine.faces.nostrils import nostril_mask
from nextgenface.engine.fit.pipeline import reconstruct
from nextgenface.engine.presets import read_preset
from nextgenface.engine.reporter import SilentReporter
from nextgenface.engine.settings import Settings

pytestmark = pytest.mark.slow

# MediaPipe's points at the corners of the lips, their outer and their inner edges.
LIPS = (61, 291, 0, 17, 13, 14)


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    """Nothing of the user's is taken or kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEXTGENFACE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def _settings(name, folder):
    return Settings(**{**read_preset("draft"), "face_model": name, "face_model_folder": str(folder)})


@pytest.fixture(scope="module")
def basel(tmp_path_factory):
    return _settings("bfm2017", synthetic_face.full_model().write(tmp_path_factory.mktemp("bfm")))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("FaceXModel")
    parts, vertices = synthetic_ict.write(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ict, "PARTS", parts)
        patch.setattr(ict, "VERTICES", vertices)
        yield _settings("ict", folder)


@pytest.fixture(scope="module")
def bundled_report(astronaut, tmp_path_factory):
    return _report(astronaut, Settings(**read_preset("draft")), tmp_path_factory.mktemp("bundled") / "out")


def _report(photo, settings, output):
    reconstruct([photo], output, settings, SilentReporter())
    return json.loads((output / "report.json").read_text("utf-8"))


def _off(model):
    """(468,) mm between where its points were found and where the bundled head has them, but for where the heads stand."""
    head = load()
    theirs, ours = (embedded_points(m.mean, m.triangles, m.landmarks["mediapipe"]) for m in (model, head))
    return np.linalg.norm((theirs - theirs.mean(0)) - (ours - ours.mean(0)), axis=1)


def test_a_basel_model_has_layout_landmarks_and_regions(basel):
    model = choose.load_model("bfm2017", basel)
    assert (model.vertex_count, model.identity_count, model.expression_count) == (28588, 199, 100)
    assert len(model.albedo.diffuse_basis) == 145
    flat = model.triangle_uv.reshape(-1, 2)
    assert not folded(flat, np.arange(len(flat)).reshape(-1, 3)).any()
    off = _off(model)
    assert np.median(off) < 1.5
    assert {"face", "lips", "brows", "nose"} <= set(model.regions)
    points = embedded_points(model.mean, model.triangles, model.landmarks["mediapipe"])
    lips = model.mean[model.regions["lips"] > 0.5].mean(0)
    assert np.linalg.norm((lips - points[list(LIPS)].mean(0))[:2]) < 3.0


def test_what_a_basel_model_lacks_is_found_once(basel, monkeypatch):
    first = choose.load_model("bfm2017", basel)
    for name in ("disk_layout", "embed_mediapipe", "carried_regions"):
        monkeypatch.setattr(bfm, name, lambda *_: pytest.fail("computed again"))
    # Other settings, so it is read again.
    again = choose.load_model("bfm2017", replace(basel, seed=basel.seed + 1))
    assert again is not first
    assert again.regions.keys() == first.regions.keys()
    assert all(np.array_equal(again.regions[name], first.regions[name]) for name in first.regions)
    np.testing.assert_array_equal(again.triangle_uv, first.triangle_uv)


def test_nostrils_are_below_the_nose_and_nowhere_else():
    head = load()
    mask = nostril_mask(head)
    meant = mask > 0.5
    assert (head.regions["nose"][mask > 0.99]).mean() > 0.5
    assert head.regions["eyelids"][meant].max() < 0.1
    low, high = head.mean[meant].min(0), head.mean[meant].max(0)
    assert high[0] - low[0] < 70 and high[1] - low[1] < 45
    assert abs(high[0] + low[0]) < 2


def test_trimmed_modes(basel):
    model = choose.load_model("bfm2017", replace(basel, trim_modes=True))
    assert (model.identity_count, model.expression_count, len(model.albedo.diffuse_basis)) == (80, 80, 80)


def test_a_photo_fitted_with_a_basel_model(basel, astronaut, bundled_report, tmp_path):
    report = _report(astronaut, basel, tmp_path / "out")
    assert report["reproduction_psnr_db"] > bundled_report["reproduction_psnr_db"] - 0.2
    assert report["landmark_error_percent"] < 0.8
    with np.load(tmp_path / "out" / "head.npz", allow_pickle=False) as head:
        assert head["vertices"].shape == (28588, 3)
        assert (head["quads"][:, 3] == -1).all()
        assert len(head["expression_names"]) == 100
    result = json.loads((tmp_path / "out" / "result.json").read_text("utf-8"))
    weights = result["photos"][0]["expression"].values()
    # Modes of a PCA go both ways.
    assert min(weights) < -0.01
    assert max(weights) > 0.01
    diffuse = cv2.imread(str(tmp_path / "out" / "diffuseMap_0.png"))
    assert diffuse.std() > 5


def test_a_photo_fitted_with_an_ict_checkout(checkout, astronaut, bundled_report, tmp_path):
    model = choose.load_model("ict", checkout)
    assert np.median(_off(model)) < 1.5
    report = _report(astronaut, checkout, tmp_path / "out")
    assert report["reproduction_psnr_db"] > bundled_report["reproduction_psnr_db"] - 1.5
    with np.load(tmp_path / "out" / "head.npz", allow_pickle=False) as head:
        assert "eyeBlinkLeft" in head["expression_names"].tolist()
        assert "browInnerUp" in head["slider_names"].tolist()
        lashes = head["part_names"].tolist().index("lashes")
        assert (head["face_part"] == lashes).sum() == 2
