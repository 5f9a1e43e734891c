"""The fitted head as a target of MakeHuman's base mesh hm08, which MakeHuman and MPFB load. NumPy only; knows no Blender.

A target is text: ``vertex x y z`` in a line, a vertex number of hm08 and how far it moves, in decimetres, y up, z out of the
face. MPFB multiplies it by the human's scale and adds it to the shape key "Basis"; MakeHuman adds it to hm08.

The head keeps its size and its axes, which are hm08's; it is moved so that its neck stands on hm08's (`Target.offset`). Over
the neck the fit fades out, so that the body joins without a step. With ``h`` the fitted vertices in mm and ``b`` hm08's in
decimetres, loaded vertices are ``b + keep ((h / 100 + offset) - b)``.
"""

from __future__ import annotations

import gzip
import os
import tempfile
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import OutputError
from .protocol import Result

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DATA = Path(__file__).resolve().parent / "faces" / "data" / "hm08.npz"
# MakeHuman's unit is a decimetre.
MM_PER_UNIT = 100.0
# Five decimals of a decimetre are a thousandth of a millimetre.
DECIMALS = 5
# What is not there (eyes that were not built) moves like so many vertices around it.
_NEIGHBOURS = 32
_OTHER_HEAD = "The head has not the vertices of MakeHuman's base mesh."
_ONLY_BUNDLED = "Reconstruct with the face model 'bundled'; other models do not fit on MakeHuman's body."
_HEADER = """# MakeHuman target for the base mesh hm08: {name}
# Written by NextGenFace. Decimetres, y up. The head keeps its true size; it was moved by {offset} dm.
"""


@dataclass(frozen=True)
class BaseMesh:
    """What of hm08 a target needs.

    Attributes:
        index: (V,) vertex numbers of the head, ascending.
        vertices: (V, 3) their places, decimetres.
        keep: (V,) how much of the fit holds there: 0 at the neck's cut, 1 above the neck.
        follower_index: (W,) vertices outside the head that go with it: lashes, hair, bones.
        follower_start: (W + 1,) follower i takes the weighted sum of rows[start[i] : start[i + 1]].
        follower_rows: rows of ``index``. follower_weights: of as many.
    """

    index: IntArray
    vertices: FloatArray
    keep: FloatArray
    follower_index: IntArray
    follower_start: IntArray
    follower_rows: IntArray
    follower_weights: FloatArray


@dataclass(frozen=True)
class Target:
    """Moves of hm08's vertices.

    Attributes:
        index: (N,) vertex numbers, ascending.
        deltas: (N, 3) decimetres, y up.
        offset: (3,) decimetres that the head was moved by, see the module's description.
    """

    index: IntArray
    deltas: FloatArray
    offset: FloatArray


@lru_cache(maxsize=1)
def base_mesh() -> BaseMesh:
    """hm08, as it comes along. Raises OutputError where its file is missing or broken."""
    try:
        with np.load(DATA, allow_pickle=False) as data:
            arrays: dict[str, Any] = {name: data[name] for name in data.files}
        step = float(arrays.pop("step"))
        kinds = {name: np.int64 if array.dtype.kind == "i" else np.float64 for name, array in arrays.items()}
        arrays = {name: array.astype(kinds[name]) for name, array in arrays.items()}
        return BaseMesh(**arrays | {"vertices": arrays["vertices"] * step})
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise OutputError("MakeHuman's base mesh cannot be read.", "Install the extension again.") from error


def read_neutral(result: Path) -> tuple[NDArray[np.floating[Any]], NDArray[np.integer[Any]], str]:
    """Neutral head (V, 3) mm, its hm08 vertices (V,) and its name, from a ``result.json``.

    Raises:
        OutputError, ProtocolError: there is no such result, or its head is another model's.
    """
    try:
        description = Result.from_json(result.read_text("utf-8"))
        with np.load(result.parent / description.head, allow_pickle=False) as head:
            found = head["vertices"], head["original_index"]
    except (
        OSError,
        KeyError,
        ValueError,
        EOFError,
        TypeError,
        AttributeError,
        RuntimeError,
        zipfile.BadZipFile,
    ) as error:
        raise OutputError(f"There is no result at {result}.", "Reconstruct the photo again.") from error
    if description.face_model != "bundled":
        raise OutputError(_OTHER_HEAD, _ONLY_BUNDLED)
    return *found, description.name


def make_target(
    vertices: NDArray[np.floating[Any]], original_index: NDArray[np.integer[Any]], current: FloatArray | None = None
) -> Target:
    """The target that turns hm08, or a human of it, into the fitted head.

    Args:
        vertices: (N, 3) the neutral head in mm, head frame.
        original_index: (N,) the hm08 vertices that they are; all of the head but for parts that were not built.
        current: (M, 3) decimetres, y up: a human's vertices as they are, in hm08's order, from which helpers at the end may
            be absent; None: hm08 itself.

    Raises:
        OutputError: the vertices are not hm08's.
    """
    base = base_mesh()
    goal, there = _in_order(base, np.asarray(vertices, np.float64) / MM_PER_UNIT, original_index)
    start = base.vertices if current is None else _start(base, current)
    fading = there & (base.keep < 1.0)
    offset = (start[fading] - goal[fading]).mean(0)
    deltas = goal + offset - start
    deltas[~there] = _carried(base.vertices, deltas, there)
    deltas *= base.keep[:, None]
    pulled = base.follower_weights[:, None] * deltas[base.follower_rows]
    followers = np.add.reduceat(pulled, base.follower_start[:-1], axis=0)
    index = np.concatenate([base.index, base.follower_index])
    order = np.argsort(index)
    return Target(index[order], np.concatenate([deltas, followers])[order], offset)


def _start(base: BaseMesh, current: FloatArray) -> FloatArray:
    """(V, 3) the head of a human as it is, hm08's where vertices are absent."""
    start, there = base.vertices.copy(), base.index < len(current)
    start[there] = current[base.index[there]]
    return start


def _in_order(
    base: BaseMesh, vertices: FloatArray, original_index: NDArray[np.integer[Any]]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """(V, 3) the vertices in hm08's order, and (V,) which of them there are."""
    rows = np.searchsorted(base.index, original_index).clip(0, len(base.index) - 1)
    there = np.zeros(len(base.index), bool)
    there[rows] = True
    known = len(rows) > 0 and np.array_equal(base.index[rows], original_index)
    if not known or not there[base.keep < 1.0].all():
        raise OutputError(_OTHER_HEAD, _ONLY_BUNDLED)
    ordered = np.zeros((len(base.index), 3))
    ordered[rows] = vertices
    return ordered, there


def _carried(places: FloatArray, deltas: FloatArray, there: NDArray[np.bool_]) -> FloatArray:
    """(A, 3) the mean move of what is around the absent vertices."""
    if there.all():
        return np.zeros((0, 3))
    apart = np.linalg.norm(places[~there, None] - places[None, there], axis=-1)
    near = np.argpartition(apart, _NEIGHBOURS, 1)[:, :_NEIGHBOURS]
    return np.asarray(deltas[there][near].mean(1))


def target_text(target: Target, name: str) -> str:
    """The file's text; vertices that move by less than its last digit are left out."""
    rounded = np.round(target.deltas, DECIMALS) + 0.0
    moved = rounded.any(1)
    offset = " ".join(f"{value:.{DECIMALS}f}" for value in target.offset)
    lines = [
        f"{number} {_short(x)} {_short(y)} {_short(z)}"
        for number, (x, y, z) in zip(target.index[moved].tolist(), rounded[moved].tolist(), strict=True)
    ]
    return _HEADER.format(name=" ".join(name.split()), offset=offset) + "\n".join(lines) + "\n"


def _short(value: float) -> str:
    """A number without needless zeros, as MakeHuman writes it."""
    text = f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def write_target(path: Path, target: Target, name: str) -> None:
    """Write ``path``, compressed where it ends in ``.gz``, under another name first. Raises OutputError if it cannot."""
    content = target_text(target, name).encode()
    content = gzip.compress(content, mtime=0) if path.suffix == ".gz" else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".nextgenface-", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written: {error.strerror}.", "Choose another place.") from error


def write_target_of(result: Path, path: Path) -> None:
    """Write the target of a finished result's head. Raises OutputError or ProtocolError."""
    vertices, original_index, name = read_neutral(result)
    write_target(path, make_target(vertices, original_index), name)
