"""Folders of the user's own, where every platform has them. Standard library only."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def models_folder() -> Path:
    """For face models, a folder for each, and for weights of detectors; it may not exist."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData/Local") / "nextgenface" / "models"
    if sys.platform == "darwin":
        return home / "Library/Application Support/nextgenface/models"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "nextgenface" / "models"


def cache_folder() -> Path:
    """The folder for what can be made again; ``NEXTGENFACE_CACHE`` overrides it. It may not exist yet."""
    if given := os.environ.get("NEXTGENFACE_CACHE"):
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "nextgenface" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "nextgenface"
    return Path(os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")) / "nextgenface"
