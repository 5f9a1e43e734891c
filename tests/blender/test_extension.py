"""The zip: built by Blender's own command, installed and enabled in an empty user folder, and used from there."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import build_extension
import lockfile
import nextgenface
import pytest

pytestmark = pytest.mark.blender

ROOT = Path(__file__).resolve().parents[2]

USE_IT = """
import json, sys
import bpy

archive, photo, blend = sys.argv[1:]
before = set(sys.modules)
bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
name = "bl_ext.user_default.nextgenface"
said = {"enabled": name in bpy.context.preferences.addons, "tab": hasattr(bpy.types, "NEXTGENFACE_PT_face")}
heavy = ("torch", "mitsuba", "drjit", "mediapipe", "cv2", "scipy")
bpy.context.scene.nextgenface.photo = photo
said["ended"] = sorted(bpy.ops.nextgenface.reconstruct())
said["objects"] = sorted(item.name for item in bpy.data.objects)
said["heavy"] = sorted(set(heavy) & (set(sys.modules) - before))
said["user folder"] = bpy.utils.extension_path_user(name)
bpy.ops.preferences.addon_disable(module=name)
said["tab after"] = hasattr(bpy.types, "NEXTGENFACE_PT_face")
print("SAID", json.dumps(said), flush=True)
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return build_extension.build(tmp_path_factory.mktemp("dist"))


def test_versions_agree():
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert manifest["version"] == nextgenface.__version__
    assert manifest["id"] == "nextgenface"


def test_the_zip_carries_what_runs_and_nothing_else(archive):
    names = zipfile.ZipFile(archive).namelist()
    tops = {name.partition("/")[0] for name in names if not name.endswith("/")}
    assert tops <= {
        "__init__.py", "registration.py", "blender_manifest.toml", "LICENSE", "README.md",
        "engine", "operators", "panels", "properties", "configs", "wheels",
    }  # fmt: skip
    assert {"engine/worker.py", "engine/faces/data/head.npz", "configs/default.ini"} <= set(names)
    assert {"wheels/install.py", "wheels/lockfile.py", "wheels/lock.json", "wheels/engine.txt"} <= set(names)
    assert not [name for name in names if name.endswith((".pyc", ".log", ".blend")) or "/." in name]
    assert archive.stat().st_size < 5_000_000


def test_it_installs_and_works_in_an_empty_user_folder(archive, photo, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BLENDER_")}
    environment |= {
        "BLENDER_USER_RESOURCES": str(tmp_path / "user"),
        "NEXTGENFACE_ENGINE_PYTHON": sys.executable,
        "NEXTGENFACE_WORK_FUNCTION": f"{ROOT / 'tests' / 'stand_in_engine.py'}:reconstruct",
    }
    (tmp_path / "user").mkdir()
    script = tmp_path / "use_it.py"
    script.write_text(USE_IT, encoding="utf-8")
    command = [sys.executable, str(script), str(archive), str(photo()), str(tmp_path / "face.blend")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    lines = [line for line in done.stdout.splitlines() if line.startswith("SAID")]
    assert lines, done.stdout + done.stderr
    said = json.loads(lines[0].removeprefix("SAID"))
    assert said["enabled"]
    assert said["tab"]
    assert said["ended"] == ["FINISHED"]
    assert "Stand-in Head" in said["objects"]
    assert said["heavy"] == []
    assert said["user folder"].startswith(str(tmp_path / "user"))
    assert not said["tab after"]
    installed = tmp_path / "user" / "extensions" / "user_default" / "nextgenface"
    written = [path for path in installed.rglob("*") if path.is_file() and path.suffix not in (".pyc",)]
    assert len(written) == len([name for name in zipfile.ZipFile(archive).namelist() if not name.endswith("/")])


def test_a_full_zip_carries_the_packages_for_the_set_up_and_not_for_blender(tmp_path, monkeypatch):
    packages = tmp_path / "packages"
    packages.mkdir()
    content = b"not really a wheel"
    wheel = lockfile.Wheel("one", "engine", "one-1.0-py3-none-any.whl", hashlib.sha256(content).hexdigest())
    (packages / wheel.file).write_bytes(content)
    monkeypatch.setattr(build_extension, "wheels_for", lambda *_: [wheel])
    monkeypatch.setattr(build_extension, "download", lambda *_: pytest.fail("it is there already"))
    contents = build_extension.Contents("windows-x64", (3, 11), packages)
    full = build_extension.build_full(tmp_path / "dist", contents)
    with zipfile.ZipFile(full) as archive:
        assert archive.read(f"wheels/{wheel.file}") == content
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    assert manifest["platforms"] == ["windows-x64"]
    assert "wheels" not in manifest, "Blender would share these with all add-ons"
    light = full.name.replace("-full-windows-x64", "")
    assert {path.name for path in (tmp_path / "dist").iterdir()} == {light, full.name}, "no half-written file is left"


def test_a_full_zip_for_a_mediapipe_without_models_carries_the_model_with_its_terms(tmp_path, monkeypatch):
    packages, lock = tmp_path / "packages", tmp_path / "my-lock.json"
    packages.mkdir()
    wheel = lockfile.Wheel("mediapipe", "mediapipe", "mediapipe-1.2.3-py3-none-any.whl", "0" * 64)
    with zipfile.ZipFile(packages / wheel.file, "w") as archive:
        archive.writestr("mediapipe-1.2.3.dist-info/licenses/LICENSE", "Apache License")
    lock.write_text("{}", "utf-8")
    given = tmp_path / "given.task"
    given.write_bytes(b"a model")
    monkeypatch.setattr(build_extension, "wheels_for", lambda *_: [wheel])
    monkeypatch.setattr(lockfile.Wheel, "is_whole", lambda *_: True)
    contents = build_extension.Contents("linux-x64", (3, 13), packages, given, lock)
    with pytest.raises(
        build_extension.InstallError, match=r"given\.task is not the face_landmarker\.task that is pinned"
    ):
        build_extension.build_full(tmp_path / "dist", contents)
    monkeypatch.setattr(
        build_extension.face_model, "is_whole", lambda folder: (folder / "face_landmarker.task").is_file()
    )
    full = build_extension.build_full(tmp_path / "dist", contents)
    assert full.name.endswith("-full-linux-x64-python3.13.zip")
    with zipfile.ZipFile(full) as archive:
        assert archive.read("wheels/face_landmarker.task") == b"a model"
        assert archive.read("wheels/lock.json") == b"{}"
        terms = archive.read("wheels/face_landmarker.LICENSE.txt").decode()
    assert "Apache-2.0" in terms and "Apache License" in terms
