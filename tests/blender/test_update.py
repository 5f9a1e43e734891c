"""A newer zip over an older one: the worker is ended first, and the engine stays unless its lock changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import build_extension
import pytest

pytestmark = pytest.mark.blender

ROOT = Path(__file__).resolve().parents[2]

UPDATE = """
import importlib, json, os, sys
from pathlib import Path
import bpy

first, newer, other_lock, photo = sys.argv[1:]
name, said = "bl_ext.user_default.nextgenface", []


def module(path):
    return importlib.import_module(f"{name}.{path}")


def install(archive):
    bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)


def is_running(pid):
    # A child that has ended stays in the list until its starter looks.
    state = Path(f"/proc/{pid}/stat")
    return state.is_file() and ") Z " not in state.read_text()


def version():
    lines = (Path(module("properties.places").ROOT) / "blender_manifest.toml").read_text().splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("version = "))


def outdated():
    places = module("properties.places")
    return places.is_outdated(places.environment_python(places.engine_folder()))


def start_job():
    scene = bpy.context.scene
    scene.nextgenface.photo = photo
    module("operators.reconstruct").start_job(bpy.context, scene)
    session = module("operators.session").session
    while session.status.stage != "stage2":
        assert session.wait(20), "the worker says nothing"
    return session._worker.pid


install(first)
places = module("properties.places")
engine = places.engine_folder()
engine.mkdir(parents=True)
(engine / "mine").touch()
(engine / "complete").write_text(places.engine_stamp())
said.append({"version": version(), "outdated": outdated()})
for archive in (newer, other_lock):
    pid = start_job()
    session = module("operators.session").session
    close, seen = session.close, []

    def closing():
        close()
        seen.append({"running": is_running(pid), "version": version()})

    session.close = closing
    install(archive)
    said.append({
        "version": version(), "outdated": outdated(), "running": is_running(pid), "at the end of the worker": seen[0],
        "engine": (engine / "mine").is_file(), "enabled": name in bpy.context.preferences.addons,
    })
repo = next(i for i, r in enumerate(bpy.context.preferences.extensions.repos) if r.module == "user_default")
pid = start_job()
bpy.ops.extensions.package_uninstall(repo_index=repo, pkg_id="nextgenface")
said.append({"running": is_running(pid), "enabled": name in bpy.context.preferences.addons})
print("SAID", json.dumps(said), flush=True)
"""


def changed(archive, version, lock=None):
    """The zip as one of another version, with the file hashes of the lock changed if ``lock`` is given."""
    new = archive.with_name(f"nextgenface-{version}.zip")
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(new, "w") as target:
        for item in source.infolist():
            data = source.read(item)
            if item.filename == "blender_manifest.toml":
                data = data.replace(b'version = "0.1.0"', f'version = "{version}"'.encode())
                assert version.encode() in data
            elif item.filename == "wheels/lock.json" and lock:
                data = lock(data)
            target.writestr(item, data)
    return new


def with_another_numpy(data):
    lock = json.loads(data)
    for package in lock["packages"]:
        if package["name"] == "numpy":
            for file in package["files"]:
                file["sha256"] = "0" * 64
    return json.dumps(lock).encode()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_newer_version_takes_the_place_of_a_living_one(tmp_path, photo):
    first = build_extension.build(tmp_path / "dist")
    newer = changed(first, "0.1.1")
    other_lock = changed(first, "0.1.2", with_another_numpy)
    user = tmp_path / "user"
    user.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BLENDER_")}
    environment |= {
        "BLENDER_USER_RESOURCES": str(user),
        "NEXTGENFACE_ENGINE_PYTHON": sys.executable,
        "NEXTGENFACE_WORK_FUNCTION": f"{ROOT / 'tests' / 'stand_in_engine.py'}:reconstruct",
    }
    script = tmp_path / "update.py"
    script.write_text(UPDATE, encoding="utf-8")
    command = [sys.executable, str(script), str(first), str(newer), str(other_lock), str(photo("slow"))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    lines = [line for line in done.stdout.splitlines() if line.startswith("SAID")]
    assert lines, done.stdout + done.stderr
    start, same_lock, new_lock, removed = json.loads(lines[0].removeprefix("SAID"))
    assert start == {"version": "0.1.0", "outdated": False}
    before = "0.1.0"
    for said, version, outdated in ((same_lock, "0.1.1", False), (new_lock, "0.1.2", True)):
        assert said == {
            "version": version, "outdated": outdated, "running": False, "engine": True, "enabled": True,
            "at the end of the worker": {"running": False, "version": before},
        }  # fmt: skip
        before = version
    assert removed == {"running": False, "enabled": False}
    left = [path for path in user.rglob("*") if path.is_file() and "nextgenface" in str(path.relative_to(user))]
    assert left == [], "engine, logs and caches go with it"
