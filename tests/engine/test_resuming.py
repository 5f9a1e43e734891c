"""Runs that go on from a checkpoint find what an uninterrupted one finds; what does not fit is refused with a sentence."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.engine
pytest.importorskip("mediapipe")
cv2 = pytest.importorskip("cv2")

from nextgenface.engine.client import WorkerProcess  # noqa: E402
from nextgenface.engine.errors import Cancelled, CheckpointError  # noqa: E402
from nextgenface.engine.fit.pipeline import reconstruct  # noqa: E402
from nextgenface.engine.protocol import Done, Failed, JobCancelled, Progress  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.results.checkpoints import (  # noqa: E402
    checkpoint_name,
    read_checkpoint,
    write_checkpoint,
)
from nextgenface.engine.settings import Settings  # noqa: E402
from nextgenface.engine.stages import Stages  # noqa: E402

# Little, but with real searches in every stage, and bands and directions enough for a light that is one.
SMALL = Settings(
    fit_size=128,
    texture_size=256,
    environment_height=16,
    bands=4,
    stage2_iterations=48,
    stage3_iterations=12,
    transfer_directions=32,
    render_samples=2,
    preview_every=0,
)
PATIENCE = 300.0


def _with(**values) -> Settings:
    return Settings.from_dict(SMALL.to_dict() | values)


class Listener(SilentReporter):
    """Keeps warnings and the stages' names, and cancels when a stage is heard of."""

    def __init__(self, cancel_in: str = "") -> None:
        self.warnings: list[str] = []
        self.stages: list[str] = []
        self.cancel_in = cancel_in

    def progress(self, stage, step, steps, loss=None):
        self.stages.append(stage)
        if stage == self.cancel_in:
            raise Cancelled

    def warn(self, message):
        self.warnings.append(message)


def _run(photos, output: Path, settings=SMALL, listener=None, **stages) -> Path:
    wanted = Stages(frozenset(stages.get("skip", ())), stages.get("checkpoint"))
    reconstruct(photos, output, settings, listener or SilentReporter(), wanted)
    return output


def _files(folder: Path) -> dict[str, bytes]:
    """All of the results but the report, which has seconds in it."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and p.name != "report.json"}


def _report(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text("utf-8"))


def _kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


@pytest.fixture(scope="module")
def mirrored(astronaut, tmp_path_factory) -> Path:
    """Another photo of hers: mirrored, brighter and smaller."""
    picture = cv2.imread(str(astronaut))[:400, 40:460][:, ::-1]
    path = tmp_path_factory.mktemp("photos") / "mirrored.png"
    smaller = cv2.resize(picture, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), np.clip(smaller * 1.1, 0, 255).astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def single(astronaut, tmp_path_factory) -> Path:
    """An uninterrupted run on one photo."""
    return _run([astronaut], tmp_path_factory.mktemp("single"))


@pytest.fixture(scope="module")
def pair(astronaut, mirrored, tmp_path_factory) -> Path:
    """And one on two photos of one person."""
    return _run([astronaut, mirrored], tmp_path_factory.mktemp("pair"))


def _state(run: Path, stage: int) -> Path:
    return run / "checkpoints" / checkpoint_name(stage)


# --- the same -----------------------------------------------------------------------------------------------------------


def test_a_run_leaves_a_checkpoint_of_each_stage(single):
    assert _kept(single) == [checkpoint_name(stage) for stage in (1, 2, 3)]
    for stage in (1, 2, 3):
        found = read_checkpoint(_state(single, stage))
        assert found.stage == stage
        assert found.settings == SMALL.to_dict()
        assert [photo.name for photo in found.photos] == ["astronaut.png"]
        assert {name.split("_")[0] for name in found.arrays} >= {f"stage{n}" for n in range(1, stage + 1)}


def test_checkpoints_can_be_turned_off(astronaut, tmp_path):
    _run([astronaut], tmp_path, _with(checkpoints=False, stage2_iterations=1, stage3_iterations=1))
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_last_bit(single, astronaut, tmp_path, stage):
    listener = Listener()
    _run([astronaut], tmp_path, listener=listener, checkpoint=_state(single, stage))
    assert not {f"stage{n}" for n in range(1, stage + 1)} & set(listener.stages)
    assert listener.warnings == []
    whole, resumed = _files(single), _files(tmp_path)
    assert whole.keys() == resumed.keys()
    assert [name for name in whole if whole[name] != resumed[name]] == []
    assert _report(tmp_path)["losses"] == _report(single)["losses"]
    sources = ["checkpoint"] * stage + ["run"] * (3 - stage)
    assert list(_report(tmp_path)["stages"].values()) == sources
    for later in range(stage + 1, 4):
        assert _state(tmp_path, later).read_bytes() == _state(single, later).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_so_is_one_of_several_photos(pair, astronaut, mirrored, tmp_path, stage):
    _run([astronaut, mirrored], tmp_path, checkpoint=_state(pair, stage))
    whole, resumed = _files(pair), _files(tmp_path)
    assert whole.keys() == resumed.keys()
    assert [name for name in whole if whole[name] != resumed[name]] == []


def test_the_reference_s_way_of_naming_the_skipped_stages_is_the_same(single, astronaut, tmp_path):
    """Stages 1 and 2 from the checkpoint of stage 3, which holds them too; stage 3 is run again."""
    _run([astronaut], tmp_path, skip={1, 2}, checkpoint=_state(single, 3))
    assert list(_report(tmp_path)["stages"].values()) == ["checkpoint", "checkpoint", "run"]
    whole, resumed = _files(single), _files(tmp_path)
    assert [name for name in whole if whole[name] != resumed[name]] == []


def test_a_run_may_go_on_in_its_own_folder(single, astronaut, tmp_path):
    shutil.copytree(single, tmp_path / "run")
    _state(tmp_path / "run", 3).unlink()
    _run([astronaut], tmp_path / "run", checkpoint=_state(tmp_path / "run", 2))
    assert _files(tmp_path / "run") == _files(single)
    assert _kept(tmp_path / "run") == _kept(single)


# --- with other settings ------------------------------------------------------------------------------------------------


def test_from_stage_2_the_maps_may_be_of_another_size(single, astronaut, tmp_path):
    listener = Listener()
    _run([astronaut], tmp_path, _with(texture_size=512), listener, checkpoint=_state(single, 2))
    assert cv2.imread(str(tmp_path / "diffuseMap_0.png")).shape == (512, 512, 3)
    assert _files(tmp_path)["mesh0.obj"] == _files(single)["mesh0.obj"]
    assert listener.warnings == []


def test_from_stage_2_the_photo_may_be_looked_at_more_closely(single, astronaut, tmp_path):
    """The camera is carried over to the larger crop: the head stays where it was in the photo."""
    listener = Listener()
    _run([astronaut], tmp_path, _with(fit_size=192), listener, checkpoint=_state(single, 2))
    before, after = (json.loads((run / "result.json").read_text("utf-8"))["photos"][0] for run in (single, tmp_path))
    for name in ("focal_px", "cx", "cy"):
        assert after[name] == pytest.approx(before[name], rel=1e-6)
    assert after["rotation"] == before["rotation"]
    # A finer crop shows the photo's pixels with less noise; a head in the wrong place would show another picture.
    assert _report(tmp_path)["reproduction_psnr_db"] > _report(single)["reproduction_psnr_db"]
    assert len(listener.warnings) == 1
    assert "made with another fit_size" in listener.warnings[0]


def test_from_stage_3_maps_fitted_at_another_size_are_refused(single, astronaut, tmp_path):
    with pytest.raises(CheckpointError, match="256 texels across, and the settings ask for 512") as caught:
        _run([astronaut], tmp_path / "out", _with(texture_size=512), checkpoint=_state(single, 3))
    assert "stages 1 and 2 only" in caught.value.remedy
    assert not (tmp_path / "out").exists()


def test_a_light_of_other_bands_is_refused(single, astronaut, tmp_path):
    with pytest.raises(CheckpointError, match="has 4 bands, and the settings ask for 3"):
        _run([astronaut], tmp_path / "out", _with(bands=3), checkpoint=_state(single, 2))


# --- what does not fit --------------------------------------------------------------------------------------------------


def _forged(path: Path, source: Path, **values) -> Path:
    """A copy of a checkpoint with other values: fields of `Checkpoint`, and arrays by their names (None: without it)."""
    found = read_checkpoint(source)
    fields = {item.name for item in dataclasses.fields(found)}
    arrays = {**found.arrays, **{name: value for name, value in values.items() if name not in fields}}
    arrays = {name: value for name, value in arrays.items() if value is not None}
    others = {name: value for name, value in values.items() if name in fields}
    write_checkpoint(path, dataclasses.replace(found, arrays=arrays, **others))
    return path


def _refused(photos, path: Path, tmp_path: Path, said: str, **stages) -> CheckpointError:
    with pytest.raises(CheckpointError, match=said) as caught:
        _run(photos, tmp_path / "out", checkpoint=path, **stages)
    assert caught.value.remedy.endswith(".")
    assert not (tmp_path / "out").exists()
    return caught.value


def test_another_photo_is_refused_and_the_right_one_named(single, mirrored, tmp_path):
    error = _refused([mirrored], _state(single, 2), tmp_path, "made from another photo than 'mirrored.png'")
    assert "astronaut.png" in error.remedy


def test_another_number_of_photos_is_refused(single, pair, astronaut, mirrored, tmp_path):
    _refused([astronaut, mirrored], _state(single, 2), tmp_path, "made from 1 photo is?.*2 photos are given|1 photo")
    _refused([astronaut], _state(pair, 2), tmp_path, "2 photos")


def test_photos_in_another_order_are_refused(pair, astronaut, mirrored, tmp_path):
    _refused([mirrored, astronaut], _state(pair, 2), tmp_path, "made from another photo")


def test_another_face_model_is_refused(single, astronaut, tmp_path):
    path = _forged(tmp_path / "a.npz", _state(single, 2), face_model="another")
    _refused([astronaut], path, tmp_path, "made with the face model 'another', this run's is 'bundled'")
    path = _forged(tmp_path / "a.npz", _state(single, 2), fingerprint="00" * 32)
    _refused([astronaut], path, tmp_path, "another version of the face model 'bundled'")


def test_points_of_another_detector_are_no_use_to_stage_2_alone(single, astronaut, tmp_path):
    found = read_checkpoint(_state(single, 2))
    path = _forged(tmp_path / "a.npz", _state(single, 2), settings={**found.settings, "landmark_detector": "fan"})
    _refused([astronaut], path, tmp_path, "points were found by 'fan'", skip={1})


WRONG = {
    "stage1_identity": (np.zeros(3), "stage1_identity' is float64"),
    "stage1_expressions": (None, "lacks 'stage1_expressions'"),
    "stage1_seen": (np.zeros((1, 5, 2)), "stage1_seen"),
    "stage2_vertices": (np.zeros((1, 7, 3), np.float32), "stage2_vertices"),
    "stage2_lights": (np.zeros((1, 16, 3)), "stage2_lights"),
    "stage2_cameras": (np.zeros((1, 17)), "no camera"),
    "stage2_tone_curve": (np.ones(2), "stage2_tone_curve"),
    "stage2_skin_colour": (np.zeros(2, np.float32), "stage2_skin_colour"),
    "stage3_specular": (np.zeros((9, 9), np.float32), "different sizes"),
    "stage3_diffuse": (np.full((256, 256, 3), 7.0, np.float32), "no map"),
    "stage3_gaze": (np.array([5]), "no photo"),
    "stage3_dimming": (np.ones((1, 4, 4), np.float32), "stage3_dimming"),
    "windows": (np.zeros((1, 3)), "window"),
}


@pytest.mark.parametrize("name", WRONG)
def test_arrays_of_another_kind_or_shape_are_refused(single, astronaut, tmp_path, name):
    array, said = WRONG[name]
    _refused([astronaut], _forged(tmp_path / "a.npz", _state(single, 3), **{name: array}), tmp_path, said)


# --- stages left out ----------------------------------------------------------------------------------------------------


def test_without_stage_3_the_maps_are_those_of_the_model(astronaut, tmp_path):
    _run([astronaut], tmp_path, skip={3})
    coverage = cv2.imread(str(tmp_path / "coverageMap_0.png"))
    assert (coverage == [255, 0, 0]).all(), "blue: the model's"
    assert _kept(tmp_path) == [checkpoint_name(1), checkpoint_name(2)]
    assert list(_report(tmp_path)["stages"].values()) == ["run", "run", "start"]
    assert "stage3" not in _report(tmp_path)["losses"]
    specular = cv2.imread(str(tmp_path / "specularMap_0.png"), cv2.IMREAD_UNCHANGED).astype(int)
    # Nothing of the photo is in it, so it is as symmetric as the model's.
    assert np.abs(specular - specular[:, ::-1]).mean() < 0.5


def test_without_stage_2_the_light_is_the_prior_s_and_the_shape_stage_1_s(single, astronaut, tmp_path):
    _run([astronaut], tmp_path, skip={2})
    first, found = (read_checkpoint(_state(run, 3)).arrays for run in (single, tmp_path))
    np.testing.assert_array_equal(found["stage2_identity"], first["stage1_identity"].astype(np.float32))
    light = found["stage2_lights"][0]
    assert (light == light[:, :1]).all(), "neutral"
    assert _report(tmp_path)["reproduction_psnr_db"] > 20
    assert "stage2" not in _report(tmp_path)["losses"]


def test_without_stage_1_the_mean_face_lies_on_the_points(astronaut, tmp_path):
    listener = Listener()
    _run([astronaut], tmp_path, listener=listener, skip={1, 2, 3})
    assert not {"stage1", "stage2", "stage3"} & set(listener.stages)
    with np.load(tmp_path / "head.npz") as head:
        from nextgenface.engine.faces.choose import load_model

        np.testing.assert_array_equal(head["vertices"], load_model("bundled").mean)
    assert 1 < _report(tmp_path)["landmark_error_percent"] < 15
    assert not (tmp_path / "checkpoints").exists()


# --- an end before the end ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stage", "kept"), [("stage2", 1), ("stage3", 2), ("textures", 3)])
def test_a_cancel_leaves_whole_checkpoints_that_a_run_goes_on_from(single, astronaut, tmp_path, stage, kept):
    with pytest.raises(Cancelled):
        _run([astronaut], tmp_path / "out", listener=Listener(cancel_in=stage))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["checkpoints"]
    assert _kept(tmp_path / "out") == [checkpoint_name(n) for n in range(1, kept + 1)]
    last = _state(tmp_path / "out", kept)
    assert last.read_bytes() == _state(single, kept).read_bytes()


def test_a_run_from_the_start_takes_away_what_an_earlier_one_had_reached(single, astronaut, tmp_path):
    """Else the stages of two runs would lie side by side."""
    shutil.copytree(single / "checkpoints", tmp_path / "checkpoints")
    with pytest.raises(Cancelled):
        _run([astronaut], tmp_path, listener=Listener(cancel_in="stage2"))
    assert _kept(tmp_path) == [checkpoint_name(1)]


def _until(worker, wanted) -> list:
    messages = []
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        message = worker.wait(1.0)
        if message is not None:
            messages.append(message)
            if wanted(message):
                return messages
    raise AssertionError(f"not told: {messages}")


def _final(message) -> bool:
    return isinstance(message, Done | Failed | JobCancelled)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="uses signals")
@pytest.mark.parametrize("end", ["cancel", "kill"])
def test_a_worker_ended_in_stage_3_leaves_stage_2_to_go_on_from(single, astronaut, tmp_path, end):
    output = tmp_path / "out"
    settings = _with(stage3_iterations=10000).to_dict()
    with WorkerProcess(Path(sys.executable), log_folder=tmp_path) as worker:
        job = worker.start_job([astronaut], output, settings)
        _until(worker, lambda message: isinstance(message, Progress) and message.stage == "stage3")
        if end == "cancel":
            worker.cancel(job)
        else:
            os.kill(worker.pid, signal.SIGKILL)
        last = _until(worker, _final)[-1]
        assert isinstance(last, JobCancelled if end == "cancel" else Failed)
    assert [path.name for path in output.iterdir()] == ["checkpoints"]
    assert _kept(output) == [checkpoint_name(1), checkpoint_name(2)]
    with WorkerProcess(Path(sys.executable), log_folder=tmp_path) as worker:
        worker.start_job([astronaut], output, SMALL.to_dict(), checkpoint=_state(output, 2), skip=[1, 2])
        last = _until(worker, _final)[-1]
    assert isinstance(last, Done), last
    # Another process than that of the uninterrupted run, and the same maps.
    assert _files(output) == _files(single)
