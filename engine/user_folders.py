"""Folders of the user's own, where every platform has them. Standard library only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CACHE_VARIABLE = "NEXTGENFACE_CACHE"


def models_folder() -> Path:
    """For face models, a folder for each, and for weights of detectors; it may not exist."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData/Local") / "nextgenface" / "models"
    if sys.platform == "darwin":
        return home / "Library/Application Support/nextgenface/models"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "nextgenface" / "models"


class _Chosen:
    """What `use_cache_folder` was told."""

    cache: Path | None = None


def use_cache_folder(folder: Path | None) -> None:
    """Have this process, and the workers that it starts, keep in ``folder`` what can be made again; None: where it is usual."""
    _Chosen.cache = folder


def cache_folder() -> Path:
    """The folder for what can be made again; ``NEXTGENFACE_CACHE`` overrides what was chosen. It may not exist yet."""
    if given := os.environ.get(CACHE_VARIABLE):
        return Path(given)
    if _Chosen.cache is not None:
        return _Chosen.cache
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "nextgenface" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "nextgenface"
    return Path(os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")) / "nextgenface"
