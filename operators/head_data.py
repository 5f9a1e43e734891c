# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a result's head and puts it into Blender's axes and units. NumPy only."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..engine.errors import EngineError

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]

EYE_PARTS = ("eye_left", "eye_right")
TEETH_PARTS = ("teeth_upper", "teeth_lower")
TONGUE_PARTS = ("tongue",)
# Cards for pictures of lashes, of which there are none: they would be bars before the eyes.
LEFT_OUT = ("lashes",)
METRES_PER_MM = 0.001
# What NumPy, its ZIP and its compression raise for damaged files.
_UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, MemoryError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)


class BuildError(EngineError):
    """A result cannot be turned into Blender data."""


@dataclass(frozen=True)
class HeadData:
    """A head, or some of its parts, ready for a Blender mesh.

    Attributes:
        vertices: (V, 3) float32, metres, Blender axes (z up, face along -y).
        corners: (C,) int32, vertex of every polygon corner.
        starts: (F,) int32, first corner of every polygon.
        uvs: layer's name -> (C, 2) float32, v upwards.
        expressions: name -> (V, 3) float32, metres at weight 1.
        sliders: name -> (V, 3) float32, metres at weight 1.
        original_index: (V,) int32, vertex number in the source's mesh.
    """

    vertices: FloatArray
    corners: IntArray
    starts: IntArray
    uvs: dict[str, FloatArray]
    expressions: dict[str, FloatArray]
    sliders: dict[str, FloatArray]
    original_index: IntArray


@dataclass(frozen=True)
class HeadFile:
    """The arrays of a result's head file, checked; see `engine.protocol.Result` for their shapes and units."""

    vertices: FloatArray
    quads: IntArray
    uv_face: FloatArray
    uv_original: FloatArray
    face_part: IntArray
    part_names: tuple[str, ...]
    expression_names: tuple[str, ...]
    expression_deltas: FloatArray
    slider_names: tuple[str, ...]
    slider_deltas: FloatArray
    original_index: IntArray


def numbered(name: str, number: int) -> str:
    """The name of what belongs to photo ``number`` (from 0) of a person: the first needs no number."""
    return f"{name} {number + 1}" if number else name


def to_blender_axes(vectors: NDArray[np.floating]) -> FloatArray:
    """(..., 3) points or deltas of the head's frame (mm, y up, face along +z) in metres, z up, face along -y."""
    x, y, z = np.moveaxis(np.asarray(vectors), -1, 0)
    return (np.stack([x, -z, y], -1) * METRES_PER_MM).astype(np.float32)


def read_head(path: Path) -> HeadFile:
    """The head in an .npz file.

    Raises:
        BuildError: the file is missing, is no such file, or its arrays do not fit together.
    """
    try:
        with np.load(path) as data:
            arrays = {name: data[name] for name in HeadFile.__annotations__}
    except _UNREADABLE as error:
        raise BuildError(f"The head in {path.name} cannot be read.", "Reconstruct the photo again.") from error
    names = {key: tuple(map(str, np.atleast_1d(arrays.pop(key)))) for key in list(arrays) if key.endswith("_names")}
    head = HeadFile(**arrays, **names)
    _check(head, path.name)
    return head


def _check(head: HeadFile, name: str) -> None:
    """Raise BuildError where kinds, shapes or indices do not fit together."""
    count, faces = (len(np.atleast_1d(array)) for array in (head.vertices, head.quads))
    expected = {
        "vertices": (count, 3),
        "quads": (faces, 4),
        "uv_face": (faces, 4, 2),
        "uv_original": (faces, 4, 2),
        "face_part": (faces,),
        "expression_deltas": (len(head.expression_names), count, 3),
        "slider_deltas": (len(head.slider_names), count, 3),
        "original_index": (count,),
    }
    for field, shape in expected.items():
        kinds = "iu" if field in ("quads", "face_part", "original_index") else "f"
        if getattr(head, field).dtype.kind not in kinds:
            raise BuildError(f"'{field}' in {name} is no array of numbers.", "Reconstruct the photo again.")
        came = getattr(head, field).shape
        if came != shape:
            raise BuildError(f"'{field}' in {name} has the shape {came}, not {shape}.", "Reconstruct the photo again.")
    if faces == 0 or head.quads.min() < -1 or head.quads.max() >= count:
        raise BuildError(f"The polygons in {name} name vertices that do not exist.", "Reconstruct the photo again.")
    if not all(np.isfinite(getattr(head, field)).all() for field in ("vertices", "expression_deltas", "slider_deltas")):
        raise BuildError(f"The head in {name} has points at infinity.", "Try another photo or preset.")


def head_parts(head: HeadFile) -> tuple[str, ...]:
    """The parts that make the head itself: all that are no object of their own and not left out."""
    others = (*EYE_PARTS, *TEETH_PARTS, *TONGUE_PARTS, *LEFT_OUT)
    return tuple(name for name in head.part_names if name not in others)


def take_parts(head: HeadFile, names: tuple[str, ...]) -> HeadData | None:
    """The parts by these names; vertices keep their order. None where there is nothing of them."""
    faces = np.isin(head.face_part, [index for index, name in enumerate(head.part_names) if name in names])
    if not faces.any():
        return None
    quads = head.quads[faces]
    real = quads >= 0
    used = np.unique(quads[real])
    new_number = np.full(len(head.vertices), -1, np.int32)
    new_number[used] = np.arange(len(used), dtype=np.int32)
    sizes = real.sum(1)
    return HeadData(
        vertices=to_blender_axes(head.vertices[used]),
        corners=new_number[quads[real]],
        starts=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32),
        uvs={"Face": head.uv_face[faces][real], "Original": head.uv_original[faces][real]},
        expressions=_named(head.expression_names, head.expression_deltas, used),
        sliders=_named(head.slider_names, head.slider_deltas, used),
        original_index=head.original_index[used].astype(np.int32),
    )


def _named(names: tuple[str, ...], deltas: FloatArray, used: IntArray) -> dict[str, FloatArray]:
    """Name -> deltas (V, 3) of the used vertices, Blender axes, metres."""
    return {name: to_blender_axes(delta[used]) for name, delta in zip(names, deltas, strict=True)}
