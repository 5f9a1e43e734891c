# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a lock that takes your own files where you have some: another build of PyTorch, say, with what that needs besides.

    python wheels/own_lock.py FOLDER lock-of-mine.json --python 3.13

For one platform and Python, each wheel in FOLDER takes the place of the one of that name, or comes in addition. Such a lock is
for full zips (``tools/build_extension.py --lock``) and stays out of ``wheels/``. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from lockfile import PLATFORMS, PYTHONS, read, target, this_platform

_LIST = "engine"


def with_own(lock: dict[str, Any], folder: Path, key: str) -> dict[str, Any]:
    """The ``lock`` with the wheels in ``folder`` for the target ``key``."""
    packages = {package["name"]: package for package in lock["packages"]}
    for path in sorted(folder.glob("*.whl")):
        name = re.sub(r"[-_.]+", "-", path.name.split("-")[0]).lower()
        package = packages.setdefault(name, {"name": name, "list": _LIST, "files": [], "missing": []})
        _leave(package, key)
        package["files"].append({"file": path.name, "sha256": _sha256(path), "targets": [key]})
    return {**lock, "packages": list(packages.values())}


def _leave(package: dict[str, Any], key: str) -> None:
    """Take the target away from the files that it has had."""
    package["missing"] = [other for other in package["missing"] if other != key]
    for file in package["files"]:
        file["targets"] = [other for other in file["targets"] if other != key]
    package["files"] = [file for file in package["files"] if file["targets"]]


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make a lock with wheels of your own.")
    parser.add_argument("folder", type=Path, help="your wheels; tags are not looked at")
    parser.add_argument("output", type=Path, help="the lock that is written")
    parser.add_argument("--platform", choices=PLATFORMS, default=this_platform())
    pythons = {"{}.{}".format(*python): python for python in PYTHONS}
    parser.add_argument("--python", choices=pythons, default=next(iter(pythons)))
    options = parser.parse_args()
    lock = with_own(read(), options.folder, target(options.platform, pythons[options.python]))
    options.output.write_text(json.dumps(lock, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
