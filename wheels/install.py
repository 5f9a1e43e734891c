# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the locked packages into the environment of the Python that runs this, and nothing else into it. Standard library only.

    python -I wheels/install.py --keep FOLDER       downloads into FOLDER what is not there yet, then installs
    python -I wheels/install.py --offline FOLDER    installs from FOLDER, without network

Every file is checked against its SHA-256. Each package is downloaded by itself, so that a broken download goes on with
the package it broke at. Lines like ``3 of 38: torch 2.13.0`` tell how far it is. An environment without pip gets the locked
one, and a MediaPipe without models gets the face landmarker's file.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

# An isolated Python does not look beside the script.
sys.path.insert(0, str(Path(__file__).parent))
import model
from lockfile import ENGINE_LISTS, LockError, Wheel, requirements, this_platform, wheels_for

# Names a package index that has PyTorch's CPU builds, where no option does.
TORCH_INDEX = "NEXTGENFACE_TORCH_INDEX"
_PIP = (sys.executable, "-I", "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check")
_EXACTLY = ("--no-deps", "--require-hashes", "--only-binary=:all:", "--progress-bar", "off")


class InstallError(Exception):
    """It cannot go on; the message says why and what to do."""


def install(wheels: Sequence[Wheel], folder: Path, offline: bool) -> None:
    """Install exactly ``wheels``, and the model that they need, with the files in ``folder``; what is not there is downloaded.

    Raises:
        InstallError: a file is missing or wrong, or pip failed.
        ModelError: the model could not be downloaded.
    """
    lacking = [wheel for wheel in wheels if not wheel.is_whole(folder)]
    with_model = model.is_needed((wheel.name, wheel.version) for wheel in wheels)
    lacks_model = with_model and not model.is_whole(folder)
    if offline and (lacking or lacks_model):
        names = _names(lacking) if lacking else model.file_name()
        advice = "Fill it from a full zip of this version for this Python."
        raise InstallError(f"{folder} lacks {names}, or has other files of these names. {advice}")
    folder.mkdir(parents=True, exist_ok=True)
    count = len(lacking) + lacks_model + 1
    if lacks_model:
        _say(f"1 of {count}: {model.title()}")
        model.download(folder)
    bring_pip(wheels, folder)
    # First the locked pip, which then does the rest.
    for part in ([w for w in wheels if w.list == "installer"], [w for w in wheels if w.list != "installer"]):
        for wheel in (wheel for wheel in part if wheel in lacking):
            _say(f"{lacking.index(wheel) + lacks_model + 1} of {count}: {wheel.name} {wheel.version}")
            download(wheel, folder)
        if part:
            _say(f"{count} of {count}: unpacking {_names(part)}")
            _pip("install", part, "--no-index", "--find-links", str(folder))
    if with_model:
        model.install(folder)


def bring_pip(wheels: Sequence[Wheel], folder: Path) -> None:
    """Give an environment without pip the locked one, run out of its file, or the one that this Python carries.

    Raises:
        InstallError: there is neither; Debian's Python comes without.
    """
    if importlib.util.find_spec("pip") is not None:
        return
    locked = next((folder / wheel.file for wheel in wheels if wheel.name == "pip" and wheel.is_whole(folder)), None)
    options = ("install", "--no-index", "--no-deps", "--quiet")
    command = [sys.executable, "-I", *((locked / "pip", *options, locked) if locked else ("-m", "ensurepip"))]
    if subprocess.run([str(part) for part in command]).returncode != 0:
        advice = "Install the system's package python3-venv, or use a full zip of this add-on."
        raise InstallError(f"This Python has no pip to install packages with. {advice}")
    importlib.invalidate_caches()


def download(wheel: Wheel, folder: Path, *options: str) -> None:
    """Fetch one file into ``folder``, from wherever pip is set up to look, and from the index that `TORCH_INDEX` names.

    Raises:
        InstallError: nobody has the file that the lock names.
    """
    # Only builds that the main index does not take have such a version.
    is_apart = "+" in wheel.version
    own = os.environ.get(TORCH_INDEX) if is_apart else None
    if own:
        check_index(own)
    try:
        _pip("download", [wheel], "--dest", str(folder), *options, *(["--extra-index-url", own] if own else []))
    except InstallError as error:
        if not is_apart:
            raise
        advice = (
            f"Give the index for processors that {wheel.name}'s installation guide names as PyTorch Index in the add-on's "
            f"preferences, or in {TORCH_INDEX}; or use a full zip."
        )
        raise InstallError(f"{error} {advice}") from error
    if not wheel.is_whole(folder):
        raise InstallError(f"The index gave another file than {wheel.file}. Try again later, or report it.")


def check_index(address: str) -> None:
    """Raise InstallError unless ``address`` is a whole https address without blanks or a password in it."""
    try:
        parts = urllib.parse.urlsplit(address)
        good = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        good = False
    if not good or address != "".join(address.split()):
        raise InstallError("The PyTorch index is not an address that begins with https:// and has no password in it.")


def _pip(command: str, wheels: Sequence[Wheel], *options: str) -> None:
    with tempfile.TemporaryDirectory(prefix="nextgenface-setup-") as scratch:
        wanted = Path(scratch) / "requirements.txt"
        wanted.write_text(requirements(wheels), encoding="utf-8")
        if subprocess.run([*_PIP, command, *_EXACTLY, *options, "-r", str(wanted)]).returncode != 0:
            raise InstallError(f"pip could not {command} {_names(wheels)}.")


def _names(wheels: Sequence[Wheel]) -> str:
    few = ", ".join(wheel.name for wheel in wheels[:3])
    return few if len(wheels) <= 3 else f"{few} and {len(wheels) - 3} more packages"


def _say(line: str) -> None:
    print(line, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 where it failed."""
    parser = argparse.ArgumentParser(description="Install the locked packages into this Python's environment.")
    parser.add_argument("--lists", nargs="+", default=list(ENGINE_LISTS), help="which lists of wheels/")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--offline", type=Path, metavar="FOLDER", help="a folder with all files; no network")
    where.add_argument("--keep", type=Path, metavar="FOLDER", help="downloads, removed when all is installed")
    options = parser.parse_args(arguments)
    try:
        wheels = wheels_for(this_platform(), sys.version_info[:2], options.lists)
        install(wheels, options.offline or options.keep, offline=options.offline is not None)
    except (InstallError, LockError, model.ModelError, OSError) as error:
        _say(f"ERROR: {error}")
        return 1
    if options.keep:
        shutil.rmtree(options.keep, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
