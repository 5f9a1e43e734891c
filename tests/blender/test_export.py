"""On to other programs: what the files hold, read back; and that nothing of the person's file changes."""

from __future__ import annotations

import json
import struct

import bpy
import numpy as np
import pytest
from nextgenface.operators import export_files
from nextgenface.operators.arkit import ARKIT_NAMES
from nextgenface.operators.build_scene import BuildOptions, build_result
from nextgenface.operators.built_head import find_head, parts_of, source_vertices
from real_head import DATA, fitted_vertices, make_real_result
from snapshots import snapshot

pytestmark = pytest.mark.blender

ENDINGS = {"export_gltf": ".glb", "export_fbx": ".fbx", "export_metahuman": ".fbx", "export_target": ".target"}


@pytest.fixture
def head(add_on, tmp_path):
    built = build_result(add_on, make_real_result(tmp_path / "result"), BuildOptions())
    return bpy.data.objects[built.head]


def parts_of_glb(path):
    """The JSON and the binary chunk (glTF 2.0, chapter 4.4)."""
    data = path.read_bytes()
    assert data[:4] == b"glTF"
    length = struct.unpack("<I", data[12:16])[0]
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def positions(gltf, binary, number):
    accessor = gltf["accessors"][number]
    view = gltf["bufferViews"][accessor["bufferView"]]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    return np.frombuffer(binary, "<f4", accessor["count"] * 3, start).reshape(-1, 3)


def picture_of(gltf, binary, texture, folder):
    """(H * W, 4) of a texture, as stored."""
    source = gltf["images"][gltf["textures"][texture["index"]]["source"]]
    view = gltf["bufferViews"][source["bufferView"]]
    path = folder / "picture.png"
    path.write_bytes(binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]])
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    pixels = np.array(image.pixels[:]).reshape(-1, 4)
    size = tuple(image.size)
    bpy.data.images.remove(image)
    return pixels, size


def test_gltf_has_the_arkit_keys_and_the_maps(head, tmp_path):
    path = tmp_path / "out" / "face.glb"
    assert bpy.ops.nextgenface.export_gltf(filepath=str(path)) == {"FINISHED"}
    gltf, binary = parts_of_glb(path)
    mesh = next(mesh for mesh in gltf["meshes"] if mesh["name"] == "Face_Head")
    assert sorted(mesh["extras"]["targetNames"]) == sorted(ARKIT_NAMES)
    assert mesh["weights"] == [0] * 52
    eyes = next(mesh for mesh in gltf["meshes"] if mesh["name"] == "Face_Eyes")
    assert set(eyes["extras"]["targetNames"]) < set(ARKIT_NAMES)
    material = gltf["materials"][mesh["primitives"][0]["material"]]
    maps = material["pbrMetallicRoughness"]
    colour, size = picture_of(gltf, binary, maps["baseColorTexture"], tmp_path)
    assert size == (32, 32)
    assert np.allclose(colour[:, :3], (0.6, 0.4, 0.3), atol=0.01)
    rough, _ = picture_of(gltf, binary, maps["metallicRoughnessTexture"], tmp_path)
    assert np.allclose(rough[:, 1], 0.4, atol=0.01)
    specular, _ = picture_of(
        gltf, binary, material["extensions"]["KHR_materials_specular"]["specularTexture"], tmp_path
    )
    assert np.allclose(specular[:, 3], 0.6, atol=0.01), "1 is glTF's usual factor, where Blender's level is 0.5"
    assert "normalTexture" in material
    assert not gltf.get("cameras") and not gltf.get("animations")


def test_the_neutral_head_in_metres_is_the_basis(head, tmp_path):
    head.data.shape_keys.key_blocks["jawOpen"].value = 1.0
    export_files.write_glb(head, tmp_path / "face.glb")
    gltf, binary = parts_of_glb(tmp_path / "face.glb")
    mesh = next(mesh for mesh in gltf["meshes"] if mesh["name"] == "Face_Head")
    written = positions(gltf, binary, mesh["primitives"][0]["attributes"]["POSITION"])
    numbers = np.empty(len(head.data.vertices), np.int32)
    head.data.attributes["original_index"].data.foreach_get("value", numbers)
    vertices, source = source_vertices(head)
    skin = vertices[np.isin(source, numbers)] / 1000.0
    assert np.allclose(written.min(0), skin.min(0), atol=1e-5)
    assert np.allclose(written.max(0), skin.max(0), atol=1e-5)


def test_gltf_comes_back_into_blender(head, tmp_path):
    mouth = head.data.shape_keys.key_blocks["jawOpen"]
    before = np.array([point.co[:] for point in mouth.data]) - [v.co[:] for v in mouth.relative_key.data]
    export_files.write_glb(head, tmp_path / "face.glb")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(tmp_path / "face.glb"))
    keys = bpy.data.objects["Face_Head"].data.shape_keys.key_blocks
    assert {key.name for key in keys[1:]} == set(ARKIT_NAMES)
    assert all((key.value, key.slider_min, key.slider_max) == (0.0, 0.0, 1.0) for key in keys[1:])
    moved = np.array([point.co[:] for point in keys["jawOpen"].data]) - [p.co[:] for p in keys[0].data]
    assert np.isclose(np.abs(moved).max(), np.abs(before).max(), atol=1e-5)


def test_sliders_as_they_stand_are_whose_face_it_is(head):
    plain, numbers = source_vertices(head)
    with np.load(DATA) as data:
        rows = np.searchsorted(data["original_index"], numbers)
    assert np.allclose(plain, fitted_vertices()[rows], atol=1e-4), "mm, and the axes of the model"
    slider = next(key for key in head.data.shape_keys.key_blocks if "nose width" in key.name.lower().replace("_", " "))
    slider.value = 1.0
    wider, _ = source_vertices(head)
    assert np.abs(wider - plain).max() > 1.0
    slider.mute = True
    assert np.allclose(source_vertices(head)[0], plain)
    head.data.shape_keys.key_blocks["mouthSmileLeft"].value = 1.0
    assert np.allclose(source_vertices(head)[0], plain), "an expression is not"


@pytest.mark.parametrize(("keys", "count"), [("ARKIT", 52), ("ALL", 52 + 35 + 1), ("NONE", 0)])
def test_fbx_has_the_keys_that_are_asked_for(head, tmp_path, keys, count):
    path = tmp_path / "face.fbx"
    assert bpy.ops.nextgenface.export_fbx(filepath=str(path), keys=keys) == {"FINISHED"}
    size = [max(corner[axis] for corner in head.bound_box) - min(c[axis] for c in head.bound_box) for axis in range(3)]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(path))
    again = bpy.data.objects["Face_Head"]
    blocks = again.data.shape_keys.key_blocks[1:] if again.data.shape_keys else []
    assert len(blocks) == count
    assert all(key.value == 0.0 for key in blocks)
    assert np.allclose(sorted(again.dimensions), sorted(size), rtol=1e-3), "metres again"
    assert any("Diffuse" in image.name and image.packed_file for image in bpy.data.images), "it came inside the file"


@pytest.mark.parametrize("kind", ["FBX", "OBJ"])
def test_metahuman_gets_one_neutral_mesh_in_centimetres(head, tmp_path, kind):
    path = tmp_path / f"face.{kind.lower()}"
    assert bpy.ops.nextgenface.export_metahuman(filepath=str(path), format=kind) == {"FINISHED"}
    count = sum(len(part.data.vertices) for part in parts_of(head))
    width = max(corner[0] for corner in head.bound_box) - min(corner[0] for corner in head.bound_box)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if kind == "FBX":
        bpy.ops.import_scene.fbx(filepath=str(path))
    else:
        bpy.ops.wm.obj_import(filepath=str(path))
        assert {file.name for file in tmp_path.glob("Face_*.png")} == {
            f"Face_{name}.png" for name in ("Diffuse", "Specular", "Roughness", "Normals")
        }
    (again,) = [item for item in bpy.data.objects if item.type == "MESH"]
    assert again.data.shape_keys is None
    assert len(again.data.vertices) == count
    assert len(again.data.materials) == 1
    assert len(again.data.uv_layers) >= 1
    # FBX says that it is in centimetres, so Blender makes metres of it; an OBJ's numbers are taken as they are.
    assert np.isclose(again.dimensions.x, width * (1.0 if kind == "FBX" else 100.0), rtol=1e-3)


@pytest.mark.parametrize("name", ENDINGS)
def test_the_file_stays_as_it_was(add_on, head, tmp_path, name):
    bpy.context.view_layer.objects.active = bpy.data.objects["Mine"]
    bpy.data.objects["Mine"].select_set(True)
    before, addons = snapshot(add_on), set(bpy.context.preferences.addons.keys())
    assert getattr(bpy.ops.nextgenface, name)(filepath=str(tmp_path / f"face{ENDINGS[name]}")) == {"FINISHED"}
    assert snapshot(add_on) == before
    assert [scene.name for scene in bpy.data.scenes] == ["Scene"]
    assert bpy.context.scene == add_on
    assert set(bpy.context.preferences.addons.keys()) == addons
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ENDINGS)
def test_the_window_shows_the_scene_and_layer_that_it_showed(head, tmp_path, name):
    own = bpy.context.scene
    for other in ("A", "Z"):
        bpy.data.scenes.new(other)
    layer = own.view_layers.new("Second")
    bpy.context.window.view_layer = layer
    assert getattr(bpy.ops.nextgenface, name)(filepath=str(tmp_path / f"face{ENDINGS[name]}")) == {"FINISHED"}
    assert bpy.context.window.scene == own
    assert bpy.context.window.view_layer == layer
    assert bpy.context.scene == own


@pytest.mark.parametrize("name", ENDINGS)
def test_edit_mode_stays(add_on, head, tmp_path, name):
    path = tmp_path / f"face{ENDINGS[name]}"
    plain, _ = source_vertices(head)
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        bpy.ops.mesh.select_all(action="SELECT")
        bpy.ops.transform.translate(value=(0.5, 0.0, 0.0))
        before = snapshot(add_on)
        assert getattr(bpy.ops.nextgenface, name)(filepath=str(path)) == {"FINISHED"}
        assert bpy.context.mode == "EDIT_MESH"
        assert snapshot(add_on) == before
        moved, _ = source_vertices(head)
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
    assert path.is_file()
    count = len(head.data.vertices)
    assert np.allclose(moved[:count] - plain[:count], (500.0, 0.0, 0.0), atol=0.01), "what was edited counts"


def test_an_add_on_that_was_off_is_off_again(head, tmp_path):
    bpy.ops.preferences.addon_disable(module="io_scene_fbx")
    export_files.write_fbx(head, tmp_path / "face.fbx")
    assert (tmp_path / "face.fbx").is_file()
    assert "io_scene_fbx" not in bpy.context.preferences.addons
    assert not hasattr(bpy.types, "EXPORT_SCENE_OT_fbx")


def test_an_export_that_fails_keeps_the_older_file(add_on, head, tmp_path, monkeypatch):
    path = tmp_path / "face.fbx"
    path.write_bytes(b"an older face")
    before = snapshot(add_on)

    def broken(place):
        place.write_bytes(b"half")
        raise RuntimeError("Error: on purpose")

    monkeypatch.setattr(export_files, "_fbx", broken)
    with pytest.raises(RuntimeError, match="on purpose"):
        bpy.ops.nextgenface.export_fbx(filepath=str(path))
    assert path.read_bytes() == b"an older face"
    assert snapshot(add_on) == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_place_that_cannot_be_written_is_told(head, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.nextgenface.export_gltf(filepath=str(tmp_path / "file" / "face.glb"))


def test_the_head_that_is_meant_is_found(add_on, head, tmp_path):
    view = bpy.context.view_layer
    view.objects.active = bpy.data.objects["Mine"]
    assert find_head(bpy.context) == head, "there is only one"
    second = build_result(add_on, make_real_result(tmp_path / "second"), BuildOptions())
    assert find_head(bpy.context).name == second.head, "the active one"
    view.objects.active = parts_of(head)[1]
    assert find_head(bpy.context) == head, "its eyes stand for it"
    view.objects.active = bpy.data.objects[second.camera]
    bpy.ops.object.select_all(action="DESELECT")
    assert find_head(bpy.context).name == second.head, "so does its camera"
    view.objects.active = bpy.data.objects["Mine"]
    assert find_head(bpy.context) is None
    assert not bpy.ops.nextgenface.export_gltf.poll()
