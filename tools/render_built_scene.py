# SPDX-License-Identifier: GPL-3.0-or-later
"""Render a built scene with Cycles through its camera, under its world, and compare it with the photo:

    python tools/render_built_scene.py out/face.blend -o out/cycles.png --photo out/photo_0.png --mask out/mask_0.png

Prints the PSNR in decibels over the mask (all pixels without one), in sRGB values from 0 to 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import in_blender


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="render_built_scene.py", description="Render a built scene with Cycles.")
    parser.add_argument("blend", type=Path, help="the .blend")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the PNG to write")
    parser.add_argument("--samples", type=int, default=128, help="samples per pixel")
    parser.add_argument("--photo", type=Path, help="compare with this picture of the same size")
    parser.add_argument("--mask", type=Path, help="compare only where this picture is brighter than half")
    parser.add_argument("--over-photo", action="store_true", help="put the head over the photo instead of the world")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Render, and print the figure if there is something to compare with."""
    options = parse(arguments)
    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(options.blend.absolute()))
    render(bpy, options)
    picture = read(bpy, options.output)
    if options.photo:
        photo = read(bpy, options.photo)
        if options.over_photo:
            picture = composite(bpy, picture, photo, options.output)
        inside = read(bpy, options.mask)[..., 0] > 0.5 if options.mask else np.ones(photo.shape[:2], bool)
        print(f"psnr_db {psnr(picture[..., :3][inside], photo[..., :3][inside]):.2f} over {inside.sum()} pixels")
    return 0


def render(bpy: Any, options: argparse.Namespace) -> None:
    """Render the open scene to the output file as 8-bit sRGB."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = options.samples
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.use_denoising = False
    scene.cycles.seed = 0
    # A pixel of a photo is the mean over its square; Blender's wider filter would blur a small face.
    scene.cycles.pixel_filter_type = "BOX"
    scene.render.film_transparent = options.over_photo
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.image_settings.color_depth = "8"
    scene.render.filepath = str(options.output.absolute())
    bpy.ops.render.render(write_still=True)


def read(bpy: Any, path: Path) -> np.ndarray:
    """(H, W, 4) values as stored, 0 to 1, rows from the top."""
    image = bpy.data.images.load(str(path.absolute()), check_existing=False)
    image.colorspace_settings.name = "Non-Color"
    image.alpha_mode = "CHANNEL_PACKED"
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return pixels.reshape(height, width, 4)[::-1]


def composite(bpy: Any, picture: np.ndarray, photo: np.ndarray, path: Path) -> np.ndarray:
    """The render over the photo, written back to ``path``."""
    alpha = picture[..., 3:]
    together = picture * alpha + photo * (1 - alpha)
    together[..., 3] = 1.0
    height, width = together.shape[:2]
    image = bpy.data.images.new("composite", width, height)
    image.colorspace_settings.name = "Non-Color"
    image.pixels.foreach_set(np.ascontiguousarray(together[::-1], np.float32).ravel())
    image.filepath_raw, image.file_format = str(path.absolute()), "PNG"
    image.save()
    return together


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio ``-10 log10(mean((a - b)^2))`` of values in [0, 1], decibels."""
    return float(-10 * np.log10(np.mean((a.astype(np.float64) - b) ** 2)))


if __name__ == "__main__":
    in_blender.run(main)
