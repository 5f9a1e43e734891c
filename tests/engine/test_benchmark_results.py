"""What the benchmark's tools see of a finished result: its landmarks, its albedo through its camera, all scores of a case."""

from __future__ import annotations

import json

import benchmark
import cv2
import numpy as np
import pytest
from heads import portrait
from nextgenface.engine.fit.run import head_data
from nextgenface.engine.render.geometry import TracedScene
from nextgenface.engine.render.transfer import camera_visibility
from nextgenface.engine.results.data import PhotoData, ResultData
from nextgenface.engine.results.write import write_results
from nextgenface.engine.scene.colour import linear_to_srgb, srgb_to_linear
from scoring.judge import attempt
from scoring.results import LANDMARKS, FittedPhoto

SIZE, TEXELS = 160, 256
# Stands in for the benchmark's scorer: knows three points of the case, and fails on the albedo of the case "dim".
EVALUATE = """
import json, sys
from pathlib import Path
command, case = sys.argv[1], Path(sys.argv[2]).name
with Path(__file__).with_name("calls.txt").open("a") as calls:
    print(command, Path(sys.argv[3]).name, file=calls)
if command == "geometry":
    points = json.loads(Path(sys.argv[5]).read_text())["points"]
    print(json.dumps({"median_mm": float(len(points)) + ("--scale" in sys.argv)}))
    if "--out" in sys.argv:
        import numpy as np
        np.savez(sys.argv[-1], points=np.zeros((1, 3)), dist=np.ones(1))
elif case == "dim":
    raise SystemExit("too dark")
else:
    print(json.dumps({"rmse_linear": 0.05, "ita_pred_deg": 12.0, "ita_gt_deg": 20.0}))
"""


def colour_at(uv: np.ndarray) -> np.ndarray:
    """A smooth linear colour of every place of the layout, other than its mirror image's."""
    return np.stack([uv[..., 0], uv[..., 1], 0.5 + 0.4 * np.sin(6.0 * uv[..., 0])], -1).astype(np.float32)


@pytest.fixture(scope="module")
def seen():
    return portrait(SIZE)


@pytest.fixture(scope="module")
def result(seen, tmp_path_factory):
    """A result of the true head, whose diffuse map shows `colour_at`."""
    model, truth = seen.model, seen.truth
    place = (np.arange(TEXELS, dtype=np.float32) + 0.5) / TEXELS
    u, down = np.meshgrid(place, place)
    weights = dict(zip(model.expression_names, truth.expression.astype(float), strict=True))
    flat = np.full((TEXELS, TEXELS), 0.5, np.float32)
    photo = PhotoData(
        source=tmp_path_factory.mktemp("photos") / "photo.png",
        picture=np.zeros((SIZE, SIZE, 3), np.uint8),
        camera=truth.camera,
        expression=weights,
        environment=np.ones((8, 16, 3), np.float32),
        render=np.zeros((SIZE, SIZE, 4), np.float32),
        panels={"Input": np.zeros((8, 8, 3), np.float32)},
    )
    report = {"seconds": {"stage1": 0.1}, "reproduction_psnr_db": 30.0}
    diffuse = colour_at(np.stack([u, 1.0 - down], -1))
    data = ResultData("Ann", model.name, head_data(model, truth), diffuse, flat, flat, (photo,), report, bits=16)
    return write_results(tmp_path_factory.mktemp("result") / "result", data).parent


def test_landmarks_are_the_expressed_heads_points_in_the_benchmarks_order(seen, result, tmp_path):
    FittedPhoto(result, 0).write_landmarks(tmp_path / "landmarks.json")
    points = np.array(json.loads((tmp_path / "landmarks.json").read_text())["points"])
    index = seen.model.landmarks["mediapipe"].index
    rows = [int(np.flatnonzero(index == number)[0]) for number in LANDMARKS]
    np.testing.assert_allclose(seen.truth.camera.project(points), seen.points[rows], atol=0.01)
    # The subject's right is at x < 0, and the mouth is below the nose, which is below the eyes.
    assert (points[[0, 1, 5], 0] < 0).all()
    assert (points[[2, 3, 6], 0] > 0).all()
    assert points[5:, 1].max() < points[4, 1] < points[:4, 1].min()


def test_albedo_is_the_maps_colour_at_every_point_that_the_camera_sees(seen, result, tmp_path):
    FittedPhoto(result, 0).write_albedo(tmp_path / "albedo.png")
    picture = cv2.imread(str(tmp_path / "albedo.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert picture.shape == (SIZE, SIZE, 3)
    assert picture.dtype == np.uint16
    model, truth = seen.model, seen.truth
    triangle = np.flatnonzero((model.regions["face"] > 0.5)[model.triangles].all(1))
    corners = truth.vertices[model.triangles[triangle]]
    points, normals = corners.mean(1), np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    # What is seen nearly edge-on changes too much within a pixel.
    visible = camera_visibility(TracedScene(truth.vertices, model.triangles), truth.camera.centre, points, normals)
    shown = visible & (normals[:, 2] > 0.7)
    assert shown.sum() > 1000
    column, row = np.floor(truth.camera.project(points[shown])).astype(int).T
    expected = linear_to_srgb(colour_at(model.triangle_uv[triangle[shown]].mean(1)))
    error = np.abs(picture[row, column] / 65535.0 - expected).max(1)
    # A pixel's mean over a curved and partly hidden surface is not the colour at one of its points.
    assert np.median(error) < 0.005
    assert np.quantile(error, 0.95) < 0.05


def test_a_pixel_half_beside_the_head_is_half_black(seen, result, tmp_path):
    FittedPhoto(result, 0).write_albedo(tmp_path / "albedo.png")
    linear = srgb_to_linear(cv2.imread(str(tmp_path / "albedo.png"), cv2.IMREAD_UNCHANGED))
    inside = linear.sum(2) > 0
    assert not inside[0].any()
    border = inside & ~cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    assert linear[border].mean() < 0.8 * linear[inside & ~border].mean()


@pytest.fixture
def folder(tmp_path):
    """A benchmark of two cases of one head."""
    (tmp_path / "evaluate.py").write_text(EVALUATE)
    (tmp_path / "relight.py").write_text("")
    camera = {"width": 8, "height": 8, "fx": 8.0, "cx": 4.0, "cy": 4.0, "R": np.eye(3).tolist(), "t_mm": [0, 0, 1000]}
    for name in ("bright", "dim"):
        case = tmp_path / "cases" / name
        case.mkdir(parents=True)
        for picture in ("photo.png", "gt_albedo.png", "relit.png", "face_mask.png"):
            cv2.imwrite(str(case / picture), np.full((8, 8, 3), 200, np.uint8))
        for file in ("gt_mesh.ply", "gt_face_vertices.npy"):
            (case / file).write_bytes(b"shape")
        (case / "landmarks3d.json").write_text('{"points": [[0, 0, 0]]}')
        (case / "info.json").write_text('{"identity": "ann"}')
        (case / "gt_camera.json").write_text(json.dumps(camera))
    return tmp_path


def test_a_step_that_fails_is_told_and_all_others_are_scored(folder, result, tmp_path, capsys):
    output = tmp_path / "out"
    for name in ("bright", "dim"):
        place = output / name
        place.mkdir(parents=True)
        (place / "result").symlink_to(result)
        (place / "timing.json").write_text('{"seconds": 40.0, "started_seconds": null, "peak_memory_mb": 1000.0}')
    code = benchmark.main(["--cases", str(folder), "--output", str(output), "--reuse", "fits", "--no-blender"])
    assert code == 1
    told = capsys.readouterr()
    assert told.err.splitlines() == ["error: dim: albedo: evaluate.py ended with exit code 1: too dark"]
    table = (output / "table.md").read_text()
    assert table in told.out
    assert "| bright | 0.050 | - | - | 20 | -8.0 | - | - |" in table
    assert "| dim | - | - | - | - | - | - | - |" in table
    # Seven landmarks, and one more for the free scale; the bundled mean face is scored in the same way.
    assert "| dim | 8.00 | - | 8.00 | 1.00 | 7.00 |" in table
    assert (output / "sheet.jpg").is_file()
    cases = json.loads((output / "benchmark.json").read_text())["cases"]
    assert [case["case"] for case in cases] == ["bright", "dim"]
    calls = (folder / "calls.txt").read_text().splitlines()
    assert calls.count("geometry mesh0.obj") == 4
    # With and without scale, once for both cases, since they show one head.
    assert calls.count("geometry mean_bundled.obj") == 2


def test_a_fault_in_one_step_does_not_end_the_run(capsys):
    scores = {"errors": {}}
    attempt(scores, "albedo", lambda: scores["nothing"])
    attempt(scores, "shape", lambda: {"geometry": 1.0})
    assert scores == {"errors": {"albedo": "KeyError: 'nothing'"}, "geometry": 1.0}
    assert "Traceback" in capsys.readouterr().err


def test_a_wrong_command_ends_before_any_fit(folder, tmp_path, capsys):
    assert benchmark.main(["eve", "--cases", str(folder), "--output", str(tmp_path / "out"), "--no-blender"]) == 2
    assert "no case 'eve'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
