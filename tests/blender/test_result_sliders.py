"""Expressions and the shape of a built head: buttons that set many keys, and the panel with their sliders."""

from __future__ import annotations

import bpy
import pytest
from drawing import drawn
from nextgenface.operators.arkit import ARKIT_NAMES
from nextgenface.operators.build_scene import BuildOptions, build_result
from nextgenface.operators.people import part_of
from nextgenface.panels.result_sliders import NEXTGENFACE_PT_sliders, expression_groups, shape_groups, slider_label
from real_head import make_real_result

pytestmark = pytest.mark.blender


@pytest.fixture
def person(add_on, tmp_path):
    build_result(add_on, make_real_result(tmp_path / "result"), BuildOptions())
    return bpy.data.collections["Face"]


@pytest.fixture
def keys(person):
    return part_of(person, "head").data.shape_keys.key_blocks


@pytest.fixture
def tweaked(keys):
    for name in ("jawOpen", "Shape: Nose Width"):
        keys[name].value = 0.5
    return keys


def values(keys):
    return {key.name: key.value for key in keys[1:] if key.value}


def test_neutral_takes_all_expressions_off_and_leaves_the_shape(tweaked):
    assert bpy.ops.nextgenface.neutral_expression(person="Face") == {"FINISHED"}
    assert values(tweaked) == {"Shape: Nose Width": 0.5}


def test_as_in_photo_brings_the_photo_s_back_alone(tweaked):
    photo = next(key.name for key in tweaked if key.name.startswith("Expression "))
    bpy.ops.nextgenface.neutral_expression(person="Face")
    tweaked["jawOpen"].value = 0.7
    assert bpy.ops.nextgenface.photo_expression(person="Face") == {"FINISHED"}
    assert values(tweaked) == {photo: 1.0, "Shape: Nose Width": 0.5}


def test_reset_shape_leaves_the_expression(tweaked):
    assert bpy.ops.nextgenface.reset_shape(person="Face") == {"FINISHED"}
    assert "Shape: Nose Width" not in values(tweaked) and values(tweaked)["jawOpen"] == 0.5


def test_eyes_and_teeth_follow(person, tweaked):
    teeth = part_of(person, "teeth").data.shape_keys.key_blocks
    bpy.context.view_layer.update()
    assert teeth["jawOpen"].value == pytest.approx(0.5)
    bpy.ops.nextgenface.neutral_expression(person="Face")
    bpy.context.view_layer.update()
    assert teeth["jawOpen"].value == 0.0


def test_one_undo_takes_it_back(person, tweaked):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.nextgenface.neutral_expression("EXEC_DEFAULT", True, person="Face")
    bpy.ops.ed.undo()
    keys = part_of(bpy.data.collections["Face"], "head").data.shape_keys.key_blocks
    assert keys["jawOpen"].value == 0.5


def test_a_head_without_keys_is_left_alone(add_on, tmp_path):
    build_result(add_on, make_real_result(tmp_path / "result"), BuildOptions(shape_keys=False))
    for operator in ("neutral_expression", "photo_expression", "reset_shape"):
        assert getattr(bpy.ops.nextgenface, operator)(person="Face") == {"FINISHED"}
    assert drawn(NEXTGENFACE_PT_sliders) == ["Shape keys were not built"]


def test_every_key_has_a_slider_in_a_group_of_its_own(keys):
    expressions, shapes = expression_groups(keys), shape_groups(keys)
    assert sorted(key.name for group in expressions.values() for key in group) == sorted(ARKIT_NAMES)
    sliders = [key.name for key in keys if key.name.startswith("Shape: ")]
    assert sorted(key.name for group in shapes.values() for key in group) == sorted(sliders)
    assert "Others" not in (*expressions, *shapes)
    assert [slider_label(key) for key in shapes["Nose"]][:2] == ["Nose Width", "Nose Length"]


def test_the_panel_is_short_until_a_group_is_opened(keys):
    closed, opened = drawn(NEXTGENFACE_PT_sliders), drawn(NEXTGENFACE_PT_sliders, opened=True)
    assert {"Neutral", "As in Photo", "Reset Shape", "Mouth", "Ears and Neck"} <= set(closed)
    assert 4 * len(closed) < len(opened)
    assert {"jawOpen", "Nose Width"} <= set(opened) and "jawOpen" not in closed


def test_without_a_person_there_is_no_panel(add_on):
    assert drawn(NEXTGENFACE_PT_sliders) is None
