"""The Basel Face Model 2017 with AlbedoMM's skin, as a `FaceModel`: what the files lack is computed once and kept."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..caches import MODELS
from ..settings import Settings
from ..user_folders import cache_folder
from . import bundled
from .basel_files import BaselArrays, find_files, read_files
from .computed import Arrays, computed_once, fingerprint
from .disk_layout import disk_layout
from .embedding import embedded_points
from .mediapipe_embedding import embed_mediapipe
from .model import AlbedoBasis, FaceModel, LandmarkEmbedding
from .places import model_folder
from .regions import carried_regions
from .surface import middle_x, mirror_vertices

NAME = "bfm2017"
# The reference's trimPca keeps so many modes of shape, expression and albedo.
TRIMMED_MODES = 80
# The nose's tip lies this far in front of the origin, which then is between the ears, mm.
NOSE_MM = 115.0
# The fit's prior gives an expression weight this deviation, so a weight of 1 is more than three deviations of a mode.
EXPRESSION_SD = 0.3
# Half the side of the square that the disk of the layout takes.
DISK_SHARE = 0.49
COMPUTED = ("uv", "triangle", "barycentric", "contour", "regions", "region_names")
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def load(settings: Settings) -> FaceModel:
    """The model from ``settings.face_model_folder`` or its own folder, with fewer modes where ``trim_modes`` says so.

    Raises:
        FaceModelError: a file is missing, is another one, or shows no face to the landmark detector.
    """
    files = find_files(model_folder(NAME, settings.face_model_folder))
    # The regions are the bundled head's.
    return _load(*files, fingerprint([*files, bundled.DATA / bundled.FILE]), settings)


@lru_cache(maxsize=1)
def _load(shape_file: Path, albedo_file: Path, mark: str, settings: Settings) -> FaceModel:
    return make_model(
        read_files(shape_file, albedo_file, TRIMMED_MODES if settings.trim_modes else None), mark, settings
    )


def make_model(arrays: BaselArrays, mark: str, settings: Settings) -> FaceModel:
    """The model of ``arrays``; what is computed is kept under ``mark``, which stands for the files' content."""
    mean = centred(arrays.shape.mean)
    triangles, count = arrays.triangles, len(mean)
    lacking = computed_once(
        cache_folder() / MODELS, f"{NAME}-{mark}", COMPUTED, lambda: _lacking(mean, arrays, settings)
    )
    embedding = _embedding(lacking)
    expressions = arrays.expression.modes / np.float32(EXPRESSION_SD)
    quads = np.concatenate([triangles, np.full((len(triangles), 1), -1, np.int32)], 1)
    triangle_uv = lacking["uv"][triangles]
    uv = np.concatenate([triangle_uv, triangle_uv[:, :1]], 1)
    return FaceModel(
        name=NAME,
        mean=mean,
        quads=quads,
        triangles=triangles,
        triangle_face=np.arange(len(triangles), dtype=np.int32),
        uv_face=uv,
        uv_original=uv,
        triangle_uv=triangle_uv,
        identity_basis=arrays.shape.modes,
        expression_basis=expressions,
        expression_names=tuple(f"expression{number:03d}" for number in range(len(expressions))),
        expression_is_blendshape=False,
        slider_basis=np.zeros((0, count, 3), np.float32),
        slider_names=(),
        mirror_vertex=mirror_vertices(mean),
        mirror_expression=np.arange(len(expressions), dtype=np.int32),
        face_part=np.zeros(len(triangles), np.uint8),
        regions=dict(zip(map(str, lacking["region_names"]), lacking["regions"], strict=True)),
        landmarks={"mediapipe": embedding},
        original_index=np.arange(count, dtype=np.int32),
        provenance="Basel Face Model 2017 and AlbedoMM, from the user's own files.",
        albedo=_albedo(arrays),
    )


def centred(mean: NDArray[np.float32]) -> NDArray[np.float32]:
    """(V, 3) the mean face with its middle at x = 0 and the origin between the ears. Its axes are ours already."""
    tip = mean[mean[:, 2].argmax()]
    # Between the ears is a little above the tip of the nose.
    return np.asarray(mean - np.array([middle_x(mean), tip[1] + 10.0, tip[2] - NOSE_MM]), np.float32)


def _lacking(mean: NDArray[np.float32], arrays: BaselArrays, settings: Settings) -> Arrays:
    """The layout, the landmarks and the regions: seconds of work."""
    triangles = arrays.triangles
    colour = np.clip(arrays.diffuse.mean, 0.0, 1.0).astype(np.float64)
    found = embed_mediapipe(mean, triangles, np.ones(len(triangles), bool), colour, settings)
    points = embedded_points(mean, triangles, found)
    regions = carried_regions(mean, np.ones(len(mean), bool), points)
    return {
        "uv": (0.5 + DISK_SHARE * disk_layout(mean, triangles)).astype(np.float32),
        "triangle": found.triangle,
        "barycentric": found.barycentric,
        "contour": found.contour,
        "regions": np.array(list(regions.values())),
        "region_names": np.array(list(regions)),
    }


def _embedding(lacking: Arrays) -> LandmarkEmbedding:
    index = np.arange(len(lacking["triangle"]), dtype=np.int32)
    return LandmarkEmbedding(index, lacking["triangle"], lacking["barycentric"], lacking["contour"])


def _albedo(arrays: BaselArrays) -> AlbedoBasis:
    return AlbedoBasis(
        diffuse_mean=arrays.diffuse.mean,
        diffuse_basis=arrays.diffuse.modes,
        specular_mean=arrays.specular.mean @ LUMINANCE,
        specular_basis=arrays.specular.modes @ LUMINANCE,
    )
