# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of every ARKit key of a built head, with its name, to look at: does each move what its name says?

    .venv-blender/bin/python tools/arkit_sheet.py out/result.json -o arkit-keys.jpg

The person looks out of the picture, so the subject's left is on the right.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import in_blender

COLUMNS = 9
# Metres: from the head's origin, between the ears, to the middle of the picture, and how high that is.
MIDDLE, HEIGHT, DISTANCE = -0.036, 0.228, 1.2
# A key that is meant to be used with another one, and looks like nothing alone.
TOGETHER = {"mouthClose": "jawOpen"}


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="arkit_sheet.py", description="Picture every ARKit key of a result's head.")
    parser.add_argument("result", type=Path, help="the result.json of a finished reconstruction")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the JPEG to write")
    parser.add_argument("--tile", type=int, default=150, help="width of a picture in pixels")
    parser.add_argument("--samples", type=int, default=24, help="samples per pixel")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Build, render tile after tile, put them together; the exit code."""
    options = parse(arguments)
    in_blender.import_package()
    import bpy
    from nextgenface.engine.errors import EngineError
    from nextgenface.operators.build_scene import BuildOptions, build_result

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    try:
        built = build_result(scene, options.result.resolve(), BuildOptions(subdivision=False))
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    keys = bpy.data.objects[built.head].data.shape_keys.key_blocks
    set_up(bpy, scene, options)
    text = add_caption(bpy, scene)
    tiles = [tile(bpy, scene, keys, name, text) for name in ("", *arkit_names(keys))]
    save(bpy, sheet(tiles), options.output)
    print(f"{options.output}: {len(tiles) - 1} keys")
    return 0


def arkit_names(keys: Any) -> list[str]:
    """The expressions among the keys, in their order: neither photos' expressions, nor teeth of a smile, nor sliders."""
    others = ("Basis", "Expression ", "Shape: ", "upperTeeth")
    return [key.name for key in keys if not key.name.startswith(others)]


def set_up(bpy: Any, scene: Any, options: argparse.Namespace) -> None:
    """A camera before the face, Cycles with few samples, a grey background."""
    data = bpy.data.cameras.new("sheet")
    data.sensor_fit, data.angle = "VERTICAL", 2 * math.atan(HEIGHT / 2 / DISTANCE)
    camera = bpy.data.objects.new("sheet", data)
    camera.location, camera.rotation_euler = (0.0, -DISTANCE, MIDDLE), (math.pi / 2, 0.0, 0.0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    render, cycles = scene.render, scene.cycles
    render.engine, render.film_transparent, render.use_persistent_data = "CYCLES", True, True
    render.resolution_x, render.resolution_y = options.tile, round(options.tile * 1.25)
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
    cycles.device, cycles.samples, cycles.use_denoising, cycles.max_bounces = "CPU", options.samples, False, 2


def add_caption(bpy: Any, scene: Any) -> Any:
    """A text that shines by itself on a dark strip, just before the neck."""
    data = bpy.data.curves.new("caption", "FONT")
    data.align_x, data.size = "CENTER", 0.0152
    strip = bpy.data.meshes.new("strip")
    strip.from_pydata(
        [(-0.2, -0.009, -0.001), (0.2, -0.009, -0.001), (0.2, 0.016, -0.001), (-0.2, 0.016, -0.001)], [], [[0, 1, 2, 3]]
    )
    for name, shape, level in (("caption", data, 1.0), ("strip", strip, 0.02)):
        shape.materials.append(glowing(bpy, name, level))
        item = bpy.data.objects.new(name, shape)
        item.location, item.rotation_euler = (0.0, -0.17, MIDDLE - 0.089), (math.pi / 2, 0.0, 0.0)
        scene.collection.objects.link(item)
    return data


def glowing(bpy: Any, name: str, level: float) -> Any:
    """A material of one grey, whatever the light is."""
    material = bpy.data.materials.new(name)
    if material.node_tree is None:
        material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    emission, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    emission.inputs["Color"].default_value = (level, level, level, 1.0)
    material.node_tree.links.new(emission.outputs[0], output.inputs["Surface"])
    return material


def tile(bpy: Any, scene: Any, keys: Any, name: str, text: Any) -> np.ndarray:
    """(H, W, 3) sRGB values, rows from the bottom, with key ``name`` alone at 1; without a name the neutral head."""
    for key in keys:
        key.value = 1.0 if key.name in (name, TOGETHER.get(name)) else 0.0
    text.body = " + ".join((name, TOGETHER[name])) if name in TOGETHER else name or "neutral"
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = f"{folder}/tile.png"
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(scene.render.filepath)
        image.colorspace_settings.name = "Non-Color"
        width, height = image.size
        pixels = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
        bpy.data.images.remove(image)
    picture = pixels.reshape(height, width, 4)
    return picture[..., :3] * picture[..., 3:] + 0.18 * (1 - picture[..., 3:])


def sheet(tiles: list[np.ndarray]) -> np.ndarray:
    """All tiles in rows from the top; (H, W, 3), rows of pixels from the bottom."""
    height, width = tiles[0].shape[:2]
    rows = math.ceil(len(tiles) / COLUMNS)
    result = np.full((rows * height, COLUMNS * width, 3), 0.18, np.float32)
    for number, picture in enumerate(tiles):
        row, column = divmod(number, COLUMNS)
        low = (rows - 1 - row) * height
        result[low : low + height, column * width : (column + 1) * width] = picture
    return result


def save(bpy: Any, picture: np.ndarray, path: Path) -> None:
    """Write a JPEG."""
    height, width = picture.shape[:2]
    image = bpy.data.images.new("sheet", width, height)
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = picture
    image.pixels.foreach_set(rgba.ravel())
    image.filepath_raw, image.file_format = str(path.absolute()), "JPEG"
    image.save(quality=82)


if __name__ == "__main__":
    in_blender.run(main)
