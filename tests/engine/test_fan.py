"""FAN: loading, cutting out, reading heatmaps, with stand-ins for its weights, which cannot be shipped."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import pickle
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.engine
torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")

import stand_in_fan  # noqa: E402
from nextgenface.engine.errors import SettingsError  # noqa: E402
from nextgenface.engine.landmarks import fan, fan_networks, fan_weights  # noqa: E402
from nextgenface.engine.landmarks.choose import choose_detector  # noqa: E402
from nextgenface.engine.landmarks.fan_faces import Box, boxes, kept  # noqa: E402
from nextgenface.engine.landmarks.irises import find_iris  # noqa: E402
from nextgenface.engine.landmarks.schemes import IBUG  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

POINTS, FACES = fan_weights.POINTS_NETWORK.name, fan_weights.FACES_NETWORK.name


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The stand-in package instead of the real one."""
    place = stand_in_fan.write_package(tmp_path / "packages") / "face_alignment"
    spec = importlib.util.spec_from_file_location("face_alignment", place / "__init__.py")
    known = importlib.util.find_spec
    monkeypatch.setattr(
        fan_networks.importlib.util,
        "find_spec",
        lambda name, *more: spec if name == "face_alignment" else known(name, *more),
    )
    return place


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with weights of the stand-in, whose hashes count as the published ones."""
    place = tmp_path / "weights"
    stand_in_fan.write_weights(place, POINTS, FACES)
    trust(place, monkeypatch)
    fan._loaded.cache_clear()
    yield place
    fan._loaded.cache_clear()


def trust(place, monkeypatch):
    for name in ("POINTS_NETWORK", "FACES_NETWORK"):
        remote = getattr(fan_weights, name)
        digest = hashlib.sha256((place / remote.name).read_bytes()).hexdigest()
        monkeypatch.setattr(fan_weights, name, replace(remote, sha256=digest))


def detector_of(folder):
    return choose_detector(Settings(landmark_detector="fan", fan_model_folder=str(folder)))


@pytest.mark.parametrize(
    ("size", "centre", "half", "roll"),
    [
        ((420, 500), (260.0, 200.0), 120.0, 0.0),
        ((420, 500), (240.3, 210.7), 130.0, 9.0),
        ((1500, 2000), (900.0, 700.0), 320.0, -6.0),
    ],
)
def test_the_points_of_a_face_are_found_where_they_are(package, folder, size, centre, half, roll):
    picture, places = stand_in_fan.draw(size, centre, half, roll)
    (face,) = detector_of(folder).detect(picture)
    assert face.scheme is IBUG and face.points.shape == (IBUG.count, 3)
    off = np.linalg.norm(face.points[:68, :2] - places, axis=1)
    # The network sees the plate in some 120 pixels and tells places in steps of four.
    assert off.mean() < 0.012 * 2 * half and off.max() < 0.05 * 2 * half
    bias = (face.points[:68, :2] - places).mean(0)
    assert np.abs(bias).max() < 0.008 * 2 * half
    assert face.spread[:68].mean() < 0.02 * 2 * half


def test_a_face_on_its_side_is_found_in_a_turned_copy(package, folder, monkeypatch):
    """Upright, its box gives points that do not agree."""
    picture, places = stand_in_fan.draw((420, 500), (260.0, 200.0), 120.0)
    tried = []

    def agree(self, srgb, box, look=fan.FanDetector.look_at):
        tried.append(box.roll)
        return look(self, srgb, box) if box.roll == 90.0 else None

    monkeypatch.setattr(fan.FanDetector, "look_at", agree)
    # rot90 takes (x, y) to (y, width - x).
    (face,) = detector_of(folder).detect(np.ascontiguousarray(np.rot90(picture, 3)))
    assert tried == [0.0, 90.0]
    expected = np.stack([420.0 - places[:, 1], places[:, 0]], 1)
    assert np.linalg.norm(face.points[:68, :2] - expected, axis=1).mean() < 0.012 * 240


def test_a_picture_without_a_face(package, folder):
    empty = np.full((300, 400, 3), np.round(255 * np.array(stand_in_fan.BACKGROUND)), np.uint8)
    assert detector_of(folder).detect(empty) == []


def test_the_network_sees_a_window_as_it_is_and_mirrored(package, folder, monkeypatch):
    picture, _ = stand_in_fan.draw((420, 500), (260.0, 200.0), 120.0)
    detector, seen = detector_of(folder), []
    network = detector._points_network
    monkeypatch.setattr(detector, "_points_network", lambda pictures: seen.append(pictures) or network(pictures))
    window = fan.window_of(Box(140.0, 80.0, 380.0, 320.0))
    detector.points(picture, [window])
    straight, mirrored = (255.0 * part[0].permute(1, 2, 0).numpy() for part in seen)
    np.testing.assert_allclose(straight, fan._shown(window).cut(picture), atol=1e-3)
    np.testing.assert_array_equal(mirrored, straight[:, ::-1])


def test_the_weights_are_read_once(package, folder):
    assert detector_of(folder) is detector_of(folder)


def test_the_package_is_not_imported_as_a_whole(package, folder):
    """It would take its weights from the network without asking."""
    detector_of(folder)
    assert "face_alignment" not in sys.modules and "numba" not in sys.modules


def test_without_the_package_the_way_to_install_it_is_told(folder, monkeypatch):
    monkeypatch.setattr(fan_networks.importlib.util, "find_spec", lambda name, *more: None)
    with pytest.raises(SettingsError, match="face-alignment is not installed") as caught:
        detector_of(folder)
    assert "--fan" in caught.value.remedy


def test_another_version_of_the_package_is_told(package, folder):
    (package / "models" / "fan.py").unlink()
    with pytest.raises(SettingsError, match=r"no FAN in models/fan\.py"):
        detector_of(folder)


def test_a_planted_pickle_does_nothing(package, folder, monkeypatch, tmp_path):
    """Even with the right hash: a file of weights may hold tensors only."""
    mark = tmp_path / "ran"

    class Planted:
        def __reduce__(self):
            return (Path.touch, (mark,))

    (folder / POINTS).write_bytes(pickle.dumps({"colour": Planted()}))
    trust(folder, monkeypatch)
    with pytest.raises(SettingsError, match="does not hold the weights of FAN"):
        detector_of(folder)
    torch.save({"colour": Planted()}, folder / POINTS)
    trust(folder, monkeypatch)
    with pytest.raises(SettingsError, match="does not hold the weights of FAN"):
        detector_of(folder)
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"no weights", "other"])
def test_files_that_are_no_weights_are_told(package, folder, monkeypatch, content):
    if content == "other":
        torch.save({"else": torch.zeros(3)}, folder / FACES)
    else:
        (folder / FACES).write_bytes(content)
    trust(folder, monkeypatch)
    with pytest.raises(SettingsError, match="does not hold the weights of s3fd"):
        detector_of(folder)


def test_boxes_are_decoded_and_doubles_dropped():
    sure, less, other = [10, 10, 50, 60, 0.9], [12, 11, 52, 58, 0.8], [200, 10, 240, 60, 0.7]
    rows = kept(np.array([less, other, sure, [300, 300, 320, 320, 0.4]], np.float64))
    np.testing.assert_array_equal(rows, [sure, other])
    output = []
    for level in range(6):
        side = 32 >> level
        output += [torch.zeros(1, 2, max(side, 1), max(side, 1)), torch.zeros(1, 4, max(side, 1), max(side, 1))]
    for part in output[::2]:
        part[:, 0] = 20.0
    output[2][0, 1, 2, 3] = 40.0
    output[3][0, :, 2, 3] = torch.tensor([1.0, 0.0, np.log(2.0) / 0.2, 0.0])
    # Stride 8: the place (3, 2) has its middle at (28, 20) and a box of 32; moved by 0.1 boxes, twice as wide.
    np.testing.assert_allclose(boxes(output)[0, :4], [28 + 3.2 - 32, 20 - 16, 28 + 3.2 + 32, 20 + 16], atol=1e-4)


def test_an_iris_is_found_between_the_lids():
    """A dark disc in a bright almond, half hidden, with a catchlight; in a closed eye the middle."""
    picture = np.full((80, 120, 3), 170, np.uint8)
    angles = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    ring = np.array([60.0, 40.0]) + np.stack([30 * np.cos(angles), 10 * np.sin(angles)], 1)
    opening = np.zeros((80, 120), np.uint8)
    cv2.fillPoly(opening, [np.round(ring).astype(np.int32)], 1)
    disc = np.hypot(*(np.mgrid[0:80, 0:120][::-1] + 0.5 - np.array([68.0, 38.0])[:, None, None])) < 9
    picture[opening > 0] = 230
    picture[(opening > 0) & disc] = 40
    picture[36:39, 70:73] = 255
    found = find_iris(picture, ring, 9.0)
    assert np.linalg.norm(found[0] - [68.0, 38.0]) < 2.0
    np.testing.assert_allclose(np.linalg.norm(found[1:] - found[0], axis=1), 9.0)
    closed = ring * [1.0, 0.05] + [0.0, 38.0]
    np.testing.assert_allclose(find_iris(picture, closed, 9.0)[0], closed.mean(0))


@pytest.fixture(scope="module")
def theirs():
    """The real package's utils, with stand-ins for what it imports and this does not need."""
    spec = importlib.util.find_spec("face_alignment")
    if spec is None:
        pytest.skip("face-alignment is not installed: tools/setup_engine.py --tests")
    numba = types.ModuleType("numba")
    numba.jit = lambda **_: lambda function: function
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "numba", numba)
        own = importlib.util.spec_from_file_location("their_utils", Path(spec.origin).parent / "utils.py")
        module = importlib.util.module_from_spec(own)
        own.loader.exec_module(module)
    return module


def test_the_real_package_is_the_pinned_one(theirs):
    pinned = (Path(__file__).parents[2] / "wheels" / "fan.txt").read_text()
    assert f"face-alignment=={importlib.metadata.version('face-alignment')} " in pinned


def test_windows_and_heatmaps_are_read_as_the_package_does(theirs):
    """A picture of smooth noise is cut the same, and a peak is told at the same place, up to what they round."""
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.uniform(0, 255, (900, 800, 3)).astype(np.float32), (0, 0), 4.0)
    picture = np.clip(128 + 10 * (picture - picture.mean()), 0, 255).astype(np.uint8)
    # A box whose window has corners of whole pixels, which they would otherwise round.
    half = 512 * 195 / 200 / 4
    centre, scale = np.array([350.001, 400.001]), 512 / 200
    raised = 0.12 * 2 * half
    box = Box(centre[0] - half, centre[1] + raised - half, centre[0] + half, centre[1] + raised + half)
    window = fan.window_of(box)
    np.testing.assert_allclose(window.centre, centre)
    assert window.side == pytest.approx(200.0 * scale)
    expected = theirs.crop(picture, torch.tensor(centre), scale).astype(float)
    assert np.abs(fan._shown(window).cut(picture) - expected).mean() < 1.0
    assert np.abs(window.cut(picture) - expected).mean() > 3.0

    rows, columns = np.mgrid[0:64, 0:64]
    places = rng.uniform(8, 56, (68, 2))
    heat = np.exp(-((columns - places[:, 0, None, None]) ** 2 + (rows - places[:, 1, None, None]) ** 2) / 2)[None]
    ours = fan.peaks(heat.astype(np.float32))[0]
    np.testing.assert_allclose(ours, places + 0.5, atol=0.15)
    inner, outer, _ = theirs.get_preds_fromhm(heat.astype(np.float32), centre, scale)
    assert np.abs(ours - inner[0]).max() < 0.4
    back = window.back(np.column_stack([ours * 4.0, np.zeros(68)]).astype(np.float32))[:, :2]
    # Theirs are whole pixels, cut off.
    assert np.abs(back - outer[0] - 0.5).max() < 0.4 * window.side / 64 + 0.6


def test_the_mirrored_order_is_the_package_s(theirs):
    assert theirs.shuffle_lr(torch.arange(68).view(1, 68, 1, 1)).flatten().tolist() == list(fan.ibug.MIRRORED)


def test_the_real_networks_take_their_weights_and_give_what_is_read(theirs, tmp_path):
    """With random weights: the shapes, and that a file of theirs is loaded to the last number."""
    torch.manual_seed(0)
    path = tmp_path / "s3fd.pth"
    network = fan_networks._class("detection/sfd/net_s3fd.py", "s3fd")()
    torch.save(network.state_dict(), path)
    loaded = fan_networks.load_faces_network(path)
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), loaded.state_dict().values(), strict=True)
    )
    output = loaded(torch.zeros(1, 3, 128, 128))
    assert [tuple(part.shape) for part in output[:4]] == [
        (1, 2, 32, 32),
        (1, 4, 32, 32),
        (1, 2, 16, 16),
        (1, 4, 16, 16),
    ]
    assert boxes(output).shape[1] == 5
    path = tmp_path / "fan.pth.tar"
    # As the published file is: PyTorch's format of before 1.6.
    network = fan_networks._class("models/fan.py", "FAN")(fan_networks.HOURGLASSES)
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=False)
    heat = fan_networks.load_points_network(path)(torch.zeros(1, 3, 256, 256))
    assert len(heat) == 4 and heat[-1].shape == (1, 68, 64, 64)
