"""Fixtures of the tests of the worker process; modules beside the tests can be imported by their names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from nextgenface.engine.client import WorkerProcess
from nextgenface.engine.folders import TEMPORARY_PREFIX
from worker_process import ARGUMENTS


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Temporary files of the worker go here, so that what is left can be seen."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def worker(tmp_path, scratch):
    made = WorkerProcess(Path(sys.executable), ARGUMENTS, log_folder=tmp_path / "logs", cancel_seconds=0.3)
    made.start()
    yield made
    made.close()
    assert not made.is_alive
    assert not [path for path in scratch.iterdir() if path.name.startswith(TEMPORARY_PREFIX)]


@pytest.fixture
def job(tmp_path):
    """Start the job of a mode: ``job(worker, "hangs")``."""

    def start(worker, mode, **settings):
        photo = tmp_path / f"{mode}.png"
        photo.write_bytes(b"photo")
        return worker.start_job([photo], tmp_path / "out", settings)

    return start
