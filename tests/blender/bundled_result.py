"""A whole result of the bundled mean head, for tests that need a real face. NumPy only: it reads the head's data file itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nextgenface.engine.protocol import Result
from small_result import light_image, photo_result, save_picture

DATA = Path(__file__).resolve().parents[2] / "engine" / "faces" / "data" / "head.npz"
PARTS = ["skin", "mouth", "eye_left", "eye_right", "teeth_upper", "teeth_lower", "tongue", "lashes"]


def head_arrays() -> dict[str, np.ndarray]:
    """The arrays of a head file of the mean head."""
    with np.load(DATA) as data:
        step, grid = data["expression_step"], data["uv_grid"]
        return {
            "vertices": data["mean"],
            "quads": data["quads"].astype(np.int32),
            "uv_face": (data["uv_face"] / grid).astype(np.float32),
            "uv_original": (data["uv_original"] / grid).astype(np.float32),
            "face_part": data["face_part"],
            "part_names": np.array(PARTS),
            "expression_names": data["expression_names"],
            "expression_deltas": (data["expressions"] * step).astype(np.float32),
            "slider_names": data["slider_names"],
            "slider_deltas": (data["sliders"] * step).astype(np.float32),
            "original_index": data["original_index"].astype(np.int32),
        }


def regions() -> dict[str, np.ndarray]:
    """Name -> (V,) soft masks in [0, 1]."""
    with np.load(DATA) as data:
        return {str(name): mask / 255.0 for name, mask in zip(data["region_names"], data["regions"], strict=True)}


def make_bundled_result(folder: Path, texture: int = 16) -> Path:
    """A result in ``folder`` with plain maps of ``texture`` pixels and a photo of 96 x 128; the path of its result.json."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "head.npz", **head_arrays())
    noise = np.random.default_rng(0).uniform(-0.05, 0.05, (texture, texture, 3)).astype(np.float32)
    maps = {
        "diffuse": (0.7, 0.5, 0.4),
        "specular": (0.5, 0.5, 0.5),
        "roughness": (0.5, 0.5, 0.5),
        "normal": (0.5, 0.5, 1.0),
    }
    for name, colour in maps.items():
        save_picture(folder / f"{name}.png", np.clip(np.array(colour, np.float32) + noise, 0, 1))
    photo = photo_result(
        96, 128, focal_px=256.0, cx=48.0, cy=64.0, rotation=np.eye(3).tolist(), translation=[0.0, 10.0, -620.0],
        expression={},
    )  # fmt: skip
    save_picture(folder / photo.photo, np.full((128, 96, 3), 0.5, np.float32))
    save_picture(folder / photo.light, light_image(), "OPEN_EXR")
    result = Result(name="Mean", photos=[photo], **{name: f"{name}.png" for name in maps})
    path = folder / "result.json"
    path.write_text(result.to_json(), encoding="utf-8")
    return path
