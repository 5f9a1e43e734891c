"""Pictures, maps, mesh, contact sheet and report as others read them."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from nextgenface.engine.progress import STAGE_SHARES, ProgressMeter
from nextgenface.engine.results import report
from nextgenface.engine.results.images import displayed, quantised, save_data, save_picture
from nextgenface.engine.results.mesh import write_head, write_obj
from nextgenface.engine.results.png import encode_png, write_png
from nextgenface.engine.scene.colour import linear_to_srgb, srgb_to_linear
from nextgenface.engine.settings import Settings


@pytest.fixture(scope="module")
def stand_in():
    import importlib.util

    path = Path(__file__).resolve().parents[1] / "stand_in_engine.py"
    spec = importlib.util.spec_from_file_location("stand_in_engine", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- colour -----------------------------------------------------------------------------------------------------------


def test_the_curve_is_that_of_the_standard():
    """Values of IEC 61966-2-1 by hand: the line below the knee, 18 % grey, white."""
    assert linear_to_srgb(np.array([0.0, 0.001, 0.18, 1.0])) == pytest.approx([0.0, 0.01292, 0.461356, 1.0], abs=1e-6)
    assert srgb_to_linear(np.array([0, 10, 128, 255], np.uint8)) == pytest.approx(
        [0.0, 0.00303527, 0.2158605, 1.0], abs=1e-6
    )
    assert srgb_to_linear(np.array([65535], np.uint16)) == pytest.approx([1.0])


def test_the_curve_there_and_back_loses_nothing_of_16_bits():
    values = np.linspace(0, 1, 65536, dtype=np.float32)
    assert np.abs(srgb_to_linear(linear_to_srgb(values)) - values).max() < 0.25 / 65535
    eight = np.arange(256, dtype=np.uint8)
    assert (displayed(srgb_to_linear(eight)[None])[0] == eight).all()


def test_values_outside_are_clipped_and_what_is_no_number_is_black():
    values = np.array([[-1.0, 0.5, 2.0, np.nan, np.inf]], np.float32)
    assert quantised(values).tolist() == [[0, 128, 255, 0, 255]]
    assert displayed(values).tolist() == [[0, 188, 255, 0, 255]]
    assert quantised(values, 16).dtype == np.uint16


def test_coverage_is_not_put_through_the_curve():
    pixel = np.full((1, 1, 4), 0.5, np.float32)
    assert displayed(pixel)[0, 0].tolist() == [188, 188, 188, 128]


# --- PNG --------------------------------------------------------------------------------------------------------------


def _chunks(data):
    place = 8
    while place < len(data):
        (size,) = struct.unpack(">I", data[place : place + 4])
        body = data[place + 4 : place + 8 + size]
        assert struct.unpack(">I", data[place + 8 + size : place + 12 + size]) == (zlib.crc32(body),)
        yield body[:4], body[4:]
        place += 12 + size


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4), (1, 1), (1, 9, 3)])
def test_a_png_comes_back_bit_by_bit_in_opencv(tmp_path, dtype, shape):
    cv2 = pytest.importorskip("cv2")
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    write_png(tmp_path / "a.png", image)
    back = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    if back.ndim == 3:
        back = back[..., [2, 1, 0, 3][: back.shape[2]]]
    assert back.dtype == dtype
    assert (back.reshape(image.shape) == image).all()


def test_a_picture_is_marked_as_srgb_and_a_map_of_data_is_not(tmp_path):
    save_picture(tmp_path / "a.png", np.zeros((2, 2, 3), np.float32))
    save_data(tmp_path / "b.png", np.zeros((2, 2), np.float32))
    assert b"sRGB" in dict(_chunks((tmp_path / "a.png").read_bytes()))
    assert b"sRGB" not in dict(_chunks((tmp_path / "b.png").read_bytes()))


@pytest.mark.parametrize("image", [np.zeros((2, 2, 2), np.uint8), np.zeros((2, 2), np.float32), np.zeros(3, np.uint8)])
def test_what_no_png_can_hold_is_refused(image):
    with pytest.raises(ValueError, match="A PNG needs"):
        encode_png(image)


# --- mesh -------------------------------------------------------------------------------------------------------------


def _read_obj(path):
    found = {"v": [], "vt": [], "f": [], "g": [], "usemtl": [], "s": [], "mtllib": []}
    group = None
    for line in path.read_text().splitlines():
        key, *rest = line.split() or ["#"]
        if key == "g":
            group = rest[0]
        if key == "f":
            rest = (group, [tuple(int(number) for number in corner.split("/")) for corner in rest])
        if key in found:
            found[key].append(rest)
    return found


def test_the_obj_has_the_same_vertices_polygons_uvs_and_parts(tmp_path, stand_in):
    head = stand_in.head_data()
    write_obj(tmp_path / "mesh0.obj", head, head.vertices, {"diffuse": "d.png", "roughness": "r.png"})
    read = _read_obj(tmp_path / "mesh0.obj")
    assert np.allclose(np.array(read["v"], float), head.vertices, atol=1e-5)
    uv = np.array(read["vt"], float)
    assert len(read["f"]) == len(head.quads)
    expected = {number: [] for number in range(3)}
    for quad, corners, part in zip(head.quads, head.uv_face, head.face_part, strict=True):
        expected[part].append((quad, corners))
    order = [item for number in range(3) for item in expected[number]]
    for (group, polygon), (quad, corners) in zip(read["f"], order, strict=True):
        assert [vertex - 1 for vertex, _ in polygon] == [number for number in quad if number >= 0]
        assert np.allclose(uv[[texture - 1 for _, texture in polygon]], corners[quad >= 0], atol=1e-6)
        assert group in head.part_names
    assert [group for group, _ in read["f"]] == [head.part_names[p] for p in sorted(head.face_part)]
    assert read["s"] == [["1"]]
    assert read["usemtl"] == [["head"]]
    assert read["mtllib"] == [["mesh0.mtl"]]


def test_the_material_names_the_maps_that_are_there(tmp_path, stand_in):
    head = stand_in.head_data()
    maps = {"diffuse": "d.png", "roughness": "r.png", "normal": "n.png", "specular": ""}
    write_obj(tmp_path / "mesh0.obj", head, head.vertices, maps)
    lines = (tmp_path / "mesh0.mtl").read_text().splitlines()
    assert [line for line in lines if line.startswith("newmtl")] == ["newmtl head"]
    assert [line for line in lines if line.startswith("map_")] == ["map_Kd d.png", "map_Pr r.png"]
    assert [line for line in lines if line.startswith("norm")] == ["norm n.png"]


def test_the_head_s_archive_has_what_the_result_promises_and_needs_no_pickle(tmp_path, stand_in):
    head = stand_in.head_data()
    write_head(tmp_path / "head.npz", head)
    with np.load(tmp_path / "head.npz", allow_pickle=False) as archive:
        kinds = {name: (archive[name].dtype.kind, archive[name].shape) for name in archive.files}
        assert tuple(archive["expression_names"]) == head.expression_names
        assert (archive["vertices"] == head.vertices).all()
    count, faces = len(head.vertices), len(head.quads)
    assert kinds["quads"] == ("i", (faces, 4))
    assert kinds["uv_face"] == kinds["uv_original"] == ("f", (faces, 4, 2))
    assert kinds["face_part"] == ("u", (faces,))
    assert kinds["expression_deltas"] == ("f", (5, count, 3))
    assert kinds["slider_deltas"] == ("f", (2, count, 3))
    assert kinds["original_index"] == ("i", (count,))
    assert kinds["part_names"][0] == kinds["slider_names"][0] == "U"


def test_expressions_add_up(stand_in):
    head = stand_in.head_data()
    moved = head.expressed({"jawOpen": 0.5, "mouthSmileLeft": 1.0})
    assert np.allclose(moved - head.vertices, 0.5 * head.expression_deltas[0] + head.expression_deltas[3], atol=1e-5)
    with pytest.raises(KeyError):
        head.expressed({"jawopen": 1.0})


# --- contact sheet ----------------------------------------------------------------------------------------------------


def test_the_contact_sheet_shows_every_panel_whole_with_its_title():
    pytest.importorskip("PIL")
    from nextgenface.engine.results.contact_sheet import TITLES, contact_sheet

    colours = [(250, 20 * number, 0) for number in range(len(TITLES))]
    panels = {title: np.full((40, 20, 3), colour, np.uint8) for title, colour in zip(TITLES, colours, strict=True)}
    sheet = contact_sheet(panels, 64)
    flat = sheet.reshape(-1, 3)
    for colour in colours:
        # 40 x 20 fitted into 64 x 64 is 64 x 32.
        assert (flat == colour).all(1).sum() == 64 * 32
    assert (flat > 200).all(1).any(), "no titles"
    assert contact_sheet({"Input": panels["Input"]}, 64).shape[1] < 100


def test_the_contact_sheet_takes_all_kinds_of_pictures():
    pytest.importorskip("PIL")
    from nextgenface.engine.results.contact_sheet import contact_sheet

    panels = {
        "grey": np.full((8, 8), 200, np.uint8),
        "deep": np.full((8, 8, 3), 200 * 257, np.uint16),
        "clear": np.dstack([np.full((8, 8, 3), 200, np.uint8), np.zeros((8, 8), np.uint8)]),
    }
    sheet = contact_sheet(panels, 64)
    # The titles' soft edges may hold a few pixels of this grey too.
    assert 0 <= (sheet.reshape(-1, 3) == 200).all(1).sum() - 2 * 64 * 64 < 10
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet({})


# --- report and progress ----------------------------------------------------------------------------------------------


def test_the_report_is_json_and_says_what_was_asked_for():
    made = report.build_report(
        seconds={"stage1": 0.1, "stage2": 1.0, "stage3": np.float32(2.0), "total": 3.1},
        landmark_error_percent=np.float64(0.5),
        reproduction_psnr_db=float("inf"),
        variant="llvm_ad_rgb",
        settings=Settings(seed=4),
        photos=[("a.png", "ba7816bf", 3)],
        threads={"torch": 2},
        warnings=["careful"],
        extra={"sizes": np.arange(2)},
    )
    read = json.loads(json.dumps(made, allow_nan=False))
    assert read["seconds"] == {"stage1": 0.1, "stage2": 1.0, "stage3": 2.0, "total": 3.1}
    assert read["landmark_error_percent"] == 0.5
    assert read["reproduction_psnr_db"] is None
    assert (read["variant"], read["seed"], read["settings"]["seed"]) == ("llvm_ad_rgb", 4, 4)
    assert read["photos"] == [{"name": "a.png", "sha256": "ba7816bf", "placed_points": 3}]
    assert read["threads"] == {"torch": 2}
    assert read["warnings"] == ["careful"]
    assert read["sizes"] == [0, 1]
    assert read["versions"]["nextgenface"] == "0.1.0"
    assert read["versions"]["numpy"] == np.__version__


def test_peak_memory_is_that_of_this_process():
    before = report.peak_memory_mb()
    block = np.ones(int(before * 1e6 / 8) + 20_000_000)
    assert report.peak_memory_mb() > max(before, block.nbytes / 1e6)
    assert report.peak_memory_mb() < before * 2 + block.nbytes / 1e6


def test_progress_goes_up_to_one_and_forecasts_by_the_pace():
    now = [0.0]
    meter = ProgressMeter({"a": 1.0, "b": 3.0}, clock=lambda: now[0])
    assert meter.update("a", 0, 10) == 0.0
    assert meter.seconds_left() == -1.0
    now[0] = 5.0
    assert meter.update("a", 10, 10) == 0.25
    assert meter.seconds_left() == pytest.approx(15.0)
    assert meter.update("b", 2, 4) == pytest.approx(0.625)
    assert meter.update("a", 1, 10) == pytest.approx(0.625), "never falls"
    assert meter.update("b", 4, 4) == 1.0
    assert meter.seconds_left() == 0.0


def test_progress_survives_skipped_and_unknown_stages():
    meter = ProgressMeter()
    seen = [meter.update(stage, 1, 1) for stage in ("stage1", "something", "stage3", "write")]
    assert seen == sorted(seen)
    assert seen[1] < 0.3, "an unknown stage is no reason to think that the later ones are done"
    assert seen[-1] == pytest.approx(1.0)
    assert ProgressMeter().update(next(iter(STAGE_SHARES)), 3, 0) == 0.0
