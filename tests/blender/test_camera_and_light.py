"""The camera projects as the engine's does, and the world shines from where the engine's light does."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from nextgenface.engine.scene.camera import Camera
from nextgenface.operators.build_scene import BuildOptions, build_result
from small_result import make_result, photo_result, save_picture

pytestmark = pytest.mark.blender

FORMATS = {
    "landscape": {"width": 96, "height": 64},
    "portrait": {"width": 64, "height": 96},
    "square": {"width": 80, "height": 80},
    "far off centre": {"width": 64, "height": 96, "cx": -20.0, "cy": 150.0},
    "large": {"width": 1999, "height": 1501, "focal_px": 6000.0, "cx": 1100.5, "cy": 700.25},
}
POINTS = np.array([[0, 0, 0], [70, 0, 40], [-70, 30, 20], [10, 110, 60], [-5, -120, 90], [33, 25, 95]], np.float64)


def rotation(x, y, z):
    """Turns about the axes, one after the other."""

    def turn(angle, a, b):
        matrix = np.eye(3)
        matrix[[a, b], [a, b]] = np.cos(angle)
        matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
        return matrix

    return turn(x, 1, 2) @ turn(y, 2, 0) @ turn(z, 0, 1)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("angles", [(0, 0, 0), (0.2, -0.7, 0.1), (-0.4, 0.5, -0.3)])
def test_blender_projects_like_the_engine(scene, tmp_path, name, angles):
    photo = photo_result(rotation=rotation(*angles).tolist(), **FORMATS[name])
    built = build_result(scene, make_result(tmp_path, [photo]), BuildOptions())
    bpy.context.view_layer.update()
    camera = Camera(
        photo.width, photo.height, photo.focal_px, photo.cx, photo.cy,
        np.array(photo.rotation), np.array(photo.translation),
    )  # fmt: skip
    for point, expected in zip(POINTS, camera.project(POINTS), strict=True):
        place = Vector((point[0], -point[2], point[1])) / 1000
        u, v, depth = world_to_camera_view(scene, bpy.data.objects[built.camera], place)
        assert np.allclose([u * photo.width, (1 - v) * photo.height], expected, atol=0.01)
        assert depth == pytest.approx(-camera.to_camera(point)[2] / 1000, rel=1e-5)


def test_render_size_and_background(scene, tmp_path):
    scene.render.resolution_percentage, scene.render.pixel_aspect_x = 50, 2
    built = build_result(scene, make_result(tmp_path, [photo_result(64, 96)]), BuildOptions())
    render, data = scene.render, bpy.data.objects[built.camera].data
    assert (render.resolution_x, render.resolution_y, render.resolution_percentage) == (64, 96, 100)
    assert (render.pixel_aspect_x, render.pixel_aspect_y) == (1, 1)
    assert data.show_background_images
    (background,) = data.background_images
    assert (background.image.size[:], background.frame_method, background.alpha) == ((64, 96), "FIT", 1)
    assert data.sensor_fit == "VERTICAL"


def test_the_camera_sees_what_it_should(scene, tmp_path):
    """A render, because a projection can be right and the picture mirrored all the same."""
    photo = photo_result(rotation=np.eye(3).tolist(), cx=40.0, cy=20.0)
    build_result(scene, make_result(tmp_path, [photo]), BuildOptions(light=False))
    scene.world.color = (0, 0, 0)
    red = glowing_box((0.06, -0.10, 0.08), (1, 0, 0))
    scene.collection.objects.link(red)
    picture = rendered(scene, tmp_path / "seen.png")
    rows, columns = np.nonzero(picture[..., 0] > 0.5)
    camera = Camera(64, 48, photo.focal_px, 40.0, 20.0, np.eye(3), np.array(photo.translation))
    expected = camera.project(np.array([60.0, 80.0, 100.0]))
    assert np.allclose([columns.mean() + 0.5, rows.mean() + 0.5], expected, atol=1.0)


@pytest.mark.parametrize(("row", "column"), [(2, 5), (5, 20), (8, 12), (4, 28), (11, 2)])
def test_the_world_shines_from_where_the_light_image_says(scene, tmp_path, row, column):
    height = 16
    light = np.zeros((height, 2 * height, 3), np.float32)
    light[row, column] = 1.0
    path = make_result(tmp_path)
    save_picture(tmp_path / "envMap_0.exr", light, "OPEN_EXR")
    build_result(scene, path, BuildOptions())
    elevation = np.pi * (0.5 - (row + 0.5) / height)
    azimuth = -2 * np.pi * ((column + 0.5) / (2 * height) - 0.5)
    x, y, z = np.cos(elevation) * np.cos(azimuth), np.sin(elevation), -np.cos(elevation) * np.sin(azimuth)
    look(scene, Vector((x, -z, y)))
    picture = rendered(scene, tmp_path / "sky.png")[..., 0]
    assert picture[24:40, 24:40].mean() > 0.3, "the lit pixel is not in the middle"
    assert picture[24:40, 24:40].mean() > 4 * picture.mean()


def look(scene, direction):
    """Look out from the world's origin along ``direction``, with nothing in between."""
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    data = bpy.data.cameras.new("look")
    data.angle = np.radians(45)
    camera = bpy.data.objects.new("look", data)
    camera.rotation_mode = "QUATERNION"
    camera.rotation_quaternion = direction.to_track_quat("-Z", "Y")
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.resolution_x = scene.render.resolution_y = 64


def glowing_box(place, colour):
    """A small box that shines by itself."""
    import bmesh

    mesh = bpy.data.meshes.new("glow")
    shape = bmesh.new()
    bmesh.ops.create_cube(shape, size=0.02)
    shape.to_mesh(mesh)
    shape.free()
    material = bpy.data.materials.new("glow")
    if material.node_tree is None:
        material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    emission, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    emission.inputs["Color"].default_value = (*colour, 1)
    material.node_tree.links.new(emission.outputs[0], output.inputs["Surface"])
    mesh.materials.append(material)
    box = bpy.data.objects.new("glow", mesh)
    box.location = place
    return box


def rendered(scene, path):
    """(H, W, 4) values of a small Cycles render, rows from the top."""
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 4
    scene.cycles.use_denoising = False
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    width, height = image.size
    return np.array(image.pixels[:]).reshape(height, width, 4)[::-1]
