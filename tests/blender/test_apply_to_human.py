"""The head on a human of MPFB, which here is a mesh with hm08's vertices; MPFB itself is not needed."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from nextgenface.engine.makehuman import base_mesh
from nextgenface.operators.build_scene import BuildOptions, build_result
from nextgenface.operators.built_head import coordinates, source_vertices
from real_head import make_real_result

pytestmark = pytest.mark.blender

COUNT = 19158


@pytest.fixture
def head(add_on, tmp_path):
    built = build_result(add_on, make_real_result(tmp_path / "result"), BuildOptions())
    return bpy.data.objects[built.head]


def make_human(scale=0.1, count=COUNT):
    """A human as MPFB makes it: hm08 in Blender's axes, standing on the ground, with a key that changes its head."""
    base = base_mesh()
    points = np.random.default_rng(0).normal(0.0, 1.0, (COUNT, 3))
    x, y, z = base.vertices.T
    points[base.index] = np.stack([x, -z, y], -1)
    points = (points[:count] * scale + (0, 0, 8.4 * scale)).astype(np.float32)
    mesh = bpy.data.meshes.new("Human")
    mesh.from_pydata(points.tolist(), [], [])
    human = bpy.data.objects.new("Human", mesh)
    bpy.context.scene.collection.objects.link(human)
    human.shape_key_add(name="Basis")
    key = human.shape_key_add(name="$md-ca-fe-yo")
    key.data.foreach_set("co", (points * np.float32(1.07)).ravel())
    key.value = 0.5
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.view_layer.objects.active = human
    human.select_set(True)
    return human


def mixed(human):
    """(N, 3) as the shape keys leave it."""
    bpy.context.view_layer.update()
    mesh = human.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    return coordinates(mesh.vertices)


@pytest.mark.parametrize(("scale", "count"), [(0.1, COUNT), (1.0, COUNT), (0.1, 13380)])
def test_the_human_s_head_becomes_the_fitted_one(head, scale, count):
    human = make_human(scale, count)
    before = mixed(human)
    assert bpy.ops.nextgenface.apply_to_human() == {"FINISHED"}
    assert human.data.shape_keys.key_blocks[head.name].value == 1.0
    base, after = base_mesh(), mixed(human)
    vertices, numbers = source_vertices(head)
    goal = np.zeros((COUNT, 3))
    goal[numbers] = vertices
    rows = base.index[(base.keep == 1.0) & (base.index < count)]
    x, y, z = after[rows].T.astype(np.float64) * (100.0 / scale)
    apart = np.stack([x, z, -y], -1) - goal[rows]
    assert np.abs(apart - apart.mean(0)).max() < 0.01, "moved as a whole, so that the necks meet; otherwise to 0.01 mm"
    rim = base.index[base.keep == 0.0]
    assert np.allclose(after[rim], before[rim], atol=1e-6 * 10 * scale * 10)


def test_a_second_time_replaces_the_first(head):
    human = make_human()
    bpy.ops.nextgenface.apply_to_human()
    first = mixed(human)
    bpy.ops.nextgenface.apply_to_human()
    assert len(human.data.shape_keys.key_blocks) == 3
    assert np.allclose(mixed(human), first, atol=1e-6)


def test_a_human_under_a_rig_is_found(head):
    human = make_human()
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(rig)
    human.parent = rig
    human.select_set(False)
    bpy.context.view_layer.objects.active = rig
    assert bpy.ops.nextgenface.apply_to_human() == {"FINISHED"}
    assert head.name in human.data.shape_keys.key_blocks


@pytest.mark.parametrize("rigged", [False, True])
def test_a_human_is_found_by_its_clothes(head, rigged):
    human = make_human()
    clothes = bpy.data.objects.new("Suit", bpy.data.meshes.new("Suit"))
    bpy.context.scene.collection.objects.link(clothes)
    clothes.parent = human
    if rigged:
        rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
        bpy.context.scene.collection.objects.link(rig)
        human.parent = clothes.parent = rig
    human.select_set(False)
    bpy.context.view_layer.objects.active = clothes
    assert bpy.ops.nextgenface.apply_to_human() == {"FINISHED"}
    assert head.name in human.data.shape_keys.key_blocks


def test_without_a_human_it_says_what_to_do(head):
    assert not bpy.ops.nextgenface.apply_to_human.poll()
    with pytest.raises(RuntimeError, match="Select a human of MPFB"):
        bpy.ops.nextgenface.apply_to_human()


def test_a_mesh_that_only_has_as_many_vertices_is_refused(head):
    human = make_human()
    human.data.shape_keys.key_blocks[0].data.foreach_set(
        "co", np.random.default_rng(1).normal(0, 1, COUNT * 3).astype(np.float32)
    )
    with pytest.raises(RuntimeError, match="not MakeHuman's base mesh"):
        bpy.ops.nextgenface.apply_to_human()
    assert head.name not in human.data.shape_keys.key_blocks


def test_one_undo_takes_it_back(head):
    make_human()
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.nextgenface.apply_to_human("EXEC_DEFAULT", True) == {"FINISHED"}
    bpy.ops.ed.undo()
    assert len(bpy.data.objects["Human"].data.shape_keys.key_blocks) == 2
