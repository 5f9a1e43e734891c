"""Whatever is wrong with a photo, a folder, a disk or the person's patience: the real command, with the real engine.

Each ends with its exit code and one clear sentence, and leaves no process, no file and no folder but whole checkpoints of
the stages that were done.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform != "linux", reason="uses signals and looks into /proc"),
]
pytest.importorskip("mediapipe")
cv2 = pytest.importorskip("cv2")

from least_settings import LEAST_VALUES  # noqa: E402
from nextgenface.engine.command_run import CANCELLED, FAILED, OK  # noqa: E402
from nextgenface.engine.progress import STAGE_NAMES, STAGE_SHARES  # noqa: E402
from nextgenface.engine.results.checkpoints import checkpoint_name, read_checkpoint  # noqa: E402

# Far more than any of these takes; reached only when something is broken.
PATIENCE = 120.0
Hook = Callable[["Command"], None]


class Command:
    """``nextgenface-reconstruct`` in a process of its own, followed line by line."""

    def __init__(self, photo: Path, output: Path, scratch: Path, **others: int) -> None:
        values = {**LEAST_VALUES, **others}
        settings = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
        self.photo, self.output, self.scratch = photo, output, scratch
        self.temporary = scratch / "temporary"
        self.temporary.mkdir(parents=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nextgenface.engine.cli", "-i", str(photo), "-o", str(output), *settings],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(self.temporary), "XDG_STATE_HOME": str(scratch / "state")},
        )
        self.lines: list[str] = []
        self.workers: set[int] = set()
        # Looked for all the time, since an early refusal's only line may come when the worker is gone again.
        threading.Thread(target=self._see_worker, daemon=True).start()

    def _see_worker(self) -> None:
        while self.process.returncode is None:
            self.workers.update(_children(self.process.pid))
            time.sleep(0.005)

    def follow(self, stage: str = "", hook: Hook | None = None) -> Command:
        """Read until the end; call ``hook`` at the first word of ``stage``."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if hook is not None and stage and STAGE_NAMES[stage] in line:
                hook(self)
                hook = None
        self.process.wait(PATIENCE)
        assert hook is None or not stage, f"{stage} never came: {self.lines}"
        return self

    def check_left_nothing(self) -> None:
        """No process, no temporary file."""
        assert self.workers, "the worker was never seen"
        assert [pid for pid in tuple(self.workers) if Path(f"/proc/{pid}").exists()] == []
        assert [path.name for path in self.temporary.iterdir()] == []

    def check_left_checkpoints(self, least: int, most: int) -> None:
        """Of the output folder only whole checkpoints are there, of so many stages; with none, not even the folder."""
        above = self.output.parent
        kept = sorted(path.name for path in (self.output / "checkpoints").glob("*"))
        assert kept == [checkpoint_name(stage) for stage in range(1, len(kept) + 1)]
        assert least <= len(kept) <= most
        assert [read_checkpoint(self.output / "checkpoints" / name).stage for name in kept] == [1, 2, 3][: len(kept)]
        assert above.exists() == bool(kept)
        if kept:
            assert [path.name for path in above.iterdir()] == [self.output.name]
            assert [path.name for path in self.output.iterdir()] == ["checkpoints"]

    def check_failed(self, *said: str) -> None:
        """Exit code 1; the sentence with ``said``, what to do, and a log that is there."""
        assert self.process.returncode == FAILED, self.lines
        sentence, remedy, log = self.lines[-3:]
        assert sentence.startswith("Error: ")
        assert sentence.endswith(".")
        for part in said:
            assert part in sentence
        assert remedy.endswith(".")
        assert Path(log.removeprefix("Log: ")).stat().st_size > 0
        assert "Traceback" not in "".join(self.lines)
        self.check_left_nothing()


def _children(pid: int) -> list[int]:
    """Those that any of its threads started."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in (thread / "children").read_text().split()]
    return found


@pytest.fixture
def command(tmp_path):
    """Starts a `Command`; ends it if the test did not."""
    begun: list[Command] = []

    def start(photo: Path, output: Path | None = None, **others: int) -> Command:
        begun.append(Command(photo, output or tmp_path / "new" / "out", tmp_path / f"scratch{len(begun)}", **others))
        return begun[-1]

    yield start
    for item in begun:
        if item.process.poll() is None:
            item.process.kill()
            item.process.wait()
        item.process.stdout.close()
        item.process.stderr.close()


@pytest.fixture
def picture(astronaut):
    """(512, 512, 3) the astronaut as OpenCV reads her."""
    return cv2.imread(str(astronaut))


# --- photos -----------------------------------------------------------------------------------------------------------


def _no_face(folder: Path, _: np.ndarray) -> Path:
    ramp = np.tile(np.linspace(0, 255, 320, dtype=np.uint8), (240, 1))
    cv2.imwrite(str(folder / "sky.png"), np.dstack([ramp, ramp[:, ::-1], ramp]))
    return folder / "sky.png"


def _tiny_face(folder: Path, picture: np.ndarray) -> Path:
    """Her face, 104 pixels large, as 20."""
    small = cv2.resize(picture, None, fx=20 / 104, fy=20 / 104, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / "tiny.png"), small)
    return folder / "tiny.png"


def _huge(folder: Path, _: np.ndarray) -> Path:
    from PIL import Image

    # One bit per pixel: 50 MB here, 1.2 GB as colours.
    Image.new("1", (20_000, 20_000)).save(folder / "huge.png")
    assert (folder / "huge.png").stat().st_size < 1_000_000
    return folder / "huge.png"


def _truncated(folder: Path, picture: np.ndarray) -> Path:
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    (folder / "torn.jpg").write_bytes(data[: len(data) // 2])
    return folder / "torn.jpg"


def _text(folder: Path, _: np.ndarray) -> Path:
    (folder / "letter.png").write_text("Dear reader, this is no picture.\n" * 40)
    return folder / "letter.png"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_no_face, "No face was found in sky.png"),
        (_tiny_face, "The face in tiny.png is only 20 pixels"),
        (_huge, "huge.png is too large: 20000 x 20000"),
        (_truncated, "torn.jpg is damaged"),
        (_text, "letter.png is not an image"),
    ],
    ids=["no face", "face of 20 pixels", "20,000 x 20,000", "truncated", "text"],
)
def test_a_photo_that_cannot_be_used_is_told_by_its_name(tmp_path, command, picture, make, said):
    made = command(make(tmp_path, picture)).follow()
    made.check_failed(said)
    assert not (tmp_path / "new").exists()


def test_of_two_faces_the_larger_is_used_and_that_is_told(tmp_path, command, picture):
    face = picture[20:220, 124:324]
    beside = np.full((300, 500, 3), 128, np.uint8)
    beside[20:150, 20:150] = cv2.resize(face, (130, 130), interpolation=cv2.INTER_AREA)
    beside[20:270, 220:470] = cv2.resize(face, (250, 250), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(tmp_path / "pair.png"), beside)
    made = command(tmp_path / "pair.png").follow()
    assert made.process.returncode == OK, made.lines
    assert "Note: pair.png shows 2 faces; the largest is used." in made.lines
    report = json.loads((made.output / "report.json").read_text("utf-8"))
    assert report["warnings"] == ["pair.png shows 2 faces; the largest is used."]
    photo = json.loads((made.output / "result.json").read_text("utf-8"))["photos"][0]
    x, _, z = photo["translation"]
    assert photo["cx"] - photo["focal_px"] * x / z > 250, "the larger one stands on the right"
    made.check_left_nothing()


# --- where results go -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("below", [False, True], ids=["in its place", "above it"])
def test_a_file_in_the_way_of_the_output_folder_is_told_before_any_work(tmp_path, command, astronaut, below):
    (tmp_path / "taken").write_text("a file")
    output = tmp_path / "taken" / "out" if below else tmp_path / "taken"
    made = command(astronaut, output).follow()
    made.check_failed("The results cannot be written to", str(output))
    assert (tmp_path / "taken").read_text() == "a file"
    assert not any("Reading" in line for line in made.lines)


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a disk of so many megabytes; left out where that is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()

    def make(megabytes: int) -> Path:
        options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
        try:
            done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("no program to mount a small disk with")
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        return place

    yield make
    if place.is_mount():
        subprocess.run(["umount", str(place)], check=True)


def test_a_disk_without_room_is_told_before_any_work(command, small_disk, astronaut):
    disk = small_disk(8)
    made = command(astronaut, disk / "new" / "out").follow()
    made.check_failed(str(disk), "MB free", "are needed")
    assert list(disk.iterdir()) == []
    assert not any("Reading" in line for line in made.lines)


def test_a_disk_that_fills_up_meanwhile_is_told_and_keeps_nothing_half_written(command, small_disk, astronaut):
    disk = small_disk(48)

    def fill(_: Command) -> None:
        with contextlib.suppress(OSError), (disk / "other.bin").open("wb", buffering=0) as other:
            while True:
                other.write(bytes(1 << 16))

    made = command(astronaut, disk / "new" / "out").follow("render", fill)
    made.check_failed("The disk is full", str(disk))
    (disk / "other.bin").unlink()
    made.check_left_checkpoints(3, 3)


# --- ends from outside ------------------------------------------------------------------------------------------------


def _interrupt(made: Command) -> None:
    made.process.send_signal(signal.SIGINT)


@pytest.mark.parametrize("stage", list(STAGE_SHARES))
def test_ctrl_c_in_any_stage_ends_everything(tmp_path, command, astronaut, stage):
    made = command(astronaut).follow(stage, _interrupt)
    # The last stage may have put all in place before it heard of the cancel; then it says so, and all is there.
    if stage == "write" and made.process.returncode == OK:
        assert (made.output / "result.json").is_file()
    else:
        assert made.process.returncode == CANCELLED, made.lines
        assert made.lines[-1] == "Cancelled. No results were written."
        done = sum(list(STAGE_SHARES).index(f"stage{n}") < list(STAGE_SHARES).index(stage) for n in (1, 2, 3))
        # The stage itself may have ended before it heard of the cancel.
        made.check_left_checkpoints(done, min(3, done + (stage in ("stage1", "stage2", "stage3", "landmarks"))))
    made.check_left_nothing()


def _kill_the_engine(made: Command) -> None:
    for pid in tuple(made.workers):
        os.kill(pid, signal.SIGKILL)


def test_an_engine_that_the_system_kills_is_told(tmp_path, command, astronaut):
    made = command(astronaut).follow("stage2", _kill_the_engine)
    made.check_failed("The engine ended unexpectedly", "SIGKILL")
    assert "memory" in made.lines[-2]
    made.check_left_checkpoints(1, 1)


def test_an_engine_killed_in_the_middle_of_its_files_leaves_none_of_them(tmp_path, command, astronaut):
    def kill(made: Command) -> None:
        # The first file is there and the last one is not: they are renamed into place only after that.
        deadline = time.monotonic() + PATIENCE
        while not list(made.output.glob(".nextgenface-partial-*/files/*")) and time.monotonic() < deadline:
            time.sleep(0.001)
        for pid in tuple(made.workers):
            os.kill(pid, signal.SIGSTOP)
        whole = list(made.output.glob(".nextgenface-partial-*/whole")) or (made.output / "result.json").exists()
        _kill_the_engine(made)
        assert not whole, "the files were all there before the engine could be stopped"

    # Large maps take long enough to be written.
    made = command(astronaut, texture_size=2048).follow("write", kill)
    made.check_failed("The engine ended unexpectedly", "SIGKILL")
    made.check_left_checkpoints(3, 3)


def test_a_command_that_is_killed_takes_its_engine_along(tmp_path, command, astronaut):
    """Nobody is left to clean up: the worker sees its input end, or is killed by the system, and nothing is written."""
    made = command(astronaut).follow("stage1", lambda made: made.process.kill())
    assert made.process.returncode == -signal.SIGKILL
    for pid in tuple(made.workers):
        _wait_until_gone(pid)
    made.check_left_checkpoints(0, 1)


def _wait_until_gone(pid: int) -> None:
    """Returns at the process's end, or when it is a zombie that its new parent has not looked at."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            import select

            assert select.select([descriptor], [], [], PATIENCE)[0], "the engine lives on"
        finally:
            os.close(descriptor)
