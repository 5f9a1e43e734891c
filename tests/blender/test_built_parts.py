"""The objects of a built head, their materials, and that subsurface and subdivision keep the photo's look."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from bundled_result import head_arrays, make_bundled_result
from mathutils import Vector
from nextgenface.operators.build_scene import BuildOptions, build_result
from nextgenface.operators.picture_files import read_picture

pytestmark = pytest.mark.blender

# Share of the mean signal by which the mean colour of the skin may change when light goes through it.
SUBSURFACE_TOLERANCE = 0.03
# The same for a rounder silhouette; and for how far single pixels may be apart on average, sRGB.
SUBDIVISION_TOLERANCE, PIXEL_TOLERANCE = 0.01, 0.01


@pytest.fixture
def built(scene, tmp_path):
    return build_result(scene, make_bundled_result(tmp_path / "mean"), BuildOptions())


def test_eyes_teeth_and_tongue_are_objects_that_hang_on_the_head(built):
    head = bpy.data.objects[built.head]
    assert [built.eyes, built.teeth, built.tongue] == ["Mean Eyes", "Mean Teeth", "Mean Tongue"]
    assert {child.name for child in head.children} == {built.eyes, built.teeth, built.tongue, built.camera}
    assert np.allclose(np.array(head.matrix_world), np.eye(4)), "upright at the origin"
    materials = [
        bpy.data.objects[f"Mean {part}"].data.materials[0].name for part in ("Head", "Eyes", "Teeth", "Tongue")
    ]
    assert materials == ["Mean Skin", "Mean Eyes", "Mean Teeth", "Mean Skin"]


def test_the_parts_together_are_the_whole_head_but_lashes(built):
    arrays = head_arrays()
    indices = []
    for name in (built.head, built.eyes, built.teeth, built.tongue):
        mesh = bpy.data.objects[name].data
        index = np.empty(len(mesh.vertices), np.int32)
        mesh.attributes["original_index"].data.foreach_get("value", index)
        indices.append(index)
    together = np.concatenate(indices)
    assert len(together) == len(np.unique(together)), "no vertex is in two parts"
    used = np.unique(arrays["quads"][arrays["quads"] >= 0])
    assert set(together) == set(arrays["original_index"][used])


@pytest.mark.parametrize("part", ["teeth", "tongue"])
def test_teeth_and_tongue_follow_the_jaw(built, part):
    instance = bpy.data.objects[getattr(built, part)]
    key = instance.data.shape_keys.key_blocks["jawOpen"]
    expected = np.empty(3 * len(key.data), np.float32)
    key.data.foreach_get("co", expected)
    keys = bpy.data.objects[built.head].data.shape_keys
    keys.key_blocks["Expression photo"].value, keys.key_blocks["jawOpen"].value = 0.0, 1.0
    bpy.context.view_layer.update()
    mesh = instance.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    seen = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", seen)
    assert np.allclose(seen, expected, atol=1e-6)


def test_teeth_and_eyes_can_be_left_out(scene, tmp_path):
    options = BuildOptions(eyes=False, teeth=False, subdivision=False)
    built = build_result(scene, make_bundled_result(tmp_path / "mean"), options)
    names = [item.name for item in bpy.data.collections[built.collection].objects]
    assert names == ["Mean Head", "Mean Camera"]
    assert not bpy.data.objects[built.head].modifiers


def test_the_head_is_subdivided_in_renders_only(built):
    for name in (built.head, built.tongue):
        fullness, modifier = bpy.data.objects[name].modifiers
        assert (fullness.type, fullness.show_viewport, fullness.show_render) == ("SMOOTH", False, True)
        assert (modifier.type, modifier.show_viewport, modifier.show_render) == ("SUBSURF", False, True)
        assert modifier.uv_smooth == "PRESERVE_BOUNDARIES"
    for name in (built.eyes, built.teeth):
        assert not bpy.data.objects[name].modifiers


def test_nodes_are_named_framed_and_do_not_overlap(built):
    for name in ("Mean Skin", "Mean Eyes", "Mean Teeth"):
        tree = bpy.data.materials[name].node_tree
        frames = [node.label for node in tree.nodes if node.type == "FRAME"]
        assert frames == [f"{name.split()[1]} Shader", "Face Maps"]
        nodes = [node for node in tree.nodes if node.type != "FRAME"]
        assert all(node.parent is not None for node in nodes)
        assert {"Diffuse", "Specular", "Roughness", "Normals", "Normal Map", "Face UV"} <= {node.name for node in nodes}
        places = [tuple(node.location) for node in nodes]
        for a, b in ((a, b) for a in places for b in places if a is not b):
            assert abs(a[0] - b[0]) >= 230 or abs(a[1] - b[1]) >= 230, (name, a, b)


# --- what is rendered ---------------------------------------------------------------------------------------------------


def skin_render(scene, path, samples=48):
    """(N, 3) linear values of the pixels that the head fills, of a small Cycles render."""
    render, cycles = scene.render, scene.cycles
    render.engine, render.film_transparent = "CYCLES", True
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
    render.image_settings.color_depth = "16"
    render.filepath = str(path)
    cycles.device, cycles.samples, cycles.use_denoising, cycles.seed = "CPU", samples, False, 0
    bpy.ops.render.render(write_still=True)
    return read_picture(path)


def mean_light(picture, inside):
    values = picture[inside][:, :3]
    return np.where(values < 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).mean(0)


def test_subsurface_keeps_the_mean_colour_and_subdivision_the_picture(scene, tmp_path):
    path = make_bundled_result(tmp_path / "mean", texture=64)
    built = build_result(scene, path, BuildOptions(subdivision=False))
    # Light that is the same all over, so that there is little noise.
    world = scene.world.node_tree
    world.links.remove(world.nodes["Background"].inputs["Color"].links[0])
    world.nodes["Background"].inputs["Color"].default_value = (0.6, 0.6, 0.6, 1.0)
    plain = skin_render(scene, tmp_path / "plain.png")
    inside = plain[..., 3] > 0.99
    assert 2000 < inside.sum() < 10000
    shader = bpy.data.materials["Mean Skin"].node_tree.nodes["Skin"]
    shader.inputs["Subsurface Weight"].default_value = 1.0
    through = skin_render(scene, tmp_path / "through.png", 128)
    change = mean_light(through, inside) / mean_light(plain, inside) - 1
    assert np.abs(change).max() < SUBSURFACE_TOLERANCE, change
    assert np.abs(through - plain)[inside].max() > 0.01, "something goes through"
    shader.inputs["Subsurface Weight"].default_value = 0.0
    modifier = bpy.data.objects[built.head].modifiers.new("Subdivision", "SUBSURF")
    modifier.levels = modifier.render_levels = 2
    round_one = skin_render(scene, tmp_path / "round.png")
    both = inside & (round_one[..., 3] > 0.99)
    assert both.sum() > 0.98 * inside.sum()
    assert np.abs(mean_light(round_one, both) / mean_light(plain, both) - 1).max() < SUBDIVISION_TOLERANCE
    assert np.abs(round_one - plain)[both].mean() < PIXEL_TOLERANCE


def test_the_light_turns_counter_clockwise_seen_from_above(scene, tmp_path):
    """A spot of light before the face, at -y, stands at its left, +x, after a quarter turn, and is back after none."""
    from test_camera_and_light import look, rendered

    path = make_bundled_result(tmp_path / "mean")
    build_result(scene, path, BuildOptions())
    picture = next(node.image for node in scene.world.node_tree.nodes if node.type == "TEX_ENVIRONMENT")
    width, height = picture.size
    pixels = np.zeros((height, width, 4), np.float32)
    pixels[height // 2 - 1 : height // 2 + 1, 3 * width // 4 - 1 : 3 * width // 4 + 1] = 1.0
    picture.pixels.foreach_set(pixels.ravel())
    scene.world.cycles.sampling_method = "NONE"

    def light_from(direction):
        look(scene, Vector(direction))
        return rendered(scene, tmp_path / "sky.png")[24:40, 24:40, 0].mean()

    import nextgenface

    nextgenface.register()
    try:
        front, quarter = (0, -1, 0), (1, 0, 0)
        assert light_from(front) > 0.3
        scene.world.nextgenface.angle = np.pi / 2
        assert light_from(quarter) > 0.3
        assert light_from(front) < 0.1
        scene.world.nextgenface.angle = 0.0
        assert light_from(front) > 0.3
    finally:
        nextgenface.unregister()
