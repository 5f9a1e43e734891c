"""A normal map as the engine path-traces it and as Cycles renders the built material: the same picture."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
pytestmark = pytest.mark.blender

from nextgenface.engine.protocol import Result  # noqa: E402
from test_material_cycles import add_light, blocks, rendered, set_cycles  # noqa: E402

FOCAL, DISTANCE_M = 200.0, 0.6
# Mean difference of 4 x 4 pixel blocks as a share of the mean change that the normal map makes. Measured: 0.024 in Blender
# 4.5 and 5.0. Cycles 4.2 has another softening of the terminator, which darkens bumps under light from the side: 0.35.
TOLERANCE = 0.06 if bpy.app.version >= (4, 5, 0) else 0.5


@pytest.fixture(scope="module")
def reference(tmp_path_factory, engine_python):
    """What the engine renders, in a process of its own."""
    folder = tmp_path_factory.mktemp("normals")
    script = Path(__file__).with_name("normal_map_reference.py")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([str(engine_python), str(script), str(folder)], env=clean, check=True, timeout=300)
    return folder, dict(np.load(folder / "reference.npz"))


def test_cycles_shows_the_same_bumps(reference, tmp_path):
    folder, values = reference
    build_scene(folder, values)
    picture = rendered(tmp_path / "cycles.exr", len(values["bumpy"]))[..., :3]
    shown, expected, flat = (blocks(image, 16) for image in (picture, values["bumpy"], values["flat"]))
    change = np.abs(expected - flat).mean()
    assert change > 0.05 * flat.mean(), "the bumps must show"
    assert np.abs(shown - expected).mean() < TOLERANCE * change


def build_scene(folder, values):
    """The dome in the built material, the light and the camera."""
    from nextgenface.operators.build_head import FACE_UV
    from nextgenface.operators.build_images import ImageStore
    from nextgenface.operators.build_material import build_materials

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    mesh = bpy.data.meshes.new("dome")
    x, y, z = values["vertices"].T * 1e-3
    mesh.from_pydata(np.stack([x, -z, y], 1).tolist(), [], values["triangles"].tolist())
    mesh.uv_layers.new(name="Other")
    layer = mesh.uv_layers.new(name=FACE_UV)
    layer.uv.foreach_set("vector", values["uv"][values["triangles"]].astype(np.float32).ravel())
    mesh.shade_smooth()
    scene.collection.objects.link(bpy.data.objects.new("dome", mesh))
    maps = {name: f"{name}.png" for name in ("diffuse", "specular", "roughness", "normal")}
    mesh.materials.append(build_materials("Face", Result(**maps), folder, ImageStore("Face", pack=False), False).skin)
    add_light(scene, folder / "light.exr")
    add_camera(scene, len(values["bumpy"]))
    set_cycles(scene, depth=1)


def add_camera(scene, size):
    """Looks along -z of the head's frame at its origin."""
    camera = bpy.data.cameras.new("camera")
    camera.sensor_fit, camera.sensor_width, camera.lens = "HORIZONTAL", 36.0, FOCAL * 36.0 / size
    placed = bpy.data.objects.new("camera", camera)
    placed.location, placed.rotation_euler = (0.0, -DISTANCE_M, 0.0), (np.pi / 2.0, 0.0, 0.0)
    scene.collection.objects.link(placed)
    scene.camera = placed
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
