"""A result whose head is the bundled one, with all 52 expressions and the sliders, for tests of what goes on to other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nextgenface.engine.faces.model import PART_NAMES
from small_result import make_result, photo_result, save_picture

DATA = Path(__file__).resolve().parents[2] / "engine" / "faces" / "data" / "head.npz"


def fitted_vertices() -> np.ndarray:
    """(V, 3) mm: somebody's neutral head, with a nose of their own and the whole a little larger."""
    with np.load(DATA) as data:
        mean = data["mean"].astype(np.float64)
        nose = (data["regions"][data["region_names"].tolist().index("nose")] / 255.0)[:, None]
    return mean * 1.03 + nose * (1.0, 2.0, 4.0)


def make_real_result(folder: Path, texture: int = 32, **changes: object) -> Path:
    """A result folder as `make_result` makes it, with the bundled head; its result.json."""
    path = make_result(folder, [photo_result(expression={"jawOpen": 0.5, "mouthSmileLeft": 0.8})], **changes)
    with np.load(DATA) as data:
        arrays = {
            "vertices": fitted_vertices().astype(np.float32),
            "quads": data["quads"].astype(np.int32),
            "uv_face": (data["uv_face"] / data["uv_grid"]).astype(np.float32),
            "uv_original": (data["uv_original"] / data["uv_grid"]).astype(np.float32),
            "face_part": data["face_part"],
            "part_names": np.array(PART_NAMES),
            "expression_names": data["expression_names"],
            "expression_deltas": (data["expressions"] * data["expression_step"]).astype(np.float32),
            "slider_names": data["slider_names"],
            "slider_deltas": (data["sliders"] * data["expression_step"]).astype(np.float32),
            "original_index": data["original_index"].astype(np.int32),
        }
    np.savez(folder / "head.npz", **arrays)
    for name, value in {"diffuse": (0.6, 0.4, 0.3), "specular": (0.3,) * 3, "roughness": (0.4,) * 3}.items():
        save_picture(folder / f"{name}Map_0.png", np.full((texture, texture, 3), value, np.float32))
    return path
