"""Faces are found in real pictures, large and small, upright and turned."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.engine
pytest.importorskip("mediapipe")
cv2 = pytest.importorskip("cv2")

from nextgenface.engine.errors import PhotoError, SettingsError  # noqa: E402
from nextgenface.engine.landmarks.choose import choose_detector, has_bundled_models  # noqa: E402
from nextgenface.engine.landmarks.detector import DetectedFace, largest_face  # noqa: E402
from nextgenface.engine.landmarks.task_file import find_model  # noqa: E402
from nextgenface.engine.photos.reading import read_photo  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

ASTRONAUT = Path(__file__).parents[1] / "data" / "astronaut.png"
# Read off the picture by eye, in pixels: the outer corners of her right and left eye, the corners of the mouth, the chin.
PLACES = {33: (194, 101), 263: (258, 104), 61: (204, 141), 291: (244, 141), 152: (225, 179)}
TASK_FILE = os.environ.get("NEXTGENFACE_FACE_LANDMARKER", "") or str(find_model() or "")


class Listener(SilentReporter):
    def __init__(self):
        self.warnings = []

    def warn(self, message):
        self.warnings.append(message)


@pytest.fixture(scope="module")
def astronaut():
    return read_photo(ASTRONAUT).srgb8


def _detector(kind):
    if kind == "bundled":
        if not has_bundled_models():
            pytest.skip("this MediaPipe brings no models")
        return choose_detector(Settings())
    if not TASK_FILE:
        pytest.skip("NEXTGENFACE_FACE_LANDMARKER names no face_landmarker.task file")
    return choose_detector(Settings(landmark_model_file=TASK_FILE))


@pytest.fixture(scope="module", params=["bundled", "task file"])
def detector(request):
    return _detector(request.param)


@pytest.fixture(scope="module")
def usual():
    """The one that is taken where nothing is chosen."""
    if not has_bundled_models() and find_model() is None:
        pytest.skip("this MediaPipe brings no models, and the engine's folder has no file")
    return choose_detector(Settings())


def check_places(face, scale=1.0, offset=(0.0, 0.0), tolerance=5.0):
    for number, place in PLACES.items():
        expected = np.array(place) * scale + offset
        assert np.linalg.norm(face.points[number, :2] - expected) < tolerance * scale, number


def test_the_astronauts_face(detector, astronaut):
    (face,) = detector.detect(astronaut)
    assert face.points.shape == (478, 3) and face.points.dtype == np.float32
    check_places(face)
    assert 95 < face.height < 120
    assert face.spread.mean() < 0.006 * face.height
    assert face.points[1, 2] < face.points[234, 2] - 0.2 * face.height, "the nose is nearer than the ear"


def test_a_small_face_in_a_large_picture(detector, astronaut):
    """Sixty pixels of face in twelve million."""
    scale = 60 / 107
    small = cv2.resize(astronaut[:256, 100:356], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    large = np.full((3000, 4000, 3), 100, np.uint8)
    large[2100 : 2100 + len(small), 3000 : 3000 + small.shape[1]] = small
    (face,) = detector.detect(large)
    assert 55 < face.height < 68
    check_places(face, scale, (3000 - 100 * scale, 2100), tolerance=7.0)


def test_the_face_that_fills_the_picture(detector, astronaut):
    close = cv2.resize(astronaut[55:180, 165:285], None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    (face,) = detector.detect(close)
    check_places(face, 8.0, (-165 * 8, -55 * 8))


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_photo_on_its_side(usual, astronaut, turns):
    part = np.ascontiguousarray(astronaut[20:240, 110:330])
    upright = usual.detect(part)[0].points
    (face,) = usual.detect(np.ascontiguousarray(np.rot90(part, turns)))
    back = face.points[:, :2].copy()
    for _ in range(turns):
        # rot90 takes (x, y) to (y, width - x).
        back = np.stack([len(part) - back[:, 1], back[:, 0]], -1)
    assert np.linalg.norm(back - upright[:, :2], axis=1).mean() < 2.0


def test_the_largest_of_several(usual, astronaut):
    part = astronaut[20:220, 125:325]
    picture = np.full((500, 900, 3), 90, np.uint8)
    picture[100:380, 50:330] = cv2.resize(part, (280, 280), interpolation=cv2.INTER_CUBIC)
    picture[50:450, 400:800] = cv2.resize(part, (400, 400), interpolation=cv2.INTER_CUBIC)
    faces = usual.detect(picture)
    assert [round(face.height / faces[0].height, 1) for face in faces] == [1.0, 0.7]
    listener = Listener()
    assert largest_face(faces[::-1], "two.png", listener) is faces[0]
    assert listener.warnings == ["two.png shows 2 faces; the largest is used."]


def test_no_face(usual):
    noise = np.random.default_rng(0).integers(0, 255, (600, 800, 3), np.uint8)
    assert usual.detect(noise) == []
    with pytest.raises(PhotoError, match=r"No face was found in wall\.png\."):
        largest_face([], "wall.png", SilentReporter())


def test_a_face_that_is_too_small_is_told_with_its_size():
    points = np.zeros((478, 3), np.float32)
    points[10, 1] = 20
    tiny = DetectedFace(points, np.zeros(478, np.float32))
    with pytest.raises(PhotoError, match="only 20 pixels"):
        largest_face([tiny], "far.png", SilentReporter())


def test_a_wrong_model_file_is_told(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        choose_detector(Settings(landmark_model_file=str(tmp_path / "none.task")))
    (tmp_path / "text.task").write_text("no model")
    with pytest.raises(SettingsError, match="not a face landmarker"):
        choose_detector(Settings(landmark_model_file=str(tmp_path / "text.task")))


def test_a_library_that_the_system_lacks_is_told(monkeypatch, tmp_path):
    from mediapipe.tasks.python import vision

    def fails(_options):
        raise OSError("libEGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(vision.FaceLandmarker, "create_from_options", fails)
    (tmp_path / "some.task").write_bytes(b"some")
    with pytest.raises(SettingsError, match=r"lacks a library of the system: libEGL\.so\.1\.") as told:
        choose_detector(Settings(landmark_model_file=str(tmp_path / "some.task")))
    assert "libegl1" in told.value.remedy


def test_mediapipe_keeps_quiet(capfd, usual, astronaut):
    usual.detect(astronaut)
    assert capfd.readouterr().err == ""
