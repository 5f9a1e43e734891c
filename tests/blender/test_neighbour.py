"""Another extension that bundles packages of its own: both work in one session, and each goes on when the other is removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import build_extension
import neighbour
import pytest

pytestmark = pytest.mark.blender

ROOT = Path(__file__).resolve().parents[2]
STEPS = ROOT / "tools" / "install_steps.py"
# The engine needs this one too, and Blender has none.
BUNDLED = "scipy"


def small_wheel(folder):
    """A wheel that calls itself another version of a package of the engine's."""
    path, info = folder / f"{BUNDLED}-99.0-py3-none-any.whl", f"{BUNDLED}-99.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{BUNDLED}/__init__.py", "__version__ = '99.0'")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {BUNDLED}\nVersion: 99.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{BUNDLED}/__init__.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    return path


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Our light zip, and the other extension's."""
    folder = tmp_path_factory.mktemp("archives")
    other = neighbour.make([small_wheel(folder)], [BUNDLED], folder / "other", build_extension.builder())
    return build_extension.build(folder / "dist"), other


def done_in_blender(tmp_path, *actions):
    """What each of the actions came to, in one process of Blender's."""
    (tmp_path / "user").mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BLENDER_")}
    environment |= {
        "BLENDER_USER_RESOURCES": str(tmp_path / "user"),
        "NEXTGENFACE_ENGINE_PYTHON": sys.executable,
        "NEXTGENFACE_WORK_FUNCTION": f"{ROOT / 'tests' / 'stand_in_engine.py'}:reconstruct",
    }
    environment.pop("NEXTGENFACE_CACHE", None)
    command = [sys.executable, str(STEPS), *actions]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    rows = [json.loads(line.removeprefix("STEP ")) for line in done.stdout.splitlines() if line.startswith("STEP ")]
    assert len(rows) == len(actions), done.stdout + done.stderr
    return rows


@pytest.mark.parametrize("ours_first", [True, False])
def test_both_work_and_each_alone_after_the_other(archives, photo, tmp_path, ours_first):
    ours, other = archives
    order = [ours, other] if ours_first else [other, ours]
    gone, last = ("neighbour", f"reconstruct={photo()}") if ours_first else ("nextgenface", "ask_neighbour")
    rows = done_in_blender(
        tmp_path, *(f"install={each}" for each in order), "ask_neighbour", "check", f"reconstruct={photo()}", "ask_neighbour",
        f"remove={gone}", last,
    )  # fmt: skip
    assert rows[1]["enabled"] == ["nextgenface", "neighbour"]
    said = [row[BUNDLED] for row in rows if row["step"] == "ask_neighbour"]
    assert {version for version, _ in said} == {"99.0"}
    assert all(str(tmp_path / "user" / "extensions") in place for _, place in said)
    assert rows[3]["engine"][BUNDLED] != "99.0", "the engine sees nothing of it"
    assert rows[4]["ended"] == ["FINISHED"]
    assert rows[6]["enabled"] is False
    if ours_first:
        assert rows[7]["ended"] == ["FINISHED"]


def test_nothing_of_ours_is_shared_with_other_extensions(archives, photo, tmp_path):
    ours, _ = archives
    done_in_blender(tmp_path, f"install={ours}", f"reconstruct={photo()}")
    shared = tmp_path / "user" / "extensions" / ".local"
    assert not [path for path in shared.rglob("*") if path.is_file()]
