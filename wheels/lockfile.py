# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads ``lock.json``: which file of each package a platform and a Python get, and its SHA-256. Standard library only.

A target is a platform and a Python, such as ``linux-x64-cp311``.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOCK = Path(__file__).with_name("lock.json")
PLATFORMS = ("linux-x64", "macos-arm64", "windows-x64")
PYTHONS = ((3, 11), (3, 13))
# The lists that the engine needs; `fan` and `test` are added where they are wanted.
ENGINE_LISTS = ("installer", "engine", "mediapipe")
# The tags pip is asked for, the best first: across platforms it does not derive one from another.
_TAGS = {
    "linux-x64": [f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)]
    + [f"manylinux{year}_x86_64" for year in (2014, 2010, 1)],
    "macos-arm64": ["macosx_14_0_arm64"],
    "windows-x64": ["win_amd64"],
}
_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_MACHINES = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}


class LockError(Exception):
    """A platform or a Python that the lock has no files for; the message says what to do."""


@dataclass(frozen=True)
class Wheel:
    """One file of a package.

    Attributes:
        name: of the package.
        list: the list in this folder that names it, without ``.txt``.
        file: the wheel's file name.
        sha256: of the file, 64 hexadecimal digits.
    """

    name: str
    list: str
    file: str
    sha256: str

    @property
    def version(self) -> str:
        """The exact version, ``2.13.0+cpu`` for example."""
        return self.file.split("-")[1]

    def requirement(self) -> str:
        """The line that has pip install this file and no other."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"

    def is_whole(self, folder: Path) -> bool:
        """Whether this very file lies in ``folder``; reads all of it."""
        path = folder / self.file
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == self.sha256


def read(path: Path = LOCK) -> dict[str, Any]:
    """The lock as it is in the file."""
    data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return data


def target(platform_name: str, python: tuple[int, int]) -> str:
    """The key of a platform and a Python."""
    return f"{platform_name}-cp{python[0]}{python[1]}"


def pip_target(platform_name: str, python: tuple[int, int]) -> list[str]:
    """The options that have pip look for the wheels of a target that need not be this machine's."""
    digits = f"{python[0]}{python[1]}"
    tags = [part for tag in _TAGS[platform_name] for part in ("--platform", tag)]
    abis = [part for abi in (f"cp{digits}", "abi3", "none") for part in ("--abi", abi)]
    # The versions are exact, and pip compares what they ask for with the Python that runs it.
    return [*tags, "--python-version", digits, "--implementation", "cp", *abis, "--ignore-requires-python"]


def this_platform() -> str:
    """This machine's platform, whether the lock has it or not."""
    machine = platform.machine().lower()
    return f"{_SYSTEMS.get(sys.platform, sys.platform)}-{_MACHINES.get(machine, machine)}"


def wheels_for(platform_name: str, python: tuple[int, int], lists: Iterable[str], path: Path = LOCK) -> list[Wheel]:
    """The files of the ``lists`` in the lock's order.

    Raises:
        LockError: the lock does not know the platform or the Python, or a package has no file for them.
    """
    key, lock = target(platform_name, python), read(path)
    version = f"{python[0]}.{python[1]}"
    if key not in lock["targets"]:
        raise LockError(f"The engine has no packages for {platform_name} with Python {version}. {_advice()}")
    wanted = [package for package in lock["packages"] if package["list"] in lists]
    lacking = [package["name"] for package in wanted if key in package["missing"]]
    if lacking:
        raise LockError(f"Python {version} has no packages for {', '.join(lacking)}. {_advice()}")
    return [
        Wheel(package["name"], package["list"], file["file"], file["sha256"])
        for package in wanted
        for file in package["files"]
        if key in file["targets"]
    ]


def _advice() -> str:
    versions = " or ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    return f"Use Python {versions} on one of {', '.join(PLATFORMS)}, or choose an engine Python that has the packages."


def requirements(wheels: Iterable[Wheel]) -> str:
    """What ``pip install --require-hashes -r`` reads."""
    return "".join(f"{wheel.requirement()}\n" for wheel in wheels)
