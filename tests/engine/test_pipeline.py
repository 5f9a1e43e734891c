"""The whole way on a real photo, at small settings: what is written, what is told, and how it ends early."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.engine
pytest.importorskip("mediapipe")
cv2 = pytest.importorskip("cv2")

from least_settings import LEAST_VALUES  # noqa: E402
from nextgenface.engine.errors import Cancelled, PhotoError  # noqa: E402
from nextgenface.engine.faces.choose import load_model  # noqa: E402
from nextgenface.engine.fit.atlas import make_atlas  # noqa: E402
from nextgenface.engine.fit.pipeline import reconstruct  # noqa: E402
from nextgenface.engine.hints import PhotoHints, PlacedPoint  # noqa: E402
from nextgenface.engine.progress import STAGE_SHARES, ProgressMeter  # noqa: E402
from nextgenface.engine.protocol import Result  # noqa: E402
from nextgenface.engine.render import path as paths  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.results.checkpoints import checkpoint_name, read_checkpoint  # noqa: E402
from nextgenface.engine.results.images import load_exr  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

STAGES = list(STAGE_SHARES)
SMALL = Settings(
    fit_size=256,
    texture_size=256,
    environment_height=16,
    stage2_iterations=48,
    stage3_iterations=60,
    transfer_directions=64,
    render_samples=16,
)
# Of the final render, which large ones need.
PASSES = 4
LEAST = Settings.from_dict(LEAST_VALUES | {"preview_every": 1})
PICTURES = {
    "diffuseMap_0.png": 3,
    "specularMap_0.png": 1,
    "roughnessMap_0.png": 1,
    "normalMap_0.png": 3,
    "render_0.png": 3,
    "reconstruction_0.png": 4,
    "photo_0.png": 3,
    "skinMask_0.png": 1,
    "coverageMap_0.png": 3,
    "losses.png": 3,
    "envMap_0.png": 3,
    "landmarks0.png": 3,
}
OTHERS = {"mesh0.obj", "mesh0.mtl", "envMap_0.exr", "head.npz", "report.json", "result.json", "checkpoints"}


class Listener(SilentReporter):
    """Keeps all that it is told, and cancels at the first word of a stage, or at a given call."""

    def __init__(self, cancel_in: str = "", cancel_at: int = 0) -> None:
        self.told: list[tuple[str, int, int, float | None]] = []
        self.previews: list[np.ndarray] = []
        self.calls = 0
        self.cancel_in, self.cancel_at = cancel_in, cancel_at

    def progress(self, stage, step, steps, loss=None):
        self.told.append((stage, step, steps, loss))
        if stage == self.cancel_in:
            raise Cancelled
        self.check()

    def preview(self, image):
        self.previews.append(image)
        self.check()

    def check(self):
        self.calls += 1
        if self.calls == self.cancel_at:
            raise Cancelled

    @property
    def stages(self) -> list[str]:
        """In the order of their first words."""
        return list(dict.fromkeys(stage for stage, *_ in self.told))


@pytest.fixture(scope="module", autouse=True)
def _in_passes():
    """Small pictures are rendered in passes too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "MOST_RAYS", SMALL.fit_size**2 * SMALL.render_samples // PASSES)
        yield


@pytest.fixture(scope="module")
def listener():
    return Listener()


@pytest.fixture(scope="module")
def run(astronaut, tmp_path_factory, listener) -> Path:
    """A small reconstruction's folder."""
    folder = tmp_path_factory.mktemp("run") / "deep" / "out"
    assert reconstruct([astronaut], folder, SMALL, listener) == folder / "result.json"
    return folder


@pytest.fixture(scope="module")
def report(run):
    return json.loads((run / "report.json").read_text("utf-8"))


def _picture(path: Path) -> np.ndarray:
    """(H, W, C) of any PNG, as stored."""
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return found.reshape(*found.shape[:2], -1)


def _traces(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, hidden files too."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else b"" for p in sorted(folder.rglob("*"))}


def _without_checkpoints(traces: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in traces.items() if Path(name).parts[0] != "checkpoints"}


def _checkpoints(folder: Path) -> list[int]:
    """The stages whose checkpoints are there; each is whole, and nothing is beside them."""
    return sorted(read_checkpoint(path).stage for path in (folder / "checkpoints").glob("*"))


# --- what is written --------------------------------------------------------------------------------------------------


def test_all_files_are_there_and_nothing_else(run):
    assert {path.name for path in run.iterdir()} == PICTURES.keys() | OTHERS


@pytest.mark.parametrize(("name", "channels"), PICTURES.items())
def test_pictures_can_be_read(run, name, channels):
    picture = _picture(run / name)
    assert picture.shape[2] == channels
    # A picture of one colour shows nothing.
    assert picture[..., 0].std() > 1.0


def test_the_result_names_its_files_and_the_photos_camera(run, astronaut):
    result = Result.from_json((run / "result.json").read_text("utf-8"))
    photo = result.photos[0]
    named = [result.head, result.diffuse, result.specular, result.roughness, result.normal]
    named += [result.mesh, result.report]
    named += [photo.photo, photo.light, photo.render, photo.contact_sheet, photo.mask]
    named += [photo.landmarks, photo.light_picture]
    assert [name for name in named if not (run / name).is_file()] == []
    assert (photo.height, photo.width) == _picture(astronaut).shape[:2]
    assert np.array_equal(_picture(run / photo.photo), _picture(astronaut)[..., :3])
    # The nose, which the head's frame has in front of its origin, is where the photo has it.
    x, y, z = np.array(photo.rotation) @ [0.0, 0.0, 100.0] + np.array(photo.translation)
    nose = np.array([photo.cx - photo.focal_px * x / z, photo.cy + photo.focal_px * y / z])
    assert np.linalg.norm(nose - [224, 122]) < 30


def test_the_report_tells_the_cameras_tone_curve(run, report):
    kept = read_checkpoint(run / "checkpoints" / checkpoint_name(2)).arrays["stage2_tone_curve"]
    assert report["tone_curve_power"] == pytest.approx(kept[0], abs=1e-6)
    # Measured: 1.40. A camera took this photo.
    assert report["tone_curve_power"] > 1.1


def test_the_report_tells_what_was_asked_for(report):
    assert report["seconds"].keys() >= {"stage1", "stage2", "stage3", "total"}
    parts = [seconds for name, seconds in report["seconds"].items() if name != "total"]
    assert min(parts) > 0
    # Parts of the clock do not overlap; between them packages are imported.
    assert sum(parts) <= report["seconds"]["total"] + 0.01
    assert 0 < report["landmark_error_percent"] < 0.6
    assert report["peak_memory_mb"] > 300
    assert report["reproduction_psnr_db"] > 20
    assert report["variant"] in ("llvm_ad_rgb", "cuda_ad_rgb")
    assert report["versions"].keys() >= {"nextgenface", "python", "mitsuba", "drjit", "torch", "mediapipe"}
    assert report["settings"] == SMALL.to_dict()


def test_maps_have_the_size_asked_for_and_values_that_skin_has(run):
    diffuse, specular, roughness = (_picture(run / f"{name}Map_0.png") for name in ("diffuse", "specular", "roughness"))
    assert diffuse.shape == (256, 256, 3)
    assert specular.shape == roughness.shape == (256, 256, 1)
    atlas = make_atlas(load_model("bundled"), 256)
    skin = atlas.is_part("skin")
    # OpenCV gives blue first.
    blue, green, red = np.median(atlas.at(diffuse)[skin], 0)
    assert 255 > red > green > blue > 20
    for data, low, high in ((specular, 60, 230), (roughness, 60, 210)):
        assert low < np.median(atlas.at(data)[skin]) < high


@pytest.mark.parametrize("name", ["specular", "roughness"])
def test_gloss_holds_what_only_the_photo_can_tell(run, name):
    """Stage 2's maps of gloss are symmetric to the last bit, so what differs between the halves is stage 3's."""
    data = _picture(run / f"{name}Map_0.png").astype(np.float64)[..., 0]
    atlas = make_atlas(load_model("bundled"), 256)
    skin = atlas.image(atlas.is_part("skin").astype(np.float32)[:, None])[..., 0] > 0
    assert data[skin].std() > 2.0
    assert np.abs(data - data[:, ::-1])[skin & skin[:, ::-1]].mean() > 0.01


def test_the_mesh_is_the_head_with_its_expression(run):
    lines = (run / "mesh0.obj").read_text("utf-8").splitlines()
    places = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], np.float64)
    with np.load(run / "head.npz") as head:
        neutral = head["vertices"]
        names = [str(name) for name in head["expression_names"]]
        weights = Result.from_json((run / "result.json").read_text("utf-8")).photos[0].expression
        expressed = neutral + sum(weights[n] * head["expression_deltas"][names.index(n)] for n in weights)
        faces = len(head["quads"])
    assert weights
    np.testing.assert_allclose(places, expressed, atol=1e-3)
    assert 150 < np.ptp(neutral[:, 1]) < 450, "millimetres"
    assert sum(line.startswith("f ") for line in lines) == faces
    assert "mtllib mesh0.mtl" in lines
    assert "diffuseMap_0.png" in (run / "mesh0.mtl").read_text("utf-8")


def test_the_light_is_light(run):
    light = load_exr(run / "envMap_0.exr")
    assert light.shape == (16, 32, 3)
    assert np.isfinite(light).all()
    assert light.min() >= 0.0
    assert 0.1 < light.mean() < 10.0


def test_the_picture_of_the_head_lies_over_the_photo(run):
    """Where the head covers the photo, the render is closer to it than the same render moved aside."""
    render, photo = _picture(run / "reconstruction_0.png"), _picture(run / "photo_0.png")
    mask = _picture(run / "skinMask_0.png")[..., 0]
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    assert 60 < np.ptp(columns) < 160
    assert 80 < np.ptp(rows) < 200
    assert abs((rows[0] + rows[-1]) / 2 - 122) < 40
    assert render.shape[0] <= photo.shape[0]


def test_the_window_is_the_part_of_the_photo_that_the_render_shows(run):
    """In that window the render is closer to the photo than in one beside it."""
    photo = Result.from_json((run / "result.json").read_text("utf-8")).photos[0]
    picture, render = _picture(run / photo.photo)[..., :3], _picture(run / photo.render)
    mask = _picture(run / photo.mask)
    size = render.shape[1::-1]

    def cut(values, aside=0.0):
        left, top, width, height = photo.window
        matrix = np.array([[size[0] / width, 0.0, 0.0], [0.0, size[1] / height, 0.0]])
        matrix[:, 2] = -matrix[:, :2] @ [left + aside, top]
        return cv2.warpAffine(values.astype(np.float32), matrix, size)

    skin = (cut(mask[..., 0] if mask.ndim == 3 else mask) > 250) & (render[..., 3] > 250)
    errors = [np.abs(cut(picture, aside) - render[..., :3])[skin].mean() for aside in (-8.0, 0.0, 8.0)]
    assert skin.sum() > 1000
    assert errors[1] < 0.6 * min(errors[0], errors[2])


# --- what is told -----------------------------------------------------------------------------------------------------


def test_stages_come_in_order_and_reach_the_end(run, listener):
    assert listener.stages == STAGES
    order = [STAGES.index(stage) for stage, *_ in listener.told]
    assert order == sorted(order)
    meter = ProgressMeter()
    fractions = [meter.update(stage, step, steps) for stage, step, steps, _ in listener.told]
    assert fractions[-1] >= 0.98
    assert max(np.diff(fractions)) < 0.5
    for stage in ("stage2", "stage3"):
        steps = [(step, of) for name, step, of, _ in listener.told if name == stage]
        assert steps[-1][0] == steps[-1][1]
        assert [step for step, _ in steps] == sorted({step for step, _ in steps})


def test_the_final_render_tells_each_of_its_passes(run, listener):
    told = [(step, of) for stage, step, of, _ in listener.told if stage == "render"]
    # One more for the picture of the light.
    assert told == [(step, PASSES + 1) for step in range(PASSES + 1)]


def test_stage_3_takes_the_steps_that_were_asked_for(run, listener):
    taken = [step for stage, step, *_ in listener.told if stage == "stage3"]
    assert max(taken) == SMALL.stage3_iterations


def test_losses_fall_and_previews_come(run, listener):
    losses = [loss for stage, *_, loss in listener.told if stage == "stage3"]
    assert losses[-1] < 0.8 * losses[0]
    assert len(listener.previews) >= 4
    for picture in listener.previews:
        assert picture.dtype == np.uint8
        assert picture.ndim == 3 and picture.shape[2] == 3
        assert picture.std() > 5


# --- the same again ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_runs_are_the_same_to_the_last_bit(run, astronaut, tmp_path):
    reconstruct([astronaut], tmp_path / "again", SMALL, SilentReporter())
    first, second = _traces(run), _traces(tmp_path / "again")
    first.pop("report.json"), second.pop("report.json")
    assert [name for name in first if first[name] != second.get(name)] == []


@pytest.mark.slow
def test_maps_can_be_larger_than_what_is_fitted(astronaut, tmp_path):
    settings = Settings.from_dict(LEAST.to_dict() | {"texture_size": 1536, "preview_every": 0})
    reconstruct([astronaut], tmp_path, settings, SilentReporter())
    for name in ("diffuse", "specular", "roughness", "normal"):
        assert _picture(tmp_path / f"{name}Map_0.png").shape[:2] == (1536, 1536)


# --- ends before the end ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES)
def test_a_cancel_leaves_an_earlier_result_as_it_was(astronaut, tmp_path, stage):
    (tmp_path / "mine.txt").write_text("keep this")
    (tmp_path / "diffuseMap_0.png").write_bytes(b"an earlier map")
    (tmp_path / "result.json").write_text('{"diffuse": "diffuseMap_0.png", "photos": []}')
    before = _traces(tmp_path)
    listener = Listener(cancel_in=stage)
    with pytest.raises(Cancelled):
        reconstruct([astronaut], tmp_path, LEAST, listener)
    assert listener.stages[-1] == stage
    assert _without_checkpoints(_traces(tmp_path)) == before
    # What a stage has found stays when a later one does not end.
    assert _checkpoints(tmp_path) == [n for n in (1, 2, 3) if STAGES.index(f"stage{n}") < STAGES.index(stage)]


@pytest.mark.slow
def test_a_cancel_at_the_last_moment_leaves_checkpoints_only(astronaut, tmp_path):
    """The last question comes when all files are written and not yet in place."""
    whole = Listener()
    reconstruct([astronaut], tmp_path / "whole", LEAST, whole)
    with pytest.raises(Cancelled):
        reconstruct([astronaut], tmp_path / "new" / "out", LEAST, Listener(cancel_at=whole.calls))
    assert [path.name for path in (tmp_path / "new" / "out").iterdir()] == ["checkpoints"]
    assert _checkpoints(tmp_path / "new" / "out") == [1, 2, 3]


def test_without_checkpoints_a_cancel_leaves_no_folder(astronaut, tmp_path):
    settings = Settings.from_dict(LEAST.to_dict() | {"checkpoints": False})
    with pytest.raises(Cancelled):
        reconstruct([astronaut], tmp_path / "new" / "out", settings, Listener(cancel_in="stage3"))
    assert list(tmp_path.iterdir()) == []


# --- several photos of one person -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mirrored(astronaut, tmp_path_factory) -> Path:
    """Another photo of hers: mirrored, brighter, smaller and of another shape."""
    picture = cv2.imread(str(astronaut))[:400, 40:460, ::1][:, ::-1]
    path = tmp_path_factory.mktemp("photos") / "mirrored.png"
    smaller = cv2.resize(picture, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), np.clip(smaller * 1.1, 0, 255).astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def pair(astronaut, mirrored, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pair")
    more = {"fit_size": 192, "stage2_iterations": 24, "stage3_iterations": 20, "render_samples": 16}
    settings = Settings.from_dict(LEAST.to_dict() | more)
    # A point that was hardly moved, in the second one.
    hints = [PhotoHints(), PhotoHints(points={0: PlacedPoint(0.5, 0.4, 0.01)})]
    reconstruct([astronaut, mirrored], folder, settings, SilentReporter(), hints=hints)
    return folder


def test_two_photos_make_one_head_and_one_set_of_maps(pair, astronaut, mirrored):
    shared = {name for name in PICTURES if name.endswith("Map_0.png")} - {"envMap_0.png"}
    numbered = {name.replace("0", "1") for name in (*PICTURES, *OTHERS) if "0" in name and name not in shared}
    assert {path.name for path in pair.iterdir()} == PICTURES.keys() | OTHERS | numbered
    result = Result.from_json((pair / "result.json").read_text("utf-8"))
    assert [photo.photo for photo in result.photos] == ["photo_0.png", "photo_1.png"]
    assert [photo.mesh for photo in result.photos] == ["mesh0.obj", "mesh1.obj"]
    for photo, path in zip(result.photos, (astronaut, mirrored), strict=True):
        assert (photo.height, photo.width) == _picture(path).shape[:2]
        assert [name for name in (photo.light, photo.render, photo.mask) if not (pair / name).is_file()] == []
    first, second = result.photos
    # The mirrored photo shows the head tilted to the other side (it faces the camera, so its turn tells nothing).
    tilt = [np.arctan2(photo.rotation[1][0], photo.rotation[1][1]) for photo in (first, second)]
    assert tilt[0] == pytest.approx(-tilt[1], abs=0.02) and abs(tilt[0]) > 0.04, tilt
    assert not np.array_equal(load_exr(pair / first.light), load_exr(pair / second.light))


def test_the_report_has_each_photos_figures_and_their_mean(pair):
    report = json.loads((pair / "report.json").read_text("utf-8"))
    assert [photo["name"] for photo in report["photos"]] == ["astronaut.png", "mirrored.png"]
    assert [photo["placed_points"] for photo in report["photos"]] == [0, 1]
    for one, each in (
        ("reproduction_psnr_db", "reproduction_psnrs_db"),
        ("landmark_error_percent", "landmark_errors_percent"),
    ):
        assert len(report[each]) == 2
        assert report[one] == pytest.approx(np.mean(report[each]), abs=1e-5)
    assert min(report["reproduction_psnrs_db"]) > 20


@pytest.mark.parametrize("bad", ["no face", "no image", "missing"])
def test_a_bad_photo_among_those_of_one_person_is_named_and_nothing_is_written(astronaut, tmp_path, bad):
    other = tmp_path / "other one.png"
    if bad == "no face":
        cv2.imwrite(str(other), np.full((300, 300, 3), 120, np.uint8))
    elif bad == "no image":
        other.write_text("hello")
    with pytest.raises(PhotoError, match=r"other one\.png") as caught:
        reconstruct([astronaut, other], tmp_path / "out", LEAST, SilentReporter())
    assert caught.value.remedy
    assert not (tmp_path / "out").exists()


def test_no_photo_is_told(tmp_path):
    with pytest.raises(PhotoError, match="No photo"):
        reconstruct([], tmp_path / "out", LEAST, SilentReporter())
