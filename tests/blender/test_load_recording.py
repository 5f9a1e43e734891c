"""A recording of Live Link Face on a built head."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from nextgenface.engine.errors import EngineError
from nextgenface.operators.arkit import ARKIT_NAMES
from nextgenface.operators.arkit_recording import read_recording
from nextgenface.operators.build_scene import BuildOptions, build_result
from nextgenface.operators.people import part_of
from real_head import make_real_result

pytestmark = pytest.mark.blender
# Live Link Face writes the names with a capital, and the turns of the head behind them.
HEAD = ["Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in ARKIT_NAMES), "HeadYaw"]
ROWS = 121


def jaw(row):
    return row / (ROWS - 1)


@pytest.fixture
def recording(tmp_path):
    """Two seconds in which the jaw opens evenly; all else is still."""
    lines = [",".join(HEAD)]
    for row in range(ROWS):
        values = [jaw(row) if name == "jawOpen" else 0.0 for name in ARKIT_NAMES]
        lines.append(f"14:03:52:{row % 60:02}.207,61,{','.join(map(str, values))},0.3")
    path = tmp_path / "take 1.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture
def head(add_on, tmp_path):
    built = build_result(add_on, make_real_result(tmp_path / "result"), BuildOptions())
    add_on.frame_end = 30
    return bpy.data.objects[built.head]


def load(path, **options):
    return bpy.ops.nextgenface.load_recording(filepath=str(path), person="Face", **options)


def values_at(frame, keys):
    bpy.context.scene.frame_set(frame)
    return {key.name: key.value for key in keys.key_blocks[1:] if key.value > 1e-6}


def test_the_head_speaks_at_the_scene_s_own_rate(head, recording):
    scene, keys = bpy.context.scene, head.data.shape_keys
    scene.render.fps = 24
    scene.frame_set(11)
    assert load(recording) == {"FINISHED"}
    assert scene.frame_end == 11 + 48
    for frame in (11, 20, 35, 59):
        expected = (frame - 11) / 48
        seen = values_at(frame, keys)
        assert seen.get("jawOpen", 0.0) == pytest.approx(expected, abs=1e-5)
        assert set(seen) <= {"jawOpen"}, "the photo's expression is off"


def test_teeth_follow(head, recording):
    load(recording)
    bpy.context.scene.frame_set(25)
    bpy.context.view_layer.update()
    teeth = part_of(bpy.data.collections["Face"], "teeth").data.shape_keys.key_blocks
    assert teeth["jawOpen"].value == pytest.approx(0.5, abs=1e-4)


def test_a_second_take_replaces_the_first(head, recording):
    load(recording)
    load(recording, rate=30.0)
    assert len(bpy.data.actions) == 1
    assert values_at(49, head.data.shape_keys)["jawOpen"] == pytest.approx(0.5, abs=1e-4)


def test_one_undo_takes_it_back(head, recording):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.nextgenface.load_recording("EXEC_DEFAULT", True, filepath=str(recording), person="Face")
    bpy.ops.ed.undo()
    keys = part_of(bpy.data.collections["Face"], "head").data.shape_keys
    assert keys.animation_data is None or keys.animation_data.action is None
    assert next(key for key in keys.key_blocks if key.name.startswith("Expression ")).value == 1.0


def test_a_head_without_expressions_is_refused(add_on, tmp_path, recording):
    build_result(add_on, make_real_result(tmp_path / "result"), BuildOptions(shape_keys=False))
    with pytest.raises(RuntimeError, match=r"no ARKit expressions\. Turn Shape Keys on"):
        load(recording)


def test_what_is_read(recording):
    read = read_recording(recording)
    assert read.names == ARKIT_NAMES and read.values.shape == (ROWS, 52)
    np.testing.assert_allclose(
        read.values[:, ARKIT_NAMES.index("jawOpen")], [jaw(row) for row in range(ROWS)], atol=1e-6
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no recording of a face"),
        ("a,b\n1,2\n", "no recording of a face"),
        ("JawOpen\n", "no values"),
        ("JawOpen,TongueOut\n0.5\n", "without all values"),
        ("JawOpen\nopen\n", "without all values"),
        ("JawOpen\nnan\n", "no values"),
        ("JawOpen\n" + "x" * 200_000 + "\n", "cannot be read"),
    ],
)
def test_other_files_are_refused_with_a_sentence(tmp_path, text, said):
    path = tmp_path / "other.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(EngineError, match=said) as caught:
        read_recording(path)
    assert caught.value.remedy


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path):
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff\xfe")
    for name in ("picture.csv", "gone.csv"):
        with pytest.raises(EngineError, match="cannot be read"):
            read_recording(tmp_path / name)


def test_values_beyond_the_slider_end_at_it(tmp_path):
    path = tmp_path / "loud.csv"
    path.write_text("\ufeffjawopen,TONGUEOUT\n1.7,-0.2\n\n0.25,1\n", "utf-8")
    read = read_recording(path)
    assert (read.names, read.values.tolist()) == (("jawOpen", "tongueOut"), [[1.0, 0.0], [0.25, 1.0]])
