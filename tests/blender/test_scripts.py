"""The scripts for a shell: exit codes, what they say, what they leave."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from small_result import make_result

pytestmark = pytest.mark.blender

ROOT = Path(__file__).resolve().parents[2]


def run(script, *arguments):
    """Run a script of `tools` with the stand-in engine."""
    environment = os.environ | {
        "NEXTGENFACE_ENGINE_PYTHON": sys.executable,
        "NEXTGENFACE_WORK_FUNCTION": f"{ROOT / 'tests' / 'stand_in_engine.py'}:reconstruct",
    }
    command = [sys.executable, str(ROOT / "tools" / script), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_a_result_becomes_a_blend_and_a_render(empty_file, tmp_path):
    result, blend, picture = make_result(tmp_path / "result"), tmp_path / "new" / "face.blend", tmp_path / "cycles.png"
    done = run("build_blend.py", result, "-o", blend)
    assert done.returncode == 0, done.stderr
    photo = tmp_path / "result" / "photo.png"
    done = run("render_built_scene.py", blend, "-o", picture, "--samples", 4, "--photo", photo, "--mask", photo)
    assert done.returncode == 0, done.stderr
    assert picture.is_file()
    line = next(line for line in done.stdout.splitlines() if line.startswith("psnr_db"))
    assert 3 < float(line.split()[1]) < 40
    assert line.endswith(f"over {64 * 48} pixels"), "the grey photo is its own mask: all of it is over one half"


def test_a_built_file_remembers_its_person(empty_file, tmp_path):
    import nextgenface

    result, blend = make_result(tmp_path / "result"), tmp_path / "face.blend"
    assert run("build_blend.py", result, "-o", blend).returncode == 0
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    nextgenface.register()
    try:
        assert bpy.data.collections["Face"].nextgenface.result == str(result)
    finally:
        nextgenface.unregister()


def test_the_expressions_of_a_result_are_pictured(empty_file, tmp_path):
    result, picture = make_result(tmp_path / "result"), tmp_path / "keys.jpg"
    done = run("arkit_sheet.py", result, "-o", picture, "--tile", 24, "--samples", 1)
    assert done.returncode == 0, done.stderr
    assert "3 keys" in done.stdout
    image = bpy.data.images.load(str(picture))
    assert tuple(image.size) == (9 * 24, 30)
    # The neutral head fills the middle of the first picture; the last five are empty.
    pixels = np.array(image.pixels[:]).reshape(30, 9 * 24, 4)
    assert np.abs(pixels[15, 12, :3] - pixels[15, -12, :3]).max() > 0.1


def test_times_are_measured(empty_file, tmp_path):
    done = run("blender_times.py", make_result(tmp_path / "result"), "--repeat", 1, "--ticks", 2)
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines() if " ms" in line or "build" in line] == [
        "build",
        "tick with a picture of 384 pixels",
    ]


def test_a_missing_result_is_told(tmp_path):
    done = run("build_blend.py", tmp_path / "result.json", "-o", tmp_path / "face.blend")
    assert done.returncode == 1
    assert "There is no result" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_photo_becomes_a_blend(empty_file, photo, tmp_path):
    blend = tmp_path / "out" / "face.blend"
    done = run("reconstruct_in_blender.py", photo(), "-o", blend, "--preset", "draft", "--textures", "512")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "portrait" / "result.json").is_file()
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    assert "Stand-in Head" in bpy.data.objects
    assert bpy.context.scene.render.engine == "CYCLES"


def test_several_photos_of_one_person_become_one_head(empty_file, photo, tmp_path):
    blend = tmp_path / "out" / "face.blend"
    done = run("reconstruct_in_blender.py", photo("a"), photo("b"), "-o", blend)
    assert done.returncode == 0, done.stderr
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    assert sum(item.name.endswith(" Head") for item in bpy.data.objects) == 1
    assert sum(item.type == "CAMERA" for item in bpy.data.objects) == 2
    assert len(bpy.data.worlds) >= 2, "each photo's light is saved"


def test_different_people_get_a_file_each(empty_file, photo, tmp_path):
    blend = tmp_path / "out" / "face.blend"
    done = run("reconstruct_in_blender.py", photo("a"), photo("b"), "-o", blend, "--different-people")
    assert done.returncode == 0, done.stderr
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.blend")) == [
        "out/a/face.blend",
        "out/b/face.blend",
    ]


@pytest.mark.parametrize(
    ("name", "options", "words", "code"),
    [
        ("fails", (), "No face was found", 1),
        ("dies", (), "ended unexpectedly", 1),
        ("portrait", ("--preset", "none"), "none", 2),
        ("portrait", ("--engine", "/no/such/python"), "no Python", 1),
    ],
)
def test_what_goes_wrong_is_told_and_an_old_file_stays(empty_file, photo, tmp_path, name, options, words, code):
    blend = tmp_path / "out" / "face.blend"
    blend.parent.mkdir()
    blend.write_bytes(b"an older face")
    done = run("reconstruct_in_blender.py", photo(name), "-o", blend, *options)
    assert done.returncode == code
    error = next(line for line in done.stderr.splitlines() if "error: " in line.lower())
    assert words in error
    assert blend.read_bytes() == b"an older face"
    assert [path.name for path in blend.parent.iterdir()] == ["face.blend"]
