"""Makes a small but whole result folder for tests: a box for a head, a box for each eye, real maps, a real light."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from nextgenface.engine.protocol import PhotoResult, Result

# Corners of a box, and its sides counter-clockwise seen from outside.
CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
SIDES = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]], np.int32)

TURN = 0.3
ROTATION = np.array([[np.cos(TURN), 0, np.sin(TURN)], [0, 1, 0], [-np.sin(TURN), 0, np.cos(TURN)]])


def head_arrays() -> dict[str, np.ndarray]:
    """The arrays of a head file: vertices of a big box (skin) between those of two small ones (eyes)."""
    left = CORNERS * 12 + (32, 20, 85)
    skin = CORNERS * (75, 110, 90)
    right = CORNERS * 12 + (-32, 20, 85)
    vertices = np.concatenate([left, skin, right]).astype(np.float32)
    quads = np.concatenate([SIDES, SIDES + 8, SIDES + 16])
    count = len(vertices)
    expressions = np.zeros((3, count, 3), np.float32)
    expressions[0, 8:16, 1] = -5.0
    expressions[1, :8, 1] = -2.0
    expressions[2, 8:16, 2] = 3.0
    sliders = np.zeros((1, count, 3), np.float32)
    sliders[0, 8:16, 0] = 4.0
    uv = np.tile(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32), (18, 1, 1))
    offset = np.stack([np.arange(18) % 6, np.arange(18) // 6], -1)[:, None].astype(np.float32)
    return {
        "vertices": vertices,
        "quads": quads.astype(np.int32),
        "uv_face": (uv * 0.9 + offset) / 6,
        "uv_original": (uv * 0.5 + offset) / 7,
        "face_part": np.repeat([2, 0, 3], 6).astype(np.uint8),
        "part_names": np.array(["skin", "mouth", "eye_left", "eye_right"]),
        "expression_names": np.array(["jawOpen", "eyeLookDownLeft", "mouthPucker"]),
        "expression_deltas": expressions,
        "slider_names": np.array(["Nose Width"]),
        "slider_deltas": sliders,
        "original_index": (np.arange(count) * 3 + 1).astype(np.int32),
    }


def photo_result(width: int = 64, height: int = 48, **changes: object) -> PhotoResult:
    """A photo whose camera stands half a metre away, turned, with an off-centre principal point."""
    values = {
        "photo": "photo.png", "width": width, "height": height, "focal_px": 1.4 * max(width, height),
        "cx": width / 2 + 3.5, "cy": height / 2 - 2.25,
        "rotation": ROTATION.tolist(), "translation": [7.0, -12.0, -650.0],
        "light": "envMap_0.exr", "render": "", "contact_sheet": "render_0.png",
        "expression": {"jawOpen": 0.5, "eyeLookDownLeft": 0.25},
    }  # fmt: skip
    return PhotoResult(**(values | changes))  # type: ignore[arg-type]


def save_picture(path: Path, pixels: np.ndarray, file_format: str = "PNG") -> None:
    """Write (H, W, 3) values, rows from the top, through Blender's own writers."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new("scratch", width, height, float_buffer=file_format == "OPEN_EXR")
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = pixels[::-1]
    image.pixels.foreach_set(rgba.ravel())
    image.filepath_raw, image.file_format = str(path), file_format
    image.save()
    bpy.data.images.remove(image)


def light_image(height: int = 16) -> np.ndarray:
    """A dim lat-long light with one bright spot."""
    light = np.full((height, 2 * height, 3), 0.2, np.float32)
    light[height // 4, height // 2] = (40.0, 30.0, 20.0)
    return light


def make_result(folder: Path, photos: list[PhotoResult] | None = None, name: str = "Face") -> Path:
    """A whole result in ``folder``; returns the path of its result.json."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = [photo_result()] if photos is None else photos
    np.savez(folder / "head.npz", **head_arrays())
    save_picture(folder / "diffuseMap_0.png", np.full((8, 8, 3), (0.6, 0.4, 0.3), np.float32))
    save_picture(folder / "specularMap_0.png", np.full((8, 8, 3), 0.5, np.float32))
    save_picture(folder / "roughnessMap_0.png", np.full((8, 8, 3), 0.4, np.float32))
    save_picture(folder / "normalMap_0.png", np.full((8, 8, 3), (0.5, 0.5, 1.0), np.float32))
    save_picture(folder / "envMap_0.exr", light_image(), "OPEN_EXR")
    save_picture(folder / "render_0.png", np.full((8, 24, 3), 0.3, np.float32))
    for photo in photos:
        save_picture(folder / photo.photo, np.full((photo.height, photo.width, 3), 0.5, np.float32))
    result = Result(
        name=name,
        diffuse="diffuseMap_0.png",
        specular="specularMap_0.png",
        roughness="roughnessMap_0.png",
        normal="normalMap_0.png",
        photos=photos,
    )
    path = folder / "result.json"
    path.write_text(result.to_json(), encoding="utf-8")
    return path
