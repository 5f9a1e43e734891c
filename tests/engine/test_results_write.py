"""All files of a result, written by the engine's own packages."""

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest
from nextgenface.engine.errors import Cancelled
from nextgenface.engine.protocol import Result
from nextgenface.engine.reporter import SilentReporter
from nextgenface.engine.results.contact_sheet import TITLES
from nextgenface.engine.results.data import HeadData, PhotoData, ResultData
from nextgenface.engine.results.images import load_exr, save_exr
from nextgenface.engine.results.write import write_results
from nextgenface.engine.scene.camera import Camera
from nextgenface.engine.scene.colour import srgb_to_linear

NAMES = {
    "diffuseMap_0.png", "specularMap_0.png", "roughnessMap_0.png", "normalMap_0.png", "mesh0.obj", "mesh0.mtl", "envMap_0.exr",
    "envMap_0.png",
    "render_0.png", "report.json", "result.json", "head.npz", "reconstruction_0.png", "photo_0.png",
}  # fmt: skip


def _head():
    quads = np.array([[0, 1, 2, 3], [0, 1, 2, -1]], np.int32)
    return HeadData(
        vertices=np.array([[0, 0, 0], [10, 0, 0], [10, 10, 0], [0, 10, 0]], np.float32),
        quads=quads,
        uv_face=np.zeros((2, 4, 2), np.float32),
        uv_original=np.zeros((2, 4, 2), np.float32),
        face_part=np.zeros(2, np.uint8),
        part_names=("skin",),
        expression_names=("jawOpen",),
        expression_deltas=np.full((1, 4, 3), 2.0, np.float32),
        slider_names=(),
        slider_deltas=np.zeros((0, 4, 3), np.float32),
        original_index=np.arange(4, dtype=np.int32),
    )


def _data(tmp_path, bits=8):
    chance = np.random.default_rng(0)
    camera = Camera(20, 30, np.float64(55.5), 10.0, 15.0, np.eye(3), np.array([0.0, 0.0, -600.0]))
    picture = chance.integers(0, 255, (30, 20, 3), np.uint8)
    photo = PhotoData(
        source=tmp_path / "a.jpg",
        picture=picture,
        camera=camera,
        expression={"jawOpen": np.float32(0.5)},
        environment=chance.random((4, 8, 3), np.float32) * 20,
        render=chance.random((30, 20, 4), np.float32),
        panels=dict.fromkeys(TITLES, chance.random((16, 16, 3), np.float32)),
        window=(1.5, 2.0, 10.0, 15.0),
    )
    diffuse = chance.random((32, 32, 3), np.float32)
    rough = chance.random((32, 32), np.float32)
    report = {"seconds": {"total": 1.0}}
    return ResultData("Ann", "bundled", _head(), diffuse, rough, rough, (photo,), report, bits, normal=diffuse)


def test_all_files_are_there_under_their_names_and_the_description_leads_to_them(tmp_path):
    path = write_results(tmp_path / "out", _data(tmp_path))
    assert {item.name for item in path.parent.iterdir()} == NAMES
    result = Result.from_json(path.read_text())
    photo = result.photos[0]
    assert (photo.width, photo.height, photo.focal_px, photo.translation) == (20, 30, 55.5, [0.0, 0.0, -600.0])
    assert photo.expression == {"jawOpen": 0.5}
    assert photo.window == [1.5, 2.0, 10.0, 15.0]
    for name in (
        result.head,
        result.mesh,
        result.diffuse,
        result.normal,
        photo.photo,
        photo.light,
        photo.render,
        photo.contact_sheet,
    ):
        assert name in NAMES
    assert json.loads((path.parent / result.report).read_text())["seconds"] == {"total": 1.0}
    assert "v 1.00000 1.00000 1.00000" in (path.parent / "mesh0.obj").read_text(), "without its expression"


def test_each_photo_has_files_of_its_number_and_a_later_result_of_fewer_removes_them(tmp_path):
    data = _data(tmp_path)
    smiling = replace(
        data.photos[0],
        expression={"jawOpen": np.float32(1.0)},
        mask=np.ones((30, 20), np.float32),
        landmarks=np.zeros((30, 20, 3), np.uint8),
    )
    path = write_results(tmp_path / "out", replace(data, photos=(data.photos[0], smiling)))
    own = {"photo_1.png", "reconstruction_1.png", "render_1.png", "envMap_1.exr", "skinMask_1.png", "mesh1.obj"}
    own |= {"envMap_1.png", "landmarks1.png"}
    assert {item.name for item in path.parent.iterdir()} == NAMES | own | {"mesh1.mtl"}
    second = Result.from_json(path.read_text()).photos[1]
    named = {second.photo, second.render, second.contact_sheet, second.light, second.mask, second.mesh}
    named |= {second.light_picture, second.landmarks}
    assert named == own
    assert "v 2.00000 2.00000 2.00000" in (path.parent / "mesh1.obj").read_text(), "without its own expression"
    write_results(tmp_path / "out", data)
    assert {item.name for item in path.parent.iterdir()} == NAMES


@pytest.mark.parametrize("bits", [8, 16])
def test_maps_come_back_as_what_they_were(tmp_path, bits):
    cv2 = pytest.importorskip("cv2")
    data = _data(tmp_path, bits)
    folder = write_results(tmp_path / "out", data).parent
    diffuse = cv2.imread(str(folder / "diffuseMap_0.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert diffuse.dtype.itemsize * 8 == bits
    # Half a step, times the curve's steepest slope towards linear.
    assert np.abs(srgb_to_linear(diffuse) - data.diffuse).max() < 0.5 / (2**bits - 1) * 2.3
    rough = cv2.imread(str(folder / "roughnessMap_0.png"), cv2.IMREAD_UNCHANGED)
    assert np.abs(rough / (2**bits - 1) - data.roughness).max() <= 0.5 / (2**bits - 1) + 2**-24
    normal = cv2.imread(str(folder / "normalMap_0.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert normal.dtype == np.uint16, "whatever the others have"
    assert np.abs(normal / 65535.0 - data.normal).max() < 1e-5
    photo = cv2.imread(str(folder / "photo_0.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert (photo == data.photos[0].picture).all()


def test_a_fit_without_normals_writes_and_names_none(tmp_path):
    path = write_results(tmp_path / "out", dataclasses.replace(_data(tmp_path), normal=None))
    assert {item.name for item in path.parent.iterdir()} == NAMES - {"normalMap_0.png"}
    assert Result.from_json(path.read_text()).normal == ""
    assert "norm" not in (path.parent / "mesh0.mtl").read_text()


def test_light_keeps_its_floats_in_the_exr(tmp_path):
    light = np.random.default_rng(1).random((4, 8, 3), np.float32) * 1e4
    save_exr(tmp_path / "a.exr", light)
    assert (load_exr(tmp_path / "a.exr") == light).all()


def test_the_light_s_picture_is_the_light_up_to_white(tmp_path):
    cv2 = pytest.importorskip("cv2")
    data = _data(tmp_path)
    dim = replace(data.photos[0], environment=data.photos[0].environment / 16)
    folder = write_results(tmp_path / "out", replace(data, photos=(dim,))).parent
    shown = srgb_to_linear(cv2.imread(str(folder / "envMap_0.png"))[..., ::-1])
    assert dim.environment.max() > 1.0
    np.testing.assert_allclose(shown, np.minimum(dim.environment, 1.0), atol=0.005)


def test_an_exr_that_cannot_be_written_is_an_os_error(tmp_path):
    with pytest.raises(OSError):
        save_exr(tmp_path / "missing" / "a.exr", np.zeros((2, 4, 3), np.float32))


@pytest.mark.parametrize("calls", range(5))
def test_a_cancel_between_any_two_files_leaves_nothing(tmp_path, calls):
    class Impatient(SilentReporter):
        left = calls

        def check(self):
            self.left -= 1
            if self.left < 0:
                raise Cancelled

    with pytest.raises(Cancelled):
        write_results(tmp_path / "out", _data(tmp_path), Impatient())
    assert list(tmp_path.iterdir()) == []
