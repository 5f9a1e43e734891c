# SPDX-License-Identifier: GPL-3.0-or-later
"""Make or check ``lock.json``. Run it with the engine's Python, after a change in one of the lists:

.venv/bin/python wheels/lock.py            asks the package index that pip knows for files and hashes
.venv/bin/python wheels/lock.py --check    compares the lock with the lists, without network
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

sys.path.insert(0, str(Path(__file__).parent))
from lockfile import LOCK, PLATFORMS, PYTHONS, pip_target, read, target

LISTS = ("installer", "engine", "mediapipe", "fan", "test")
_MARKERS = {
    "linux-x64": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "macos-arm64": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
    "windows-x64": {"sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64"},
}
# Packages that are asked for and left out on purpose: the reasons are in mediapipe.txt and fan.txt.
_LEFT_OUT = {
    "mediapipe": {"jax", "jaxlib", "opencv-contrib-python", "sounddevice", "sentencepiece"},
    "face-alignment": {"numba", "opencv-python", "scikit-image", "tqdm"},
}
# Files that only PyTorch's own index has, for where the index that pip knows lacks them. The SHA-256 is the one that projects which
# pin this very file agree on; a download with another one is refused.
_ELSEWHERE = {
    ("torch", "linux-x64-cp313"): (
        "torch-2.13.0+cpu-cp313-cp313-manylinux_2_28_x86_64.whl",
        "3fbf9c9d1f3c10c2d59d04aca426dee9ccc6ceb32d255c61e93acc3b4f75fae6",
    ),
}
Targets = list[tuple[str, str, tuple[int, int]]]


def targets() -> Targets:
    """Key, platform and Python of each target."""
    return [(target(name, python), name, python) for python in PYTHONS for name in PLATFORMS]


def pins(name: str, folder: Path = LOCK.parent) -> list[Requirement]:
    """The packages in one list."""
    lines = (line.partition("#")[0].strip() for line in (folder / f"{name}.txt").read_text("utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


def applies(pin: Requirement, platform: str, python: tuple[int, int]) -> bool:
    """Whether a target needs ``pin`` at all."""
    version = f"{python[0]}.{python[1]}"
    return pin.marker is None or pin.marker.evaluate({**_MARKERS[platform], "python_version": version, "extra": ""})


def resolve(pins: list[Requirement], platform: str, python: tuple[int, int]) -> list[dict[str, Any]]:
    """What pip would install for a target, as its report has it; pins without a wheel are left out."""
    found = _report(pins, platform, python)
    if found is None and len(pins) > 1:
        half = len(pins) // 2
        return [*resolve(pins[:half], platform, python), *resolve(pins[half:], platform, python)]
    return found or []


def _report(pins: list[Requirement], platform: str, python: tuple[int, int]) -> list[dict[str, Any]] | None:
    """None where pip finds no wheel for one of ``pins``."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = [
            sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--no-deps",
            "--only-binary=:all:", "--target", scratch, "--report", str(report), *pip_target(platform, python),
            *(f"{pin.name}{pin.specifier}" for pin in pins),
        ]  # fmt: skip
        if subprocess.run(command, stderr=subprocess.DEVNULL).returncode != 0:
            return None
        installed: list[dict[str, Any]] = json.loads(report.read_text("utf-8"))["install"]
    return installed


def make() -> dict[str, Any]:
    """Ask the index for all files of all targets."""
    packages = {
        canonicalize_name(pin.name): {"name": canonicalize_name(pin.name), "list": name, "files": [], "missing": []}
        for name in LISTS
        for pin in pins(name)
    }
    for key, platform, python in targets():
        print(key, flush=True)
        wanted = [pin for name in LISTS for pin in pins(name) if applies(pin, platform, python)]
        report = [item for item in resolve(wanted, platform, python) if _fits(item, key)]
        found = {canonicalize_name(item["metadata"]["name"]): item for item in report}
        names = [canonicalize_name(pin.name) for pin in wanted]
        for name in names:
            _enter(packages[name], found.get(name), key)
        for complaint in _unlisted(found, set(names), platform, python):
            print(f"  {complaint}")
    return {"targets": [key for key, _, _ in targets()], "packages": list(packages.values())}


def _enter(package: dict[str, Any], item: dict[str, Any] | None, key: str) -> None:
    """Note a target's file, or that there is none."""
    named = _file_of(item) if item else _ELSEWHERE.get((package["name"], key))
    if named is None:
        package["missing"].append(key)
        return
    for known in package["files"]:
        if (known["file"], known["sha256"]) == named:
            known["targets"].append(key)
            return
    package["files"].append({"file": named[0], "sha256": named[1], "targets": [key]})


def _file_of(item: dict[str, Any]) -> tuple[str, str]:
    """Name and SHA-256 of the file in pip's report."""
    info = item["download_info"]
    return urllib.parse.unquote(info["url"].rpartition("/")[2]), info["archive_info"]["hashes"]["sha256"]


def _fits(item: dict[str, Any], key: str) -> bool:
    """Not for PyTorch's builds with CUDA, which ask for gigabytes more."""
    return item["metadata"]["name"] != "torch" or not key.startswith("linux") or "+cpu" in item["metadata"]["version"]


def _unlisted(found: dict[str, Any], names: set[str], platform: str, python: tuple[int, int]) -> Iterator[str]:
    """Packages that others ask for and that no list names."""
    for name, item in found.items():
        asked = (Requirement(line) for line in item["metadata"].get("requires_dist", []))
        needed = {canonicalize_name(pin.name) for pin in asked if applies(pin, platform, python)}
        for other in sorted(needed - names - _LEFT_OUT.get(name, set())):
            yield f"{name} asks for {other}, which no list names"


def problems(lock: dict[str, Any], folder: Path = LOCK.parent) -> Iterator[str]:
    """Where the lock and the lists of ``folder`` do not agree; nothing where they do."""
    packages = {package["name"]: package for package in lock["packages"]}
    listed: dict[str, list[tuple[str, Requirement]]] = {}
    for list_name in LISTS:
        for pin in pins(list_name, folder):
            listed.setdefault(canonicalize_name(pin.name), []).append((list_name, pin))
    yield from (f"{name} is locked and in no list" for name in packages.keys() - listed.keys())
    for name, named in listed.items():
        lists = {list_name for list_name, _ in named}
        if name not in packages:
            yield f"{name} is not locked"
        elif lists != {packages[name]["list"]}:
            yield f"{name} is in {' and '.join(sorted(lists))}.txt, not in {packages[name]['list']}.txt"
        else:
            yield from _package_problems(packages[name], [pin for _, pin in named])


def _package_problems(package: dict[str, Any], wanted: list[Requirement]) -> Iterator[str]:
    """``wanted`` are all the lines that name the package: one target takes one of them at most."""
    for entry in package["files"]:
        if not re.fullmatch("[0-9a-f]{64}", entry["sha256"]):
            yield f"{entry['file']} has no SHA-256"
    for key, platform, python in targets():
        applying = [pin for pin in wanted if applies(pin, platform, python)]
        files = [entry["file"] for entry in package["files"] if key in entry["targets"]]
        count = len(files) + (key in package["missing"])
        if count != len(applying) or count > 1:
            yield f"{package['name']} has {count} entries for {key}, and the lists name {len(applying)}"
        yield from (f"{file} is not {pin}" for file in files for pin in applying if not _is_of(file, pin))


def _is_of(file: str, pin: Requirement) -> bool:
    name, version, *_ = parse_wheel_filename(file)
    return name == canonicalize_name(pin.name) and pin.specifier.contains(version, prereleases=True)


def main() -> int:
    """The command line; 1 where the lock and the lists do not agree."""
    parser = argparse.ArgumentParser(description="Make or check the lock of all packages.")
    parser.add_argument("--check", action="store_true", help="compare the lock with the lists, without network")
    if not parser.parse_args().check:
        LOCK.write_text(json.dumps(make(), indent=1) + "\n", encoding="utf-8")
    found = list(problems(read()))
    print("\n".join(found) or "The lock agrees with the lists.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
