# SPDX-License-Identifier: GPL-3.0-or-later
"""System libraries that a wheel expects and a bare machine lacks: find them, fetch them privately, load them early.

The bpy module needs a few X11 libraries even when no window is opened. Instead of asking for root, the Debian packages
that carry them are downloaded with the machine's own apt settings and unpacked inside the checkout; nothing of the
system is changed. Standard library only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

FOLDER = ".venv-system"
# The few whose Debian package is not named after the library (Debian Policy 8.1 is the rule for the others).
PACKAGE_EXCEPTIONS = {"libGLESv2.so.2": "libgles2", "libGLdispatch.so.0": "libglvnd0"}
# Libraries need libraries; X11's are three deep.
ROUNDS = 8

PRELOADER = '''\
"""Written by tools/system_libraries.py: loads libraries that the system lacks, so that the linker finds them."""

import ctypes
from pathlib import Path

waiting = [Path(line) for line in Path(__file__).with_suffix(".txt").read_text().splitlines()]
while waiting:
    failed = []
    for library in waiting:
        try:
            ctypes.CDLL(str(library))
        except OSError:
            failed.append(library)
    # One that needs another of them loads in a later round; a round without progress is the last.
    waiting = failed if len(failed) < len(waiting) else []
'''


class FetchError(Exception):
    """Packages could not be had; the message is one sentence that says why."""


def complete(folder: Path, modules: Sequence[str], root: Path) -> list[str]:
    """Fetch what ``modules`` of the environment ``folder`` lack, have it loaded early, and return what was missing.

    Raises `FetchError` when a package cannot be had. What an earlier call fetched under ``root`` is used again.
    """
    told: list[str] = []
    try:
        for _ in range(ROUNDS):
            missing, found = linked(folder, modules, root)
            if not missing:
                break
            told += missing
            fetch_packages(packages_for(missing), root)
    finally:
        drop_lists(root)
    preload(folder, found)
    return told


def linked(folder: Path, modules: Iterable[str], root: Path) -> tuple[list[str], list[Path]]:
    """What importing ``modules`` links to: missing names such as ``libXi.so.6``; files fetched."""
    packages = [site / module for site in folder.glob("lib/python3*/site-packages") for module in modules]
    objects = sorted(path for package in packages for path in _extension_modules(package))
    if not objects or not shutil.which("ldd"):
        return [], []
    fetched = root / FOLDER
    places = sorted({str(path.parent) for path in fetched.rglob("*.so*")})
    environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(places), "LC_ALL": "C"}
    text = subprocess.run(["ldd", *objects], capture_output=True, text=True, env=environment).stdout
    own = {path.name for path in folder.rglob("*.so*")}
    missing = set(re.findall(r"^\s*(\S+) => not found", text, re.MULTILINE)) - own
    found = {Path(path) for path in re.findall(r"=> (/\S+)", text)}
    return sorted(missing), sorted(path for path in found if path.is_relative_to(fetched))


def _extension_modules(package: Path) -> list[Path]:
    """What Python itself loads of ``package``; a plugin that lacks its graphics driver is passed over."""
    if main := list(package.glob("__init__*.so")):
        return main
    return [path for kind in ("*.cpython-*.so", "*.abi3.so") for path in package.rglob(kind)]


def packages_for(libraries: Iterable[str]) -> list[str]:
    """Debian packages of ``libraries``, named by Debian Policy 8.1: ``libXi.so.6`` libxi6, ``libX11.so.6`` libx11-6."""
    return sorted({PACKAGE_EXCEPTIONS.get(name) or _policy_name(name) for name in libraries})


def _policy_name(library: str) -> str:
    stem, _, version = library.partition(".so.")
    joint = "-" if stem[-1:].isdigit() and version else ""
    return f"{stem}{joint}{version}".lower().replace("_", "-")


def fetch_packages(packages: Sequence[str], root: Path) -> Path:
    """Download ``packages`` alone, unpack them under ``root`` and return that folder; raise `FetchError`."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise FetchError("there is no apt-get here to fetch system packages with.")
    apt, unpacked = root / FOLDER / "apt", root / FOLDER / "unpacked"
    if not (apt / "lists").is_dir():
        for folder in ("lists/partial", "cache/archives/partial"):
            (apt / folder).mkdir(parents=True, exist_ok=True)
        _apt(apt, "update")
    _apt(apt, "download", *packages)
    for archive in sorted(apt.glob("*.deb")):
        if subprocess.run(["dpkg-deb", "--extract", archive, unpacked]).returncode != 0:
            raise FetchError(f"{archive.name} could not be unpacked.")
        archive.unlink()
    return unpacked


def drop_lists(root: Path) -> None:
    """Remove apt's lists, which are far larger than what was fetched with them."""
    shutil.rmtree(root / FOLDER / "apt", ignore_errors=True)


def _apt(folder: Path, *arguments: str) -> None:
    """Run apt-get in ``folder`` on lists and a cache of our own, so that neither root nor a lock is needed."""
    options = {
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Debug::NoLocking": "true",
        # As root, apt would change to a user that cannot write here.
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
    }
    flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    command = ["apt-get", "-qq", *flags, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if done.returncode != 0:
        if arguments[0] == "update":
            shutil.rmtree(folder)
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise FetchError(f"apt-get {arguments[0]} failed ({last}).")


def preload(folder: Path, libraries: Iterable[Path]) -> None:
    """Let every interpreter of the environment ``folder`` load ``libraries`` when it starts."""
    lines = "".join(f"{path}\n" for path in libraries)
    if not lines:
        return
    for site in folder.glob("lib/python3*/site-packages"):
        (site / "nextgenface_system.txt").write_text(lines)
        (site / "nextgenface_system.py").write_text(PRELOADER)
        (site / "nextgenface_system.pth").write_text("import nextgenface_system\n")
