# SPDX-License-Identifier: GPL-3.0-or-later
"""Try a full zip in an empty user folder without network: install, set up, check, reconstruct, remove, look what is left.

Run it with a Python that has bpy:

    .venv-blender/bin/python tools/try_install.py dist/nextgenface-0.1.0-full-linux-x64.zip --photo photo.jpg

Without --photo nothing is reconstructed. The network is cut with ``unshare`` where this machine lets one, else pip is told
to use a proxy that is not there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAME = "bl_ext.user_default.nextgenface"
NO_PROXY = "http://127.0.0.1:9"


def cut() -> tuple[list[str], dict[str, str]]:
    """What goes before a command, and the variables, so that it has no network."""
    words = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") and subprocess.run([*words, "true"], capture_output=True).returncode == 0:
        return words, {}
    return [], {"PIP_NO_INDEX": "1", "HTTP_PROXY": NO_PROXY, "HTTPS_PROXY": NO_PROXY, "ALL_PROXY": NO_PROXY}


def inside(archive: Path, photo: Path | None) -> None:
    """What is done in Blender's process; prints one line of JSON per step."""
    import bpy

    def step(name: str, start: float, **facts: object) -> None:
        print("STEP", json.dumps({"step": name, "seconds": round(time.monotonic() - start, 1), **facts}), flush=True)

    operators = bpy.ops.nextgenface
    start = time.monotonic()
    bpy.ops.extensions.package_install_files(filepath=str(archive), repo="user_default", enable_on_install=True)
    step("install", start, enabled=NAME in bpy.context.preferences.addons, online=bpy.app.online_access)
    start = time.monotonic()
    step("set up", start, ended=sorted(operators.setup_engine()), took=time.monotonic() - start)
    start = time.monotonic()
    step("check", start, ended=sorted(operators.check_engine()), took=time.monotonic() - start)
    if photo:
        start = time.monotonic()
        bpy.context.scene.nextgenface.photo = str(photo)
        ended = sorted(operators.reconstruct())
        step("reconstruct", start, ended=ended, objects=sorted(item.name for item in bpy.data.objects))
    start = time.monotonic()
    repo = next(i for i, r in enumerate(bpy.context.preferences.extensions.repos) if r.module == "user_default")
    bpy.ops.extensions.package_uninstall(repo_index=repo, pkg_id="nextgenface")
    step("remove", start, enabled=NAME in bpy.context.preferences.addons)


def outside(archive: Path, photo: Path | None) -> int:
    """Start `inside` without network and look what it leaves; 1 where something is left or failed."""
    words, variables = cut()
    print("network: none, by unshare" if words else "network: a proxy that is not there")
    with tempfile.TemporaryDirectory(prefix="nextgenface-try-") as scratch:
        user = Path(scratch) / "user"
        user.mkdir()
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("BLENDER_", "NEXTGENFACE_"))
        }
        environment |= {"BLENDER_USER_RESOURCES": str(user), "HOME": scratch, "XDG_CACHE_HOME": "", **variables}
        command = [*words, sys.executable, __file__, str(archive.resolve()), "--inside"]
        command += ["--photo", str(photo.resolve())] if photo else []
        code = subprocess.run(command, env=environment, cwd=scratch).returncode
        left = [
            path for path in sorted(user.rglob("*")) if path.is_file() and "nextgenface" in str(path.relative_to(user))
        ]
        print(f"left of the extension: {[str(path.relative_to(user)) for path in left]}")
        print(
            f"files in the user's folder: {[str(p.relative_to(scratch)) for p in Path(scratch).rglob('*') if p.is_file()][:40]}"
        )
    return 1 if code or left else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Try a full zip in an empty user folder without network.")
    parser.add_argument("archive", type=Path, help="the full zip for this platform")
    parser.add_argument("--photo", type=Path, help="reconstruct this photo too; minutes")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options.archive, options.photo)
        return 0
    return outside(options.archive, options.photo)


if __name__ == "__main__":
    sys.exit(main())
