# SPDX-License-Identifier: GPL-3.0-or-later
"""Private virtual environments inside the checkout: make them, fill them, know when they are already right.

Standard library only, because this runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

import system_libraries

ROOT = Path(__file__).resolve().parent.parent
STAMP = "nextgenface-setup.txt"
PYTHON = (3, 11)
PACKAGES_VARIABLE = "NEXTGENFACE_PACKAGES"
DOWNLOADS = ROOT / ".venv-downloads"
# Twice quiet: errors only, without the notes of the build of our own package.
PIP_OPTIONS = ("--quiet", "--quiet", "--no-input", "--disable-pip-version-check")


class SetupError(Exception):
    """Setting up cannot go on; the message says what to do."""


def say(text: str) -> None:
    """Print one line of progress at once, also where the output is a pipe."""
    print(text, flush=True)


def check_python() -> None:
    """Raise `SetupError` unless this is 64-bit Python 3.11, which every pinned wheel exists for."""
    if sys.version_info[:2] != PYTHON:
        mine = ".".join(map(str, sys.version_info[:3]))
        raise SetupError(f"This needs Python 3.11, and {sys.executable} is {mine}. Run it again with python3.11.")
    if sys.maxsize < 2**32:
        raise SetupError(
            "This Python is a 32-bit one, and the engine's packages are 64-bit only. Use a 64-bit Python 3.11."
        )


def python_in(folder: Path) -> Path:
    """The interpreter of the environment ``folder``."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def command_in(folder: Path, name: str) -> Path:
    """The command ``name`` that a package put into the environment ``folder``."""
    return folder / (f"Scripts/{name}.exe" if os.name == "nt" else f"bin/{name}")


def clean_environment() -> dict[str, str]:
    """This process's variables without those that would let other packages into an environment of ours."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}


def is_current(folder: Path, recipe: str) -> bool:
    """Whether ``folder`` was filled, to the end, by exactly this ``recipe`` and its interpreter still starts."""
    stamp = folder / STAMP
    if not stamp.is_file() or stamp.read_text() != _digest(recipe, folder):
        return False
    return runs(python_in(folder), "-c", "pass")


def mark_current(folder: Path, recipe: str) -> None:
    """Note that ``folder`` is filled, so that the next call has nothing to do."""
    (folder / STAMP).write_text(_digest(recipe, folder))


def once(folder: Path, part: str, recipe: str, install: Callable[[], None]) -> None:
    """Call ``install``, which adds a ``part`` to the environment ``folder``, unless that was done with this recipe."""
    stamp = folder / f"nextgenface-{part}.txt"
    if stamp.is_file() and stamp.read_text() == _digest(recipe, folder):
        return
    install()
    stamp.write_text(_digest(recipe, folder))


def _digest(recipe: str, folder: Path) -> str:
    # An environment does not survive being moved, so its place is part of what it is.
    return hashlib.sha256(f"{folder}\n{sys.version}\n{recipe}".encode()).hexdigest()


def runs(*command: str | Path) -> bool:
    """Whether ``command`` ends with exit code 0; its output is dropped."""
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment())
    except OSError:
        return False
    return done.returncode == 0


def create(folder: Path) -> None:
    """Make an empty environment with pip in ``folder``, replacing what is there; raise `SetupError` if that fails."""
    shutil.rmtree(folder, ignore_errors=True)
    # Debian's Python leaves out ensurepip, so pip is added in a second step, from wherever it can be had.
    try:
        venv.create(folder, symlinks=os.name != "nt")
    except OSError as error:
        raise SetupError(
            f"No environment could be made in {folder}: {error}. Make room or use another folder."
        ) from error
    if runs(python_in(folder), "-m", "ensurepip", "--default-pip"):
        return
    if runs(sys.executable, "-m", "pip", "--python", python_in(folder), "install", "pip"):
        return
    _pip_from_debian(folder)


def _pip_from_debian(folder: Path) -> None:
    """Put pip into the environment with the pip wheel of Debian's own packages, unpacked privately."""
    advice = "Run: apt-get install python3.11-venv"
    try:
        # Ubuntu 22.04's pip needs distutils, which its Python leaves out as well.
        unpacked = system_libraries.fetch_packages(["python3-pip-whl", "python3-distutils"], ROOT)
    except system_libraries.FetchError as error:
        raise SetupError(f"This Python has neither ensurepip nor pip, and {error} {advice}") from error
    finally:
        system_libraries.drop_lists(ROOT)
    wheels = sorted(unpacked.glob("usr/share/python-wheels/pip-*.whl"))
    command = [python_in(folder), wheels[-1] / "pip" if wheels else "pip", "install", "--quiet", "pip"]
    library = unpacked / "usr/lib/python3.11"
    # Debian keeps this package's __init__.py in one place and the rest of it in the other; Python wants them together.
    shutil.copytree(Path(sysconfig.get_path("stdlib")) / "distutils", library / "distutils", dirs_exist_ok=True)
    environment = {**clean_environment(), "PYTHONPATH": str(library)}
    if subprocess.run(command, env=environment).returncode != 0:
        raise SetupError(f"This Python has neither ensurepip nor pip. {advice}")


def pip_install(folder: Path, *arguments: str | Path) -> None:
    """Install into the environment ``folder``; raise `SetupError` when pip does."""
    command = [python_in(folder), "-m", "pip", "install", *PIP_OPTIONS, *arguments]
    if subprocess.run(command, env=clean_environment(), cwd=ROOT).returncode != 0:
        what = " ".join(str(argument) for argument in arguments)
        raise SetupError(
            f"pip could not install {what}; its own words are above. Check connection and disk, then run this again."
        )


def install_locked(folder: Path, *lists: str) -> None:
    """Install the locked packages of the ``lists`` in ``wheels/``; raise `SetupError` when that fails.

    They come from the folder that ``NEXTGENFACE_PACKAGES`` names, without network; else they are downloaded, and what
    was downloaded whole is still there for the next try.
    """
    packages = os.environ.get(PACKAGES_VARIABLE)
    where = ["--offline", packages] if packages else ["--keep", DOWNLOADS]
    command = [python_in(folder), "-I", ROOT / "wheels" / "install.py", *where, "--lists", *lists]
    if subprocess.run(command, env=clean_environment(), cwd=ROOT).returncode != 0:
        raise SetupError(
            "The packages could not be installed; why is above. Check connection and disk, then run this again."
        )


def need_imports(folder: Path, modules: Sequence[str]) -> None:
    """Make ``modules`` importable in ``folder``, fetching system libraries if need be; raise `SetupError` if not."""
    # Each in a process of its own: one must not live on a library that another happens to have loaded.
    failing = [module for module in modules if _import_error(folder, module)]
    if not failing:
        return
    advice = _bring_libraries(folder, failing)
    for module in failing:
        if error := _import_error(folder, module):
            raise SetupError(f"{module} cannot be used on this machine: {error} {advice}".rstrip())


def _import_error(folder: Path, module: str) -> str:
    """The last line of what importing ``module`` printed where it failed, else nothing."""
    command = [python_in(folder), "-c", f"import {module}"]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment())
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def _bring_libraries(folder: Path, modules: Sequence[str]) -> str:
    """Fetch what is missing; returns what a person can do where that fails, or nothing."""
    missing, _ = system_libraries.linked(folder, modules, ROOT)
    if missing:
        say(f"    this system has no {', '.join(missing)}: fetching them for this folder only")
    try:
        system_libraries.complete(folder, modules, ROOT)
    except system_libraries.FetchError as error:
        packages = " ".join(system_libraries.packages_for(missing))
        return f"({error}) Install what is missing and run this again: apt-get install {packages}"
    return ""
