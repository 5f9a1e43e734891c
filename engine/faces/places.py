"""Where the files of face models are looked for that do not come with the program. Standard library only."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def models_folder() -> Path:
    """The user's own folder for face models, one folder in it for each model; it may not exist."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData/Local") / "nextgenface" / "models"
    if sys.platform == "darwin":
        return home / "Library/Application Support/nextgenface/models"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "nextgenface" / "models"


def model_folder(name: str, given: str) -> Path:
    """The folder of the model ``name``: the one that was ``given``, else its own in `models_folder`."""
    return Path(given).expanduser() if given else models_folder() / name
