"""What is built of a result: meshes, keys, materials, world; whole or not at all."""

from __future__ import annotations

import json
import shutil

import bpy
import numpy as np
import pytest
from nextgenface.engine.errors import EngineError
from nextgenface.operators import build_scene
from nextgenface.operators.build_scene import BuildOptions, build_result
from small_result import head_arrays, make_result, photo_result
from snapshots import snapshot

pytestmark = pytest.mark.blender


@pytest.fixture
def built(scene, tmp_path):
    return build_result(scene, make_result(tmp_path / "result"), BuildOptions())


def coordinates(instance):
    """(V, 3) of the mesh as it is drawn: keys and drivers evaluated."""
    bpy.context.view_layer.update()
    mesh = instance.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    values = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", values)
    return values.reshape(-1, 3)


def blender_axes(points):
    """Metres and Blender's axes, written out again here on purpose."""
    return np.array([[x, -z, y] for x, y, z in points], np.float32) / 1000


def test_all_is_in_one_collection(scene, built):
    collection = bpy.data.collections[built.collection]
    assert list(scene.collection.children) == [collection]
    assert {item.name for item in collection.all_objects} == {built.head, built.eyes, built.camera}
    assert bpy.data.objects[built.eyes].parent == bpy.data.objects[built.head]
    assert scene.camera == bpy.data.objects[built.camera]
    assert scene.world == bpy.data.worlds[built.world]
    assert bpy.context.view_layer.objects.active.name == built.head


def test_vertices_and_quads_keep_their_order(built):
    arrays, mesh = head_arrays(), bpy.data.objects[built.head].data
    basis = np.empty(24, np.float32)
    mesh.shape_keys.key_blocks["Basis"].data.foreach_get("co", basis)
    assert np.allclose(basis.reshape(-1, 3), blender_axes(arrays["vertices"][8:16]), atol=1e-7)
    assert [list(face.vertices) for face in mesh.polygons] == (arrays["quads"][6:12] - 8).tolist()
    index = np.empty(8, np.int32)
    mesh.attributes["original_index"].data.foreach_get("value", index)
    assert index.tolist() == arrays["original_index"][8:16].tolist()
    assert len(mesh.edges) == 12
    assert all(face.use_smooth for face in mesh.polygons)


def test_faces_look_outwards(built):
    for name in (built.head, built.eyes):
        for face in bpy.data.objects[name].data.polygons:
            centre = np.array(face.center)
            if name == built.eyes:
                centre -= blender_axes([(32 if centre[0] > 0 else -32, 20, 85)])[0]
            assert np.dot(face.normal, centre) > 0


def test_uv_maps(built):
    arrays, mesh = head_arrays(), bpy.data.objects[built.head].data
    assert [layer.name for layer in mesh.uv_layers] == ["Face", "Original"]
    assert mesh.uv_layers.active.name == "Face"
    assert [layer.active_render for layer in mesh.uv_layers] == [True, False]
    for name, key in (("Face", "uv_face"), ("Original", "uv_original")):
        values = np.empty(48, np.float32)
        mesh.uv_layers[name].uv.foreach_get("vector", values)
        assert np.allclose(values.reshape(-1, 4, 2), arrays[key][6:12])


def test_a_triangle_is_marked_by_a_missing_corner(scene, tmp_path):
    path = make_result(tmp_path)
    arrays = head_arrays()
    arrays["quads"][7, 3] = -1
    np.savez(tmp_path / "head.npz", **arrays)
    mesh = bpy.data.objects[build_result(scene, path, BuildOptions()).head].data
    assert [len(face.vertices) for face in mesh.polygons] == [4, 3, 4, 4, 4, 4]
    values = np.empty(46, np.float32)
    mesh.uv_layers["Face"].uv.foreach_get("vector", values)
    kept = np.delete(arrays["uv_face"][6:12].reshape(-1, 2), 7, 0)
    assert np.allclose(values.reshape(-1, 2), kept)


def test_the_head_matches_the_photo_at_first(built):
    arrays = head_arrays()
    expected = arrays["vertices"] + 0.5 * arrays["expression_deltas"][0] + 0.25 * arrays["expression_deltas"][1]
    assert np.allclose(coordinates(bpy.data.objects[built.head]), blender_axes(expected[8:16]), atol=1e-6)
    eyes = np.concatenate([expected[:8], expected[16:]])
    assert np.allclose(coordinates(bpy.data.objects[built.eyes]), blender_axes(eyes), atol=1e-6)


def test_keys_have_names_and_ranges(built):
    keys = bpy.data.objects[built.head].data.shape_keys.key_blocks
    values = {key.name: (key.slider_min, key.slider_max, key.value) for key in keys if key.name != "Basis"}
    assert values == {
        "Expression photo": (0, 1, 1), "jawOpen": (0, 1, 0), "eyeLookDownLeft": (0, 1, 0),
        "mouthPucker": (0, 1, 0), "Shape: Nose Width": (-1, 1, 0),
    }  # fmt: skip
    assert len(keys) == built.shape_keys


def test_eyes_have_only_their_keys_and_follow_the_head(built):
    head, eyes = bpy.data.objects[built.head], bpy.data.objects[built.eyes]
    assert [key.name for key in eyes.data.shape_keys.key_blocks] == ["Basis", "Expression photo", "eyeLookDownLeft"]
    before = coordinates(eyes)
    head.data.shape_keys.key_blocks["eyeLookDownLeft"].value = 1.0
    head.data.shape_keys.update_tag()
    moved = coordinates(eyes) - before
    assert np.allclose(moved[:8], [0, 0, -0.002], atol=1e-6)
    assert np.allclose(moved[8:], 0, atol=1e-7)


def test_only_the_first_photos_expression_is_on(scene, tmp_path):
    photos = [photo_result(photo="a.png"), photo_result(photo="b.png", expression={"mouthPucker": 1.0})]
    keys = bpy.data.objects[build_result(scene, make_result(tmp_path, photos), BuildOptions()).head].data.shape_keys
    assert (keys.key_blocks["Expression a"].value, keys.key_blocks["Expression b"].value) == (1, 0)
    assert sum(item.type == "CAMERA" for item in scene.objects) == 2


def test_each_photo_has_its_camera_with_its_picture_and_its_world(scene, tmp_path):
    photos = [
        photo_result(photo="a.png"),
        photo_result(48, 96, photo="b.png", translation=[0.0, 0.0, -900.0]),
        photo_result(photo="c.png", light=""),
    ]
    built = build_result(scene, make_result(tmp_path, photos), BuildOptions())
    cameras = [item for item in bpy.data.collections[built.collection].objects if item.type == "CAMERA"]
    assert [camera.name for camera in cameras] == ["Face Camera", "Face Camera 2", "Face Camera 3"]
    assert scene.camera == cameras[0]
    shown = [camera.data.background_images[0].image for camera in cameras]
    assert [image.name for image in shown] == ["Face Photo", "Face Photo 2", "Face Photo 3"]
    assert [tuple(image.size) for image in shown] == [(64, 48), (48, 96), (64, 48)]
    assert cameras[1].matrix_world.translation.length == pytest.approx(0.9, abs=1e-5)
    assert (scene.render.resolution_x, scene.render.resolution_y) == (64, 48)
    assert scene.world.name == built.world == "Face Light"
    assert bpy.data.worlds["Face Light 2"].use_fake_user, "it would be lost when the file is saved"
    assert "Face Light 3" not in bpy.data.worlds
    assert sum(item.type == "MESH" for item in bpy.data.collections[built.collection].objects) == 2


def test_the_skin_is_a_principled_bsdf_with_the_right_colour_spaces(built):
    material = bpy.data.objects[built.head].data.materials[0]
    eyes = bpy.data.objects[built.eyes].data.materials[0]
    assert eyes != material
    images = [[node.image for node in each.node_tree.nodes if node.type == "TEX_IMAGE"] for each in (material, eyes)]
    assert images[0] == images[1], "the maps are in the file once"
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    assert shader.inputs["IOR"].default_value == 1.5
    assert shader.inputs["Subsurface Weight"].default_value == 0
    spaces = {}
    for socket in ("Base Color", "Specular IOR Level", "Roughness"):
        texture = shader.inputs[socket].links[0].from_node
        spaces[socket] = texture.image.colorspace_settings.name
        assert texture.inputs["Vector"].links[0].from_node.uv_map == "Face"
    assert spaces == {"Base Color": "sRGB", "Specular IOR Level": "Non-Color", "Roughness": "Non-Color"}


def test_normals_go_through_a_normal_map_node_of_the_faces_uvs(built):
    material = bpy.data.objects[built.head].data.materials[0]
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    node = shader.inputs["Normal"].links[0].from_node
    assert (node.type, node.space, node.uv_map) == ("NORMAL_MAP", "TANGENT", "Face")
    assert node.inputs["Strength"].default_value == 1
    texture = node.inputs["Color"].links[0].from_node
    assert texture.image.colorspace_settings.name == "Non-Color"
    assert texture.inputs["Vector"].links[0].from_node.uv_map == "Face"


def test_a_result_without_normals_builds_as_before(scene, tmp_path):
    path = make_result(tmp_path)
    values = json.loads(path.read_text())
    del values["normal"]
    path.write_text(json.dumps(values))
    material = bpy.data.objects[build_result(scene, path, BuildOptions()).head].data.materials[0]
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    assert not shader.inputs["Normal"].links
    assert all(node.type != "NORMAL_MAP" for node in material.node_tree.nodes)


def test_light_and_view(scene, built):
    background = next(node for node in scene.world.node_tree.nodes if node.type == "BACKGROUND")
    environment = background.inputs["Color"].links[0].from_node
    assert background.inputs["Strength"].default_value == 1
    assert environment.image.colorspace_settings.name == "Linear Rec.709"
    assert environment.projection == "EQUIRECTANGULAR"
    assert not environment.inputs["Vector"].links
    view = scene.view_settings
    assert (view.view_transform, view.look, view.exposure, view.gamma) == ("Standard", "None", 0, 1)


def test_parts_can_be_left_out(scene, tmp_path):
    world = scene.world
    nothing = BuildOptions(camera=False, light=False, eyes=False, shape_keys=False)
    built = build_result(scene, make_result(tmp_path), nothing)
    assert [item.name for item in bpy.data.collections[built.collection].objects] == [built.head]
    assert scene.world == world
    assert scene.camera is None
    assert bpy.data.objects[built.head].data.shape_keys is None


def test_a_second_run_breaks_nothing(scene, tmp_path):
    path = make_result(tmp_path)
    first, second = (build_result(scene, path, BuildOptions()) for _ in range(2))
    assert len({first.collection, second.collection}) == 2
    heads = [bpy.data.objects[item.head] for item in (first, second)]
    assert heads[0].data != heads[1].data
    assert heads[0].data.materials[0] != heads[1].data.materials[0]
    assert heads[1].data.materials[0].name == f"{second.collection} Skin"
    assert scene.camera.name == second.camera


def test_packed_images_survive_saving_and_the_loss_of_the_files(scene, tmp_path):
    built = build_result(scene, make_result(tmp_path / "result"), BuildOptions())
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "face.blend"))
    shutil.rmtree(tmp_path / "result")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "face.blend"))
    images = [image for image in bpy.data.images if image.name.startswith(built.collection)]
    assert len(images) == 6
    assert all(image.packed_file and image.size[0] and len(image.pixels) for image in images)
    diffuse = next(image for image in images if "Diffuse" in image.name)
    assert np.allclose(diffuse.pixels[:3], (0.6, 0.4, 0.3), atol=1 / 255)


def test_images_can_live_beside_the_blend(scene, tmp_path):
    blend = tmp_path / "scenes" / "face.blend"
    blend.parent.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    path = make_result(tmp_path / "result")
    for expected in ("Face textures", "Face.001 textures"):
        built = build_result(scene, path, BuildOptions(pack_images=False))
        images = [image for image in bpy.data.images if image.name.startswith(f"{built.collection} ")]
        assert {image.filepath.split("/")[2] for image in images} == {expected}
        assert all(image.filepath.startswith("//") and not image.packed_file for image in images)
    shutil.rmtree(tmp_path / "result")
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    assert all(image.size[0] for image in bpy.data.images if image.name.startswith("Face"))


def break_at(monkeypatch, function):
    def broken(*_args, **_kwargs):
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(build_scene, function, broken)


@pytest.mark.parametrize(
    "function", ["build_materials", "add_shape_keys", "parent_to", "build_camera", "_select_only", "remember"]
)
def test_a_build_that_breaks_leaves_everything_as_it_was(scene, tmp_path, monkeypatch, function):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "face.blend"))
    path, before = make_result(tmp_path / "result"), snapshot(scene)
    files = sorted(tmp_path.iterdir())
    break_at(monkeypatch, function)
    with pytest.raises(RuntimeError, match="on purpose"):
        build_result(scene, path, BuildOptions(pack_images=False))
    assert snapshot(scene) == before
    assert sorted(tmp_path.iterdir()) == files


@pytest.mark.parametrize("file", ["head.npz", "diffuseMap_0.png", "envMap_0.exr", "photo.png", "result.json"])
@pytest.mark.parametrize("damage", ["gone", "text"])
def test_a_damaged_result_is_told_and_changes_nothing(scene, tmp_path, file, damage):
    path, before = make_result(tmp_path), snapshot(scene)
    if damage == "gone":
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text("this is no such file", encoding="utf-8")
    with pytest.raises(EngineError) as caught:
        build_result(scene, path, BuildOptions())
    assert caught.value.message
    assert caught.value.remedy
    assert snapshot(scene) == before


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("quads", lambda array: array + 20),
        ("vertices", lambda array: array[:-1]),
        ("vertices", lambda array: array * np.nan),
        ("expression_deltas", lambda array: array[:2]),
    ],
)
def test_arrays_that_do_not_fit_are_told(scene, tmp_path, name, change):
    path, before = make_result(tmp_path), snapshot(scene)
    arrays = head_arrays()
    np.savez(tmp_path / "head.npz", **(arrays | {name: change(arrays[name])}))
    with pytest.raises(EngineError):
        build_result(scene, path, BuildOptions())
    assert snapshot(scene) == before
