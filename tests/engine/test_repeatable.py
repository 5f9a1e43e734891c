"""Same input, same result: two runs in two processes give the same bytes, and the report holds what is needed for it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.engine, pytest.mark.slow]
pytest.importorskip("mediapipe")

from nextgenface.engine.client import WorkerProcess  # noqa: E402
from nextgenface.engine.protocol import FINAL_EVENTS, Done, JobCancelled, Progress  # noqa: E402
from nextgenface.engine.results.checkpoints import checkpoint_name, read_checkpoint  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402

SMALL = {
    "fit_size": 128,
    "texture_size": 256,
    "environment_height": 16,
    "stage2_iterations": 6,
    "stage3_iterations": 6,
    "transfer_directions": 32,
    "render_samples": 2,
    "preview_every": 0,
    "seed": 5,
}
# Of these, only times and memory may differ.
ACCOUNTS = ("report.json",)
PATIENCE = 300.0


def _run(photo: Path, output: Path) -> None:
    settings = [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "nextgenface.engine.cli", "-i", str(photo), "-o", str(output), *settings]
    env = os.environ | {"XDG_STATE_HOME": str(output.parent / "state")}
    subprocess.run(command, check=True, capture_output=True, env=env, timeout=PATIENCE)


def _files(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if name not in ACCOUNTS}


def test_two_processes_write_the_same_bytes_and_the_report_says_how(tmp_path, astronaut):
    for name in ("first", "second"):
        _run(astronaut, tmp_path / name)
    first, second = (_files(tmp_path / name) for name in ("first", "second"))
    assert set(first) == set(second)
    # A ZIP has the time in it; what counts are its arrays.
    heads = [np.load(tmp_path / name / "head.npz") for name in ("first", "second")]
    for key in heads[0].files:
        np.testing.assert_array_equal(heads[0][key], heads[1][key])
    assert [name for name in first if first[name] != second[name] and name != "head.npz"] == []
    told, again = (json.loads((tmp_path / name / "report.json").read_text("utf-8")) for name in ("first", "second"))
    digest = hashlib.sha256(astronaut.read_bytes()).hexdigest()
    assert told["photos"] == [{"name": "astronaut.png", "sha256": digest, "placed_points": 0}]
    assert Settings.from_dict(told["settings"]) == Settings.from_dict(SMALL)
    assert told["seed"] == 5
    assert told["hints"] == []
    assert set(told["threads"]) == {"torch", "drjit"}
    assert {"python", "nextgenface", "mitsuba", "drjit", "torch", "mediapipe", "numpy"} <= set(told["versions"])
    for name in ("settings", "versions", "threads", "photos", "losses", "landmark_error_percent"):
        assert told[name] == again[name]


def test_cancels_at_random_steps_of_the_real_engine_leave_whole_checkpoints_and_the_last_job_runs(tmp_path, astronaut):
    chance = random.Random(4)
    settings = Settings.from_dict(SMALL).to_dict()
    with WorkerProcess(Path(sys.executable), log_folder=tmp_path / "logs") as worker:
        for number in range(6):
            output = tmp_path / f"out{number}"
            job = worker.start_job([astronaut], output, settings)
            # As many stages as surely tell where they are, before files are written; never, the last time.
            left, final = (chance.randint(1, 7) if number < 5 else -1), None
            while not isinstance(final, FINAL_EVENTS):
                final = worker.wait(PATIENCE)
                assert final is not None, "no answer"
                left -= isinstance(final, Progress)
                if left == 0:
                    worker.cancel(job)
            if number == 5:
                assert isinstance(final, Done)
                break
            assert final == JobCancelled(job)
            kept = sorted(path.name for path in output.rglob("*") if path.is_file())
            assert kept == [checkpoint_name(stage) for stage in range(1, len(kept) + 1)]
            for name in kept:
                read_checkpoint(output / "checkpoints" / name)
        assert worker.is_alive
