"""The 52 ARKit keys of the built head: all there by Apple's names, and each moves what its name says, on the subject's side."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from bundled_result import make_bundled_result
from nextgenface.operators.build_scene import BuildOptions, build_result
from nextgenface.operators.build_shape_keys import SLIDER_PREFIX

pytestmark = pytest.mark.blender

# Blender's axes: the face looks along -y, and the subject's left is +x.
UP, DOWN, FORWARD = (0, 0, 1), (0, 0, -1), (0, -1, 0)
OUT, IN = (1, 0, 0), (-1, 0, 0)
# Heights of the middle of what moves on the mean head, millimetres above a point between the ears.
BROWS, EYES, CHEEKS, NOSE, MOUTH = (30, 50), (8, 30), (-45, 0), (-10, 10), (-65, -30)
# Keys that have a left and a right: place, and which way it goes on the subject's left.
SIDED = {
    "browDown": (BROWS, DOWN), "browOuterUp": (BROWS, UP), "cheekSquint": (CHEEKS, UP), "eyeBlink": (EYES, DOWN),
    "eyeLookDown": (EYES, DOWN), "eyeLookIn": (EYES, IN), "eyeLookOut": (EYES, OUT), "eyeLookUp": (EYES, UP),
    "eyeSquint": (EYES, UP), "eyeWide": (EYES, UP), "mouthDimple": (MOUTH, OUT), "mouthFrown": (MOUTH, DOWN),
    "mouthLowerDown": (MOUTH, DOWN), "mouthPress": (MOUTH, UP), "mouthSmile": (MOUTH, UP),
    "mouthStretch": (MOUTH, OUT), "mouthUpperUp": (MOUTH, UP), "noseSneer": (NOSE, UP),
}  # fmt: skip
MIDDLE = {
    "browInnerUp": (BROWS, UP), "cheekPuff": (CHEEKS, FORWARD), "jawForward": (MOUTH, FORWARD),
    "jawLeft": (MOUTH, OUT), "jawOpen": (MOUTH, DOWN), "jawRight": (MOUTH, IN), "mouthClose": (MOUTH, UP),
    "mouthFunnel": (MOUTH, FORWARD), "mouthLeft": (MOUTH, OUT), "mouthPucker": (MOUTH, FORWARD),
    "mouthRight": (MOUTH, IN), "mouthRollLower": (MOUTH, UP), "mouthRollUpper": (MOUTH, DOWN),
    "mouthShrugLower": (MOUTH, UP), "mouthShrugUpper": (MOUTH, UP), "tongueOut": (MOUTH, FORWARD),
}  # fmt: skip
EXPECTED = MIDDLE | {f"{name}{side}": values for name, values in SIDED.items() for side in ("Left", "Right")}
# What moves the gaze, and what moves with the jaw.
WITH_EYES = {name for name in EXPECTED if name.startswith("eyeLook")}
WITH_JAW = {"jawForward", "jawLeft", "jawOpen", "jawRight"}
AROUND_MOUTH = {name for name in EXPECTED if name.startswith(("jaw", "mouth", "tongue"))}


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """Part -> key -> (places (V, 3), moves (V, 3)), millimetres, in Blender's axes."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    built = build_result(bpy.context.scene, make_bundled_result(tmp_path_factory.mktemp("mean")), BuildOptions())
    parts = {"head": built.head, "eyes": built.eyes, "teeth": built.teeth, "tongue": built.tongue}
    return {part: moves_of(bpy.data.objects[name].data.shape_keys) for part, name in parts.items()}


def moves_of(keys):
    def places(key):
        values = np.empty(3 * len(key.data), np.float32)
        key.data.foreach_get("co", values)
        return values.reshape(-1, 3) * 1000

    basis = places(keys.key_blocks["Basis"])
    return {key.name: (basis, places(key) - basis) for key in keys.key_blocks}


def test_all_52_are_there(moved):
    assert len(EXPECTED) == 52
    names = [name for name in moved["head"] if name in EXPECTED]
    assert len(names) == 52
    others = set(moved["head"]) - set(EXPECTED)
    assert all(name in ("Basis", "Expression photo") or name.startswith(SLIDER_PREFIX) for name in others)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_key_moves_what_its_name_says(moved, name):
    every = [keys[name] for keys in moved.values() if name in keys]
    places, moves = (np.concatenate(arrays) for arrays in zip(*every, strict=True))
    amount = np.linalg.norm(moves, axis=1)
    weights = amount / amount.sum()
    middle, way = weights @ places, weights @ moves
    (low, high), direction = EXPECTED[name]
    assert amount.max() > 2
    assert low < middle[2] < high
    side = {"Left": 1, "Right": -1}.get(name.removeprefix(base_of(name)), 0)
    assert side * middle[0] > 4 if side else abs(middle[0]) < 3
    expected = np.array(direction) * (side or 1, 1, 1)
    assert way @ expected / np.linalg.norm(way) > 0.5


def base_of(name):
    """The name without its side, if it is one of two."""
    return next((base for base in SIDED if name in (f"{base}Left", f"{base}Right")), name)


def test_only_what_it_is_about_moves_eyes_teeth_and_tongue(moved):
    assert {name for name in moved["eyes"] if name in EXPECTED} == WITH_EYES
    assert {name for name in moved["teeth"] if name in EXPECTED} == WITH_JAW | {"mouthFunnel"}
    assert {"tongueOut", *WITH_JAW} <= {name for name in moved["tongue"] if name in EXPECTED} <= AROUND_MOUTH


def test_a_look_turns_only_its_own_eye(moved):
    for name in WITH_EYES:
        places, moves = moved["eyes"][name]
        side = 1 if name.endswith("Left") else -1
        amount = np.linalg.norm(moves, axis=1)
        assert amount[side * places[:, 0] > 0].max() > 2
        assert amount[side * places[:, 0] < 0].max() < 0.01


def test_sliders_have_readable_names_and_go_both_ways(moved):
    keys = bpy.data.objects["Mean Head"].data.shape_keys.key_blocks
    sliders = [key for key in keys if key.name.startswith(SLIDER_PREFIX)]
    names = [key.name.removeprefix(SLIDER_PREFIX) for key in sliders]
    assert {"Nose Width", "Jaw Width", "Chin Height", "Lip Fullness Upper", "Eye Size", "Ear Size"} <= set(names)
    assert all((key.slider_min, key.slider_max, key.value) == (-1, 1, 0) for key in sliders)
    positions = [index for index, key in enumerate(keys) if key in sliders]
    assert positions == list(range(positions[0], len(keys))), "they stand together, behind the expressions"


def test_nothing_pops_when_all_are_at_zero(moved):
    for part in ("Head", "Eyes", "Teeth", "Tongue"):
        instance = bpy.data.objects[f"Mean {part}"]
        for key in bpy.data.objects["Mean Head"].data.shape_keys.key_blocks:
            key.value = 0.0
        bpy.context.view_layer.update()
        mesh = instance.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        seen = np.empty(3 * len(mesh.vertices), np.float32)
        mesh.vertices.foreach_get("co", seen)
        assert np.array_equal(seen.reshape(-1, 3) * 1000, moved[part.lower()]["Basis"][0])
