"""What the program keeps on disk that can go: how large it is, and away with it. Standard library only."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .folders import TEMPORARY_PREFIX, abandoned, sweep
from .user_folders import cache_folder

RENDERERS = "renderers.json"
ENGINE_CHECKS = "engine_checks.json"
KERNELS = "kernels"
FONTS = "fonts"
# What libraries keep, each with the variable that tells it where.
LIBRARY_CACHES = {"DRJIT_CACHE_DIR": KERNELS, "MPLCONFIGDIR": FONTS}
MODELS = "models"


@dataclass(frozen=True)
class Cache:
    """One kind of files.

    Attributes:
        name: its identifier.
        title: for people.
        what: a sentence on what it is, and on what its absence costs.
        paths: files and folders that count, now.
        clear: deletes what can be deleted; what is in use stays.
    """

    name: str
    title: str
    what: str
    paths: Callable[[], list[Path]]
    clear: Callable[[], None]

    def size(self) -> int:
        """Bytes; what cannot be looked at counts nothing."""
        return sum(_size(path) for path in self.paths())


def caches(log_folders: list[Path], downloads: list[Path] | None = None) -> list[Cache]:
    """All that there are; logs lie in ``log_folders``, packages of a set-up that did not end in ``downloads``."""
    stopped = downloads or []

    def logs() -> list[Path]:
        return [path for folder in log_folders for path in sorted(folder.glob("worker-*.log"))]

    def kept(name: str, *others: str) -> Cache:
        paths = [cache_folder() / each for each in (name, *others)]
        title, what = _KEPT[name]
        return Cache(name, title, what, lambda: paths, lambda: _delete(paths))

    temporary = Path(tempfile.gettempdir())
    return [
        Cache("logs", "Logs", "What the last 20 runs said", logs, lambda: _delete(logs())),
        kept(MODELS),
        kept(RENDERERS, ENGINE_CHECKS),
        kept(KERNELS, FONTS),
        Cache(
            "downloads",
            "Downloads",
            "Packages of a set-up that was stopped. The next one downloads them again",
            lambda: stopped,
            lambda: _delete(stopped),
        ),
        Cache(
            "previews",
            "Leftovers",
            "Previews of runs that were ended by force",
            lambda: abandoned(temporary, TEMPORARY_PREFIX),
            lambda: sweep(temporary, TEMPORARY_PREFIX),
        ),
    ]


_KEPT = {
    MODELS: (
        "Computed Models",
        "What was computed of your own face models. Computed again at their next use, in seconds",
    ),
    KERNELS: (
        "Compiled Kernels",
        "What the renderer compiled for this computer. Compiled again at the next job, in half a minute at most",
    ),
    RENDERERS: (
        "Engine Check",
        "That the engine works, and which LLVM library and GPU do. Found out again at the next job, in a minute at most",
    ),
}


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        if path.is_dir():
            return sum(_size(child) for child in path.iterdir())
        return path.stat().st_size
    return 0


def _delete(paths: list[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def library_caches() -> dict[str, str]:
    """Variables that have libraries keep what they cache in `cache_folder`; a folder that cannot be made is left out."""
    found = {}
    for variable, name in LIBRARY_CACHES.items():
        folder = cache_folder() / name
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            found[variable] = str(folder)
    return found


def readable_size(count: int) -> str:
    """Bytes for people, as file browsers tell them: ``3.4 MB``."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
