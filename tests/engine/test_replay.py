"""What a run shows on its way, and what its checkpoints show afterwards: debug frames, pictures of stages, a turntable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.engine
pytest.importorskip("mediapipe")

from nextgenface.engine.faces.choose import load_model  # noqa: E402
from nextgenface.engine.fit.pipeline import reconstruct  # noqa: E402
from nextgenface.engine.replay import FAILED, OK, main  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.results.checkpoints import checkpoint_name  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

FEW = Settings(
    fit_size=128,
    texture_size=256,
    environment_height=16,
    bands=3,
    stage2_iterations=30,
    stage3_iterations=9,
    transfer_directions=32,
    render_samples=1,
    preview_every=0,
    debug_every=4,
)


@pytest.fixture(scope="module")
def run(astronaut, tmp_path_factory) -> Path:
    """A run with debug frames, and one of an earlier run and a file of somebody else's in their folder."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "debug").mkdir()
    for name in ("stage3_99999_0.png", "stage1_00004_0.png.part", "mine.txt"):
        (folder / "debug" / name).write_text("earlier")
    reconstruct([astronaut], folder, FEW, SilentReporter())
    return folder


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(float)


# Rows and columns of a panel, as shares, that show the astronaut's nose and cheeks, and all of her head.
CHEEKS = (0.42, 0.66), (0.36, 0.64)
HEAD = (0.25, 0.75), (0.25, 0.75)


def _panel(sheet: np.ndarray, number: int, part) -> np.ndarray:
    """Part of a panel in the first row of a contact sheet."""
    side = 384 if sheet.shape[1] < 1700 else 512
    gap, title = side // 32, side // 14
    top, left = gap + title, gap + number * (side + gap)
    (first, last), (start, end) = ((int(low * side), int(high * side)) for low, high in part)
    return sheet[top + first : top + last, left + start : left + end]


def _away(path: Path) -> float:
    """How far the overlay on a sheet is from its photo, over nose and cheeks, in 8-bit steps."""
    sheet = _pixels(path)
    return float(np.abs(_panel(sheet, 2, CHEEKS) - _panel(sheet, 0, CHEEKS)).mean())


# --- debug frames -------------------------------------------------------------------------------------------------------


def test_every_so_many_steps_there_is_a_frame_with_stage_and_step_in_its_name(run):
    names = sorted(path.name for path in (run / "debug").iterdir())
    assert "mine.txt" in names
    assert "stage3_99999_0.png" not in names, "that was another run's"
    assert not [name for name in names if name.endswith(".part")]
    frames = [name for name in names if name.endswith(".png")]
    for stage in (1, 2, 3):
        steps = [name.split("_")[1] for name in frames if name.startswith(f"stage{stage}_")]
        assert steps[-1] == "done"
        assert [int(step) for step in steps[:-1]] == list(range(4, 4 * len(steps), 4))
        assert len(steps) >= 3
    assert len([name for name in frames if name.startswith("stage3_")]) == 9 // 4 + 1


def test_the_frames_show_the_fit_at_work(run):
    """Stage 3's last frame is closer to the photo than stage 2's first one."""
    frames = run / "debug"
    assert _away(frames / "stage3_done_0.png") < 0.8 * _away(frames / "stage2_00004_0.png")
    late = _pixels(frames / "stage3_done_0.png")
    assert np.abs(_panel(late, 1, HEAD) - _panel(late, 0, HEAD)).mean() > 3, "the mesh is drawn"


# --- replay -------------------------------------------------------------------------------------------------------------

QUICK = ["--frames", "4", "--size", "96", "--samples", "4"]


@pytest.fixture(scope="module")
def replayed(run, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("replay") / "deep" / "out"
    assert main([str(run), "-o", str(output), *QUICK]) == OK
    return output


def test_a_replay_writes_every_stage_the_losses_the_steps_and_a_turntable(replayed):
    names = {path.name for path in replayed.iterdir()}
    frames = {f"turntable_{number:03d}.png" for number in range(4)}
    assert names == {f"stage{n}_0.png" for n in (1, 2, 3)} | frames | {"losses.png", "steps_0.gif", "turntable.gif"}


def test_the_stages_come_nearer_to_the_photo(replayed):
    assert _away(replayed / "stage3_0.png") < 0.8 * _away(replayed / "stage2_0.png")


def test_the_head_turns_once_under_a_light_that_stays(replayed):
    frames = [_pixels(replayed / f"turntable_{number:03d}.png") for number in range(4)]
    assert frames[0].shape == (96, 96, 3)
    heads = [np.abs(frame - frame[0, 0]).max(2) > 12 for frame in frames]
    for head in heads:
        assert 0.15 < head.mean() < 0.7
        assert not (head[0].any() or head[-1].any() or head[:, 0].any() or head[:, -1].any()), "all of it is seen"
    # The two sides mirror each other's outline; the front is another.
    assert (heads[1] == heads[3][:, ::-1]).mean() > 0.97
    assert (heads[0] == heads[1]).mean() < 0.95
    with Image.open(replayed / "turntable.gif") as animation:
        assert animation.n_frames == 4
        assert animation.info["loop"] == 0
        animation.seek(1)
        assert np.abs(np.asarray(animation.convert("RGB")).astype(float) - frames[1]).mean() < 6


def test_a_run_that_got_no_further_than_stage_1_is_shown_so_far(run, tmp_path):
    stage1 = run / "checkpoints" / checkpoint_name(1)
    assert main([str(stage1), "-o", str(tmp_path / "out"), *QUICK, "--animation", "webp"]) == OK
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"stage1_0.png", "losses.png"}


@pytest.mark.parametrize("bad", ["empty", "pickle"])
def test_a_run_without_good_checkpoints_is_told(tmp_path, capsys, bad):
    if bad == "pickle":
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints" / checkpoint_name(3)).write_bytes(b"\x80\4K\1.")
    assert main([str(tmp_path), "-o", str(tmp_path / "out")]) == FAILED
    said = capsys.readouterr().err
    assert ("There are no checkpoints" if bad == "empty" else "is a pickle") in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["--frames", "-1"], ["--size", "10"], ["--samples", "many"], []])
def test_wrong_use_ends_with_2(tmp_path, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path), *arguments] if arguments else [])
    assert ended.value.code == 2
    assert capsys.readouterr().err


def test_the_turntable_s_camera_sees_all_of_a_head_from_all_around():
    from nextgenface.engine.fit.replay import turntable_camera

    vertices = load_model("bundled").mean
    vertices = vertices - (vertices.max(0) + vertices.min(0)) / 2
    camera = turntable_camera(vertices, 200)
    for angle in np.linspace(0, 2 * np.pi, 24):
        c, s = np.cos(angle), np.sin(angle)
        pixels = camera.project(vertices @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T)
        assert pixels.min() > 0
        assert pixels.max() < 200
