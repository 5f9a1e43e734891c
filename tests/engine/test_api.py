"""Results are read back as what was written."""

import json

import numpy as np
import pytest

pytest.importorskip("cv2")

from devices import DEVICE
from nextgenface import Reconstruction, resized, turned
from nextgenface.engine.errors import OutputError
from nextgenface.engine.render.variant import activate
from nextgenface.engine.results.data import HeadData, PhotoData, ResultData
from nextgenface.engine.results.write import write_results
from nextgenface.engine.scene.camera import Camera


def _head():
    return HeadData(
        vertices=np.array([[0, 0, 0], [10, 0, 0], [10, 10, 0], [0, 10, 0]], np.float32),
        quads=np.array([[0, 1, 2, 3]], np.int32),
        uv_face=np.array([[[0, 0], [1, 0], [1, 1], [0, 1]]], np.float32),
        uv_original=np.zeros((1, 4, 2), np.float32),
        face_part=np.zeros(1, np.uint8),
        part_names=("skin",),
        expression_names=("jawOpen",),
        expression_deltas=np.full((1, 4, 3), 2.0, np.float32),
        slider_names=(),
        slider_deltas=np.zeros((0, 4, 3), np.float32),
        original_index=np.arange(4, dtype=np.int32),
    )


@pytest.fixture
def data(tmp_path):
    chance = np.random.default_rng(0)
    camera = Camera(20, 30, 200.0, 10.0, 15.0, np.eye(3), np.array([-5.0, -5.0, -100.0]))
    photo = PhotoData(
        source=tmp_path / "a.jpg",
        picture=chance.integers(0, 255, (30, 20, 3), np.uint8),
        camera=camera,
        expression={"jawOpen": np.float32(0.5)},
        environment=np.full((8, 16, 3), 0.7, np.float32),
        render=chance.random((30, 20, 4), np.float32),
        panels={"Input": chance.random((16, 16, 3), np.float32)},
    )
    maps = [chance.random((32, 32, 3), np.float32), *chance.random((2, 32, 32), dtype=np.float32)]
    return ResultData("Ann", "bundled", _head(), *maps, (photo,), {"seconds": {"total": 1.0}}, normal=maps[0])


@pytest.fixture
def face(tmp_path, data):
    # Before Mitsuba writes the light.
    activate(DEVICE)
    return Reconstruction.load(write_results(tmp_path / "out", data))


def test_maps_come_back_without_their_curve(data, face):
    assert np.abs(face.diffuse - data.diffuse).max() < 0.5 / 255 * 2.3
    assert np.abs(face.specular - data.specular).max() < 0.51 / 255
    assert np.abs(face.roughness - data.roughness).max() < 0.51 / 255
    assert np.abs(face.normal - data.normal).max() < 0.51 / 65535
    assert face.coverage is None
    assert face.report == {"seconds": {"total": 1.0}}


def test_the_head_the_camera_and_the_light_come_back(data, face):
    for name, value in vars(data.head).items():
        np.testing.assert_array_equal(getattr(face.head, name), value, err_msg=name)
    (photo,) = face.photos
    own = data.photos[0]
    assert (photo.camera.width, photo.camera.focal_px, photo.expression) == (20, 200.0, {"jawOpen": 0.5})
    np.testing.assert_array_equal(photo.camera.translation, own.camera.translation)
    np.testing.assert_array_equal(photo.light, own.environment)
    np.testing.assert_array_equal(face.vertices(), data.head.vertices + 1.0)
    np.testing.assert_array_equal(face.vertices(expression={}), data.head.vertices)
    with pytest.raises(KeyError):
        face.vertices(expression={"noseWiggle": 1.0})


def test_a_render_sees_the_head_and_can_be_lit_anew(face):
    seen = face.render(samples=16)
    assert seen.shape == (30, 20, 4)
    assert (seen[13:17, 8:12, 3] == 1.0).all()
    assert seen[0, 0, 3] == 0.0
    np.testing.assert_array_equal(face.render(samples=16), seen)
    doubled = face.render(samples=16, light=2 * face.photos[0].light)
    np.testing.assert_allclose(doubled[..., :3], 2 * seen[..., :3], rtol=1e-3, atol=1e-5)
    large = face.render(camera=resized(face.photos[0].camera, 60), samples=4)
    assert large.shape == (60, 40, 4)
    assert large[..., 3].mean() == pytest.approx(seen[..., 3].mean(), abs=0.03)


def test_a_turned_camera_looks_from_the_subject_s_left():
    camera = Camera(20, 30, 200.0, 10.0, 15.0, np.eye(3), np.array([0.0, 0.0, -600.0]))
    np.testing.assert_allclose(turned(camera, 90.0).centre, [600.0, 0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(turned(camera, 30.0).project(np.zeros(3)), camera.project(np.zeros(3)))


@pytest.mark.parametrize("damage", ["no folder", "no result", "another version", "no map"])
def test_results_that_are_not_there_are_told(tmp_path, face, damage):
    described = json.loads((face.folder / "result.json").read_text())
    if damage == "no result":
        (face.folder / "result.json").unlink()
    elif damage == "another version":
        (face.folder / "result.json").write_text(json.dumps(described | {"version": 99}))
    elif damage == "no map":
        (face.folder / described["diffuse"]).unlink()
    with pytest.raises(OutputError) as caught:
        _ = Reconstruction.load(tmp_path / "missing" if damage == "no folder" else face.folder).diffuse
    assert caught.value.remedy
