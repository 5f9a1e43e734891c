"""What is kept on disk: how large it is, and that clearing takes that and nothing else."""

from __future__ import annotations

import tempfile

import pytest
from nextgenface.engine import user_folders
from nextgenface.engine.caches import caches, library_caches, readable_size
from nextgenface.engine.client import WorkerProcess
from nextgenface.engine.folders import LOCK_NAME, TEMPORARY_PREFIX, OwnedFolder


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("NEXTGENFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    for name in ("cache/models", "temporary", "logs", "packages"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "cache" / "models" / "ict-1.npz").write_bytes(bytes(1000))
    (tmp_path / "cache" / "renderers.json").write_bytes(bytes(10))
    (tmp_path / "cache" / "engine_checks.json").write_bytes(bytes(7))
    for number, name in enumerate(("kernels", "fonts"), 40):
        (tmp_path / "cache" / name).mkdir()
        (tmp_path / "cache" / name / "a.bin").write_bytes(bytes(number))
    (tmp_path / "logs" / "worker-1.log").write_bytes(bytes(200))
    (tmp_path / "packages" / "one-1.0-py3-none-any.whl").write_bytes(bytes(300))
    (tmp_path / "logs" / "notes.txt").write_bytes(bytes(5))
    dead = tmp_path / "temporary" / f"{TEMPORARY_PREFIX}dead"
    dead.mkdir()
    (dead / LOCK_NAME).touch()
    (dead / "preview.png").write_bytes(bytes(50))
    return tmp_path


def test_sizes_and_clearing(places):
    living = OwnedFolder(places / "temporary", TEMPORARY_PREFIX)
    try:
        found = {cache.name: cache for cache in caches([places / "logs", places / "none"], [places / "packages"])}
        assert {name: cache.size() for name, cache in found.items()} == {
            "logs": 200,
            "models": 1000,
            "kernels": 81,
            "renderers.json": 17,
            "downloads": 300,
            "previews": 50,
        }
        for cache in found.values():
            cache.clear()
        assert [cache.size() for cache in found.values()] == [0] * 6
        left = sorted(path.relative_to(places).as_posix() for path in places.rglob("*"))
        name = living.path.name
        assert left == [
            "cache", "logs", "logs/notes.txt", "temporary", f"temporary/{name}", f"temporary/{name}/{LOCK_NAME}",
        ]  # fmt: skip
    finally:
        living.remove()


def test_libraries_are_told_where_to_cache(places):
    told = library_caches()
    assert told == {
        "DRJIT_CACHE_DIR": str(places / "cache" / "kernels"),
        "MPLCONFIGDIR": str(places / "cache" / "fonts"),
    }
    (places / "cache" / "kernels" / "a.bin").unlink()
    (places / "cache" / "kernels").rmdir()
    (places / "cache" / "kernels").touch()
    assert list(library_caches()) == ["MPLCONFIGDIR"], "what cannot be made is left to the library"


def test_a_worker_keeps_its_caches_where_its_starter_looks(places, monkeypatch):
    assert WorkerProcess(places)._env["NEXTGENFACE_CACHE"] == str(places / "cache")
    monkeypatch.delenv("NEXTGENFACE_CACHE")
    user_folders.use_cache_folder(places / "mine")
    try:
        assert WorkerProcess(places)._env["NEXTGENFACE_CACHE"] == str(places / "mine")
    finally:
        user_folders.use_cache_folder(None)


def test_a_linked_folder_is_unlinked_and_not_emptied(places):
    real = places / "elsewhere"
    real.mkdir()
    (real / "mine.txt").touch()
    models = places / "cache" / "models"
    (models / "ict-1.npz").unlink()
    models.rmdir()
    models.symlink_to(real, target_is_directory=True)
    next(cache for cache in caches([]) if cache.name == "models").clear()
    assert not models.exists()
    assert (real / "mine.txt").is_file()


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2_340_000, "2.3 MB"), (3e9, "3.0 GB")]
)
def test_sizes_are_readable(count, said):
    assert readable_size(count) == said
