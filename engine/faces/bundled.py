"""The head that comes with the program, from MakeHuman's CC0 data. See data/PROVENANCE.md for how it was made."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import FaceModelError
from .ibug_embedding import embed_ibug
from .model import FaceModel, FloatArray, LandmarkEmbedding
from .topology import split_quads

DATA = Path(__file__).parent / "data"
FILE = "head.npz"


@cache
def load() -> FaceModel:
    """The bundled head, read once per process.

    Raises:
        FaceModelError: the data file is missing or broken.
    """
    return read(DATA / FILE)


def read(path: Path) -> FaceModel:
    """A head from a data file that `tools/build_head.py` wrote.

    Raises:
        FaceModelError: the file is missing or broken.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            data = {name: archive[name] for name in archive.files}
        return _model(data, path.with_name("PROVENANCE.md"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise FaceModelError("The bundled head's data cannot be read.", "Install the extension again.") from error


def _model(data: dict[str, NDArray[np.generic]], provenance: Path) -> FaceModel:
    """The model from the file's arrays."""
    quads = data["quads"].astype(np.int32)
    triangles, triangle_face, corner = split_quads(quads)
    uv_face = _uv(data, "uv_face")
    mirror = data["mirror_vertex"].astype(np.int32)
    masks = data["regions"].astype(np.float32) / np.float32(255)
    model = FaceModel(
        name="bundled",
        mean=data["mean"].astype(np.float32),
        quads=quads,
        triangles=triangles,
        triangle_face=triangle_face,
        uv_face=uv_face,
        uv_original=_uv(data, "uv_original"),
        triangle_uv=uv_face[triangle_face[:, None], corner],
        identity_basis=_unfold(data, mirror),
        expression_basis=_offsets(data, "expressions", "expression_step"),
        expression_names=tuple(data["expression_names"].tolist()),
        expression_is_blendshape=True,
        slider_basis=_offsets(data, "sliders", "expression_step"),
        slider_names=tuple(data["slider_names"].tolist()),
        mirror_vertex=mirror,
        mirror_expression=data["mirror_expression"].astype(np.int32),
        face_part=data["face_part"].astype(np.uint8),
        regions=dict(zip(data["region_names"].tolist(), masks, strict=True)),
        landmarks={"mediapipe": _embedding(data, "mediapipe")},
        original_index=data["original_index"].astype(np.int32),
        provenance=provenance.read_text(encoding="utf-8"),
    )
    return replace(model, landmarks={**model.landmarks, "fan": embed_ibug(model)})


def _offsets(data: dict[str, NDArray[np.generic]], name: str, step: str) -> FloatArray:
    """Offsets in mm from whole multiples of a step."""
    return np.multiply(data[name], data[step], dtype=np.float32)


def _uv(data: dict[str, NDArray[np.generic]], name: str) -> FloatArray:
    """(F, 4, 2) UVs from whole multiples of the grid. In double precision, so that they come back as they were laid out."""
    return np.divide(data[name], data["uv_grid"], dtype=np.float64).astype(np.float32)


def _unfold(data: dict[str, NDArray[np.generic]], mirror: NDArray[np.int32]) -> FloatArray:
    """(K, V, 3) mm. The file holds one half of each mode; the other is its mirror image, times -1 for antisymmetric modes."""
    half = _offsets(data, "identity_half", "identity_step")
    kept = np.flatnonzero(mirror >= np.arange(len(mirror)))
    basis = np.empty((len(half), len(mirror), 3), np.float32)
    sign = data["identity_parity"].astype(np.float32)[:, None, None] * np.array([-1, 1, 1], np.float32)
    basis[:, mirror[kept]] = half * sign
    basis[:, kept] = half
    return basis


def _embedding(data: dict[str, NDArray[np.generic]], detector: str) -> LandmarkEmbedding:
    """The detector's points on the surface."""
    return LandmarkEmbedding(
        index=data[f"{detector}_index"].astype(np.int32),
        triangle=data[f"{detector}_triangle"].astype(np.int32),
        barycentric=data[f"{detector}_barycentric"].astype(np.float32),
        contour=data[f"{detector}_contour"].astype(np.bool_),
    )
