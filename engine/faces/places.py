"""Where the files of face models are looked for that do not come with the program. Standard library only."""

from __future__ import annotations

from pathlib import Path

from ..user_folders import models_folder


def model_folder(name: str, given: str) -> Path:
    """The folder of the model ``name``: the one that was ``given``, else its own in `models_folder`."""
    return Path(given).expanduser() if given else models_folder() / name
