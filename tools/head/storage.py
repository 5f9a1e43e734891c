"""Writes the head's data file. `nextgenface.engine.faces.bundled` reads it; the two change together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nextgenface.engine.faces.model import FaceModel
from numpy.typing import NDArray

# Offsets are stored as whole multiples of these, so they are off by half of it at most.
IDENTITY_STEP_MM = 0.02
EXPRESSION_STEP_MM = 0.01
# As in `uv_layout`: even, so that 0.5, the line of symmetry, is stored without loss.
UV_GRID = 65534


def write(path: Path, model: FaceModel, parity: NDArray[np.int8]) -> int:
    """Store ``model`` and return the file's size in bytes. ``parity`` (K,) tells symmetric (+1) from antisymmetric modes."""
    half = np.flatnonzero(model.mirror_vertex >= np.arange(model.vertex_count))
    arrays: dict[str, NDArray[np.generic]] = {
        "mean": model.mean.astype(np.float32),
        "quads": model.quads.astype(np.int16),
        "uv_face": _uv(model.uv_face),
        "uv_original": _uv(model.uv_original),
        "uv_grid": np.float64(UV_GRID),
        "identity_half": _steps(model.identity_basis[:, half], IDENTITY_STEP_MM),
        "identity_step": np.float32(IDENTITY_STEP_MM),
        "identity_parity": parity.astype(np.int8),
        "expressions": _steps(model.expression_basis, EXPRESSION_STEP_MM),
        "expression_step": np.float32(EXPRESSION_STEP_MM),
        "expression_names": np.array(model.expression_names),
        "sliders": _steps(model.slider_basis, EXPRESSION_STEP_MM),
        "slider_names": np.array(model.slider_names),
        "mirror_vertex": model.mirror_vertex.astype(np.int16),
        "mirror_expression": model.mirror_expression.astype(np.int16),
        "face_part": model.face_part,
        "original_index": model.original_index.astype(np.int16),
        "region_names": np.array(list(model.regions)),
        "regions": np.stack([np.rint(mask * 255).astype(np.uint8) for mask in model.regions.values()]),
    }
    for detector, spots in model.landmarks.items():
        arrays |= {f"{detector}_{name}": value for name, value in vars(spots).items()}
    np.savez_compressed(path, **arrays)
    return path.stat().st_size


def _steps(offsets: NDArray[np.float32], step: float) -> NDArray[np.int16]:
    """Offsets in mm as whole multiples of ``step``."""
    return np.rint(offsets.astype(np.float64) / step).astype(np.int16)


def _uv(uv: NDArray[np.float32]) -> NDArray[np.uint16]:
    """UVs in [0, 1] as 16 bit numbers."""
    return np.rint(np.clip(uv, 0.0, 1.0).astype(np.float64) * UV_GRID).astype(np.uint16)
