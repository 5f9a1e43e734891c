# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are: the add-on's own files, the user's files, the engine's Python, a job's output."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from pathlib import Path

import bpy

from ..wheels.lockfile import read as read_lock
from ..wheels.lockfile import this_platform

ROOT_PACKAGE = __package__.rpartition(".")[0]
ROOT = Path(__file__).resolve().parents[1]
ENGINE_PYTHON_VARIABLE = "NEXTGENFACE_ENGINE_PYTHON"
# Names a folder that has the engine's packages: nothing is downloaded then.
PACKAGES_VARIABLE = "NEXTGENFACE_PACKAGES"
# Of wheels/; another pip makes no other engine.
ENGINE_LISTS = ("engine", "mediapipe")
# For properties with paths: that they may begin with "//". Blender before 4.5 has no word for it, and lets all of them.
RELATIVE = {"options": {"PATH_SUPPORTS_BLEND_RELATIVE"}} if bpy.app.version >= (4, 5, 0) else {}


def user_folder(name: str) -> Path:
    """The folder ``name`` for the user's files of this add-on; not made yet."""
    try:
        return Path(bpy.utils.extension_path_user(ROOT_PACKAGE, path=name))
    except ValueError:
        # Run from a checkout, this package is no extension.
        return Path(bpy.utils.user_resource("DATAFILES", path="nextgenface")) / name


def engine_folder() -> Path:
    """The private environment that "Set Up Engine" makes."""
    return user_folder("engine")


def download_folder() -> Path:
    """Where "Set Up Engine" keeps what it has downloaded, until all is installed."""
    return user_folder("packages")


def offline_packages(preferred: str) -> Path | None:
    """The folder with the engine's packages: ``preferred``, else the variable's, else the add-on's own in a full zip."""
    for name in (preferred, os.environ.get(PACKAGES_VARIABLE, "")):
        if name:
            return Path(bpy.path.abspath(name))
    return ROOT / "wheels" if _carries_packages() else None


@functools.cache
def _carries_packages() -> bool:
    return any((ROOT / "wheels").glob("*.whl"))


@functools.cache
def engine_stamp() -> str:
    """Changes with the files of packages that this version of the add-on locks for this platform, whatever the Python."""
    platform = this_platform()
    files = [
        file["sha256"]
        for package in read_lock()["packages"]
        if package["list"] in ENGINE_LISTS
        for file in package["files"]
        if any(target.startswith(platform) for target in file["targets"])
    ]
    return hashlib.sha256(" ".join(sorted(files)).encode()).hexdigest()


def is_outdated(python: Path) -> bool:
    """Whether ``python`` is the private environment's, and that was made for another version of the add-on."""
    private = engine_folder()
    mark = private / "complete"
    return python == environment_python(private) and mark.is_file() and mark.read_text("utf-8") != engine_stamp()


def log_folder() -> Path:
    """Where workers write their logs."""
    return user_folder("logs")


def environment_python(folder: Path) -> Path:
    """The interpreter of the virtual environment in ``folder``."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def engine_python(preferred: str) -> Path | None:
    """The interpreter that runs the engine: ``preferred``, else the variable's, else the private environment's, if any."""
    for name in (preferred, os.environ.get(ENGINE_PYTHON_VARIABLE, "")):
        if name:
            return Path(bpy.path.abspath(name))
    private = engine_folder()
    return environment_python(private) if (private / "complete").is_file() else None


def output_base(chosen: str) -> Path:
    """Where the folders of results are; it may not exist."""
    if chosen:
        return Path(bpy.path.abspath(chosen))
    if bpy.data.filepath:
        return Path(bpy.data.filepath).parent / "faces"
    return Path(bpy.app.tempdir) / "faces"


def job_output(chosen: str, photo: Path) -> Path:
    """A folder for the results of ``photo`` that does not exist yet.

    In the chosen folder; else beside the .blend; else, before the first save, in Blender's folder for this run.
    """
    base = output_base(chosen)
    folder, number = base / photo.stem, 2
    while folder.exists():
        folder, number = base / f"{photo.stem}-{number}", number + 1
    return folder
