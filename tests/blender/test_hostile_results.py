"""Results that somebody else made: built or refused in a sentence, nothing outside of their folder, the scene whole."""

from __future__ import annotations

import json
import random

import bpy
import numpy as np
import pytest
from nextgenface.engine.errors import EngineError
from nextgenface.operators.build_scene import BuildOptions, build_result
from small_result import head_arrays, make_result
from snapshots import snapshot

pytestmark = pytest.mark.blender
NAMES = ("two words", "quo'te\"d", "100%s%n", "new\nline", "顔 лицо é", "../up", "x" * 300, "")


def changed(path, **values):
    """The description at ``path`` with other values, of the result or of its first photo."""
    whole = json.loads(path.read_text("utf-8"))
    for name, value in values.items():
        part = whole if name in whole else whole["photos"][0]
        part[name] = value
    path.write_text(json.dumps(whole), "utf-8")
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_person_of_any_name_is_built(scene, tmp_path, name):
    built = build_result(scene, changed(make_result(tmp_path / "result"), name=name), BuildOptions())
    assert bpy.data.objects[built.head].data.vertices


@pytest.mark.parametrize("name", ["../up", "a/b", "a\\b", ".."])
def test_pictures_beside_the_blend_stay_beside_it_whatever_the_person_is_called(scene, tmp_path, name):
    path = changed(make_result(tmp_path / "result"), name=name)
    (tmp_path / "blend").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "blend" / "face.blend"))
    build_result(scene, path, BuildOptions(pack_images=False))
    assert sorted(item.name for item in tmp_path.iterdir()) == ["blend", "result"]
    beside = [item for item in (tmp_path / "blend").iterdir() if item.is_dir()]
    assert len(beside) == 1
    assert all(item.is_file() for item in beside[0].iterdir())


@pytest.mark.parametrize("field", ["head", "diffuse", "photo", "light", "report"])
def test_files_elsewhere_are_not_read(scene, tmp_path, field):
    path = make_result(tmp_path / "result")
    name = json.loads(path.read_text("utf-8")).get(field) or json.loads(path.read_text("utf-8"))["photos"][0][field]
    if (path.parent / name).exists():
        (path.parent / name).rename(tmp_path / name)
    before = snapshot(scene)
    with pytest.raises(EngineError) as caught:
        build_result(scene, changed(path, **{field: f"../{name}"}), BuildOptions())
    assert caught.value.remedy
    assert snapshot(scene) == before


@pytest.mark.parametrize("file", ["envMap_0.exr", "diffuseMap_0.png", "photo.png"])
@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"v/1\x01\x02\0\0\0" + b"\xff" * 64])
def test_a_damaged_picture_is_told_and_changes_nothing(scene, tmp_path, file, data):
    path = make_result(tmp_path / "result")
    (path.parent / file).write_bytes(data)
    before = snapshot(scene)
    with pytest.raises(EngineError, match=r"picture|image") as caught:
        build_result(scene, path, BuildOptions())
    assert caught.value.remedy
    assert snapshot(scene) == before


def test_a_head_of_any_bytes_is_built_or_told(scene, tmp_path):
    path, chance = make_result(tmp_path / "result"), random.Random(3)
    head = path.parent / "head.npz"
    good, before = head.read_bytes(), snapshot(scene)
    for number in range(60):
        data = bytearray(good)
        for _ in range(chance.randint(1, 5)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        head.write_bytes(data if number % 3 else good[: chance.randrange(len(good))])
        try:
            build_result(scene, path, BuildOptions())
        except EngineError as error:
            assert error.message
            assert snapshot(scene) == before
        else:
            bpy.ops.wm.read_factory_settings(use_empty=True)
            scene = bpy.context.scene
            before = snapshot(scene)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("quads", np.zeros((18, 4), np.float32)),
        ("vertices", np.array(["a"] * 24)),
        ("vertices", np.float32(1.0)),
        ("face_part", np.zeros(18, bool)),
    ],
)
def test_arrays_of_other_kinds_are_told(scene, tmp_path, name, array):
    path = make_result(tmp_path / "result")
    np.savez(path.parent / "head.npz", **(head_arrays() | {name: array}))
    before = snapshot(scene)
    with pytest.raises(EngineError):
        build_result(scene, path, BuildOptions())
    assert snapshot(scene) == before


@pytest.mark.parametrize(
    "text",
    ["", "[" * 100_000, "[]", '{"photos": 3}', '{"photos": [3]}', '{"seconds": []}', '{"seconds": {"total": "x"}}'],
)
def test_a_report_of_any_content_is_no_reason_to_fail(scene, tmp_path, text):
    path = make_result(tmp_path / "result")
    (path.parent / "report.json").write_text(text)
    assert build_result(scene, path, BuildOptions()).head
