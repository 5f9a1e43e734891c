"""Skin as the engine path-traces it and as Cycles renders Blender's Principled BSDF: the same picture."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
pytestmark = pytest.mark.blender

SAMPLES = 256
# Mean difference of 4 x 4 pixel blocks as a share of the mean signal; with more samples it is under 0.45 % for every skin.
TOLERANCE = 0.01


@pytest.fixture(scope="module")
def reference(tmp_path_factory, engine_python):
    """What the engine renders, in a process of its own."""
    folder = tmp_path_factory.mktemp("material")
    script = Path(__file__).with_name("material_reference.py")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([str(engine_python), str(script), str(folder)], env=clean, check=True, timeout=300)
    return folder, dict(np.load(folder / "reference.npz"))


def test_cycles_shows_the_same_skin(reference, tmp_path):
    folder, values = reference
    material = build_scene(folder, values)
    differences = []
    for skin, expected in zip(values["skins"], values["pictures"], strict=True):
        set_skin(material, skin)
        picture = rendered(tmp_path / "cycles.exr", len(expected))
        differences.append(difference(picture, expected))
    assert max(differences) < TOLERANCE, differences


def difference(picture, expected):
    """Mean difference over blocks that the spheres fill, as a share of the mean signal."""
    size = len(expected) // 4
    inside = blocks(expected[..., 3:], size)[..., 0] > 0.999
    ours, theirs = blocks(expected[..., :3], size)[inside], blocks(picture[..., :3], size)[inside]
    return float(np.abs(ours - theirs).mean() / ours.mean())


def blocks(image, size):
    return image.reshape(size, 4, size, 4, -1).mean((1, 3))


def build_scene(folder, values):
    """The spheres, the light and the camera; returns the Principled BSDF node."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    mesh = bpy.data.meshes.new("spheres")
    x, y, z = values["vertices"].T * 1e-3
    mesh.from_pydata(np.stack([x, -z, y], 1).tolist(), [], values["triangles"].tolist())
    mesh.shade_smooth()
    head = bpy.data.objects.new("spheres", mesh)
    scene.collection.objects.link(head)
    add_light(scene, folder / "light.exr")
    add_camera(scene, values["pictures"].shape[1])
    set_cycles(scene, int(values["depth"]))
    material = bpy.data.materials.new("skin")
    material.use_nodes = True
    mesh.materials.append(material)
    return next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")


def add_light(scene, path):
    world = bpy.data.worlds.new("light")
    scene.world = world
    world.use_nodes = True
    nodes = world.node_tree.nodes
    texture = nodes.new("ShaderNodeTexEnvironment")
    texture.image = bpy.data.images.load(str(path))
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 128
    background = next(node for node in nodes if node.type == "BACKGROUND")
    world.node_tree.links.new(texture.outputs["Color"], background.inputs["Color"])


def add_camera(scene, size):
    """At (0, 0, 600) mm of the head's frame, looking along -z with y up; focal length 150 pixels."""
    camera = bpy.data.cameras.new("camera")
    camera.sensor_fit, camera.sensor_width, camera.lens = "HORIZONTAL", 36.0, 150.0 * 36.0 / size
    placed = bpy.data.objects.new("camera", camera)
    placed.location, placed.rotation_euler = (0.0, -0.6, 0.0), (np.pi / 2.0, 0.0, 0.0)
    scene.collection.objects.link(placed)
    scene.camera = placed
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.resolution_percentage = 100


def set_cycles(scene, depth):
    scene.render.engine = "CYCLES"
    scene.render.film_transparent = True
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.use_adaptive_sampling, cycles.use_denoising = "CPU", SAMPLES, False, False
    cycles.pixel_filter_type = "BOX"
    cycles.sample_clamp_indirect = 0.0
    cycles.max_bounces = cycles.diffuse_bounces = cycles.glossy_bounces = depth - 1


def set_skin(node, skin):
    node.inputs["Base Color"].default_value = (*skin[:3], 1.0)
    node.inputs["Specular IOR Level"].default_value = skin[3]
    node.inputs["Roughness"].default_value = skin[4]


def rendered(path, size):
    """(size, size, 4) linear, the first row at the top."""
    bpy.context.scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    pixels = np.array(image.pixels[:], np.float32).reshape(size, size, 4)
    bpy.data.images.remove(image)
    return pixels[::-1]
