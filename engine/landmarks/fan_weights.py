"""FAN's weights: which files, where they are looked for, and how a person gets them. Standard library only."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..downloads import RemoteFile, download, sha256_of
from ..errors import SettingsError
from ..settings import Settings
from ..user_folders import models_folder

if TYPE_CHECKING:
    # It needs NumPy, and what is told here must be told where that is missing.
    from ..reporter import Reporter

# Of the package face-alignment 1.5.0 (its api.py and sfd_detector.py). It publishes the first ten digits of each hash, in the
# file's name; the whole hashes are those that several projects which pin these files agree on.
_SOURCE = "https://www.adrianbulat.com/downloads/python-fan/"
POINTS_NETWORK = RemoteFile(
    "2DFAN4-11f355bf06.pth.tar",
    _SOURCE + "2DFAN4-11f355bf06.pth.tar",
    "11f355bf0693120222f5955ce3f9dc8fb5763ebb30a47d7906e509490d32e4aa",
)
FACES_NETWORK = RemoteFile(
    "s3fd-619a316812.pth",
    _SOURCE + "s3fd-619a316812.pth",
    "619a31681264d3f7f7fc7a16a42cbbe8b23f31a256f75a366e5a1bcd59b33543",
)
MEGABYTES = 185
_OPTIONAL = "Only needed for the landmark detector 'fan':"


def hub_folder() -> Path:
    """Where the package itself, used by other programs, has put its weights (torch.hub.get_dir); only read."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("TORCH_HOME") or cache / "torch").expanduser() / "hub" / "checkpoints"


def folders(settings: Settings) -> list[Path]:
    """Where weights are looked for: the folder that is set, or else the usual ones. Downloads go to the first."""
    if settings.fan_model_folder:
        return [Path(settings.fan_model_folder).expanduser()]
    return [models_folder(), hub_folder()]


def find(remote: RemoteFile, places: list[Path]) -> Path | None:
    """The file in the first of ``places`` that has one of its name; its content is not looked at."""
    return next((place / remote.name for place in places if (place / remote.name).is_file()), None)


def weights(settings: Settings, reporter: Reporter) -> tuple[Path, Path]:
    """The files of the network of points and of the network of faces, with the right content, downloaded if that is allowed.

    Raises:
        SettingsError: a file is missing and downloads are not allowed, or a file has another content.
        DownloadError: a file could not be downloaded.
        Cancelled: by the reporter.
    """
    wanted = (POINTS_NETWORK, FACES_NETWORK)
    places = folders(settings)
    missing = [remote for remote in wanted if find(remote, places) is None]
    if missing and not settings.allow_downloads:
        raise SettingsError(
            f"FAN's weights are missing: {' and '.join(remote.name for remote in missing)}.",
            f"Allow downloads (allow_downloads = true, {MEGABYTES} MB), or download "
            f"{' and '.join(remote.address for remote in missing)} into {places[0]}.",
        )
    for remote in missing:
        download(remote, places[0], _told(reporter))
    points, faces = (_checked(remote, places) for remote in wanted)
    return points, faces


def _checked(remote: RemoteFile, places: list[Path]) -> Path:
    """The path of a file that is there; raises SettingsError where its content is another or it cannot be read."""
    path = find(remote, places) or places[0] / remote.name
    try:
        right = sha256_of(path) == remote.sha256
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.", "Check the folder's permissions.") from error
    if not right:
        raise SettingsError(
            f"{path} is not the file that face-alignment publishes: its SHA-256 is another.",
            f"Delete it, and download {remote.address} again.",
        )
    return path


def _told(reporter: Reporter) -> Callable[[int, int], None]:
    """Tells a download's progress in whole megabytes."""

    def progress(have: int, whole: int) -> None:
        reporter.check()
        reporter.progress("download", have // 1_000_000, max(1, whole // 1_000_000))

    return progress


def readiness(settings: Settings | None = None) -> tuple[bool, str, str]:
    """Whether FAN is ready, what is there, and what to do. The content of its files is not looked at. Never raises."""
    places = folders(settings or Settings())
    missing = [remote.name for remote in (POINTS_NETWORK, FACES_NETWORK) if find(remote, places) is None]
    if importlib.util.find_spec("face_alignment") is None:
        return (
            False,
            "face-alignment is not installed",
            f"{_OPTIONAL} tools/setup_engine.py --fan, or Add FAN in Blender.",
        )
    detail = f"face-alignment {importlib.metadata.version('face-alignment')}"
    if missing:
        remedy = f"{_OPTIONAL} allow downloads ({MEGABYTES} MB), or put these files into {places[0]}."
        return False, f"{detail} without its weights {' and '.join(missing)}", remedy
    return True, f"{detail} with its weights", ""
