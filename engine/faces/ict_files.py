"""Reads the folder FaceXModel of an ICT-FaceKit checkout: OBJ files of one mesh, each with other vertices.

What the parts are, in which order, and the shapes' names are facts of its README (github.com/ICT-VGL/ICT-FaceKit): 26,719
vertices and 26,384 polygons, centimetres, y up, z out of the face.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import FaceModelError
from ..model_files import ICT_FILE

FloatArray = NDArray[np.float32]

NEUTRAL = ICT_FILE
IDENTITIES = 100
MM_PER_UNIT = 10.0
WHERE = "Get https://github.com/ICT-VGL/ICT-FaceKit and name its folder FaceXModel as face_model_folder."
_SIDED = (
    "browDown browInnerUp browOuterUp cheekPuff cheekSquint eyeBlink eyeLookDown eyeLookIn eyeLookOut eyeLookUp eyeSquint "
    "eyeWide mouthDimple mouthFrown mouthLowerDown mouthPress mouthSmile mouthStretch mouthUpperUp noseSneer"
)
_WHOLE = (
    "jawForward jawLeft jawOpen jawRight mouthClose mouthFunnel mouthLeft mouthPucker mouthRight mouthRollLower "
    "mouthRollUpper mouthShrugLower mouthShrugUpper"
)
EXPRESSIONS = tuple(sorted([f"{name}_{side}" for name in _SIDED.split() for side in "LR"] + _WHOLE.split()))


class Part(NamedTuple):
    """A run of polygons, up to but without ``end``: ours of `PART_NAMES`, or "" for what is left out."""

    name: str
    end: int
    part: str


# Lacrimal fluid, eye blend and eye occlusion are see-through shells of a game engine's eye: light would stop at them.
PARTS = (
    Part("face", 9230, "skin"),
    Part("head and neck", 11144, "skin"),
    Part("mouth socket", 13226, "mouth"),
    Part("eye socket left", 13630, "skin"),
    Part("eye socket right", 14034, "skin"),
    Part("gums and tongue", 17006, "tongue"),
    Part("upper teeth", 19250, "teeth_upper"),
    Part("lower teeth", 21496, "teeth_lower"),
    Part("eyeball left", 23094, "eye_left"),
    Part("eyeball right", 24692, "eye_right"),
    Part("shells of the eyes", 25304, ""),
    Part("lashes left", 25844, "lashes"),
    Part("lashes right", 26384, "lashes"),
)
VERTICES = 26719


@dataclass(frozen=True)
class Obj:
    """A mesh: ``vertices`` (V, 3), ``uv`` (U, 2); ``quads`` (F, 4) and ``corners`` (F, 4) into both, -1 last for triangles."""

    vertices: FloatArray
    uv: FloatArray
    quads: NDArray[np.int32]
    corners: NDArray[np.int32]


@dataclass(frozen=True)
class Checkout:
    """All of a checkout, in mm: the neutral mesh, and what each shape adds to it: (100, V, 3) and (53, V, 3)."""

    neutral: Obj
    identities: FloatArray
    expressions: FloatArray


def checkout_files(folder: Path, identities: int = IDENTITIES) -> list[Path]:
    """The files of a checkout, the neutral mesh first, then identities, then expressions.

    Raises:
        FaceModelError: some are missing.
    """
    names = [NEUTRAL, *(f"identity{number:03d}.obj" for number in range(identities))]
    names += [f"{name}.obj" for name in EXPRESSIONS]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        what = f"{missing[0]} (ICT-FaceKit's face model)" + (f" and {len(missing) - 1} more" if missing[1:] else "")
        raise FaceModelError(f"'{folder}' lacks {what}.", WHERE)
    return [folder / name for name in names]


def read_checkout(files: list[Path], vertices: int = VERTICES, polygons: int = PARTS[-1].end) -> Checkout:
    """The model from `checkout_files`.

    Raises:
        FaceModelError: a file is no OBJ file, or has another mesh; it says what was expected and what came.
    """
    neutral = read_obj(files[0])
    _expect(files[0], "polygons", polygons, len(neutral.quads))
    _expect(files[0], "vertices", vertices, len(neutral.vertices))
    offsets = [MM_PER_UNIT * (read_vertices(path, vertices) - neutral.vertices) for path in files[1:]]
    count = len(files) - 1 - len(EXPRESSIONS)
    scaled = Obj(MM_PER_UNIT * neutral.vertices, neutral.uv, neutral.quads, neutral.corners)
    return Checkout(scaled, np.array(offsets[:count], np.float32), np.array(offsets[count:], np.float32))


def read_obj(path: Path) -> Obj:
    """Vertices, UVs and polygons of three or four corners; all else in the file is passed over.

    Raises:
        FaceModelError: a line cannot be read, or the polygons name what is not there.
    """
    lines = _lines(path)
    vertices, uv = _numbers(path, lines, b"v ", 3), _numbers(path, lines, b"vt ", 2)
    try:
        faces = [_corners(line[2:]) for line in lines if line.startswith(b"f ")]
    except (ValueError, IndexError) as error:
        raise _wrong(path, "polygons of 3 or 4 corners 'vertex/uv'", "others") from error
    both = np.array(faces, np.int32).reshape(-1, 4, 2) - 1
    # Only a triangle's fourth corner may be none.
    known = len(both) and (both[:, :3] >= 0).all() and (both[:, 3] >= -1).all() and (np.diff(both[:, 3] < 0) == 0).all()
    if not known or (both.max((0, 1)) >= (len(vertices), len(uv))).any():
        raise _wrong(path, "polygons of its own vertices and UVs", "others")
    return Obj(vertices, uv, both[:, :, 0], both[:, :, 1])


def read_vertices(path: Path, count: int) -> FloatArray:
    """(V, 3) the vertices alone; raises FaceModelError where there are not ``count``."""
    found = _numbers(path, _lines(path), b"v ", 3)
    _expect(path, "vertices", count, len(found))
    return found


def arkit_name(shape: str) -> str:
    """ARKit's name of a shape: ``eyeBlink_L`` is eyeBlinkLeft. ARKit has browInnerUp and cheekPuff for both sides at once."""
    stem, _, side = shape.partition("_")
    return stem + {"": "", "L": "Left", "R": "Right"}[side]


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        raise FaceModelError(f"'{path}' cannot be read: {error.strerror}.", WHERE) from error


def _numbers(path: Path, lines: Iterable[bytes], start: bytes, count: int) -> FloatArray:
    rows = [line[len(start) :].split()[:count] for line in lines if line.startswith(start)]
    try:
        found = np.array(rows, np.float64).reshape(len(rows), count)
    except ValueError as error:
        raise _wrong(path, f"{count} numbers behind each '{start.decode().strip()}'", "something else") from error
    if not np.isfinite(found).all():
        raise _wrong(path, "finite numbers", "others")
    return found.astype(np.float32)


def _corners(text: bytes) -> list[tuple[int, int]]:
    """Four pairs of vertex and UV numbers, counted from 1; (0, 0) last for a triangle."""
    found = [(int(parts[0]), int(parts[1])) for corner in text.split() for parts in [corner.split(b"/")]]
    if not 3 <= len(found) <= 4:
        raise ValueError
    return found if len(found) == 4 else [*found, (0, 0)]


def _expect(path: Path, what: str, expected: int, came: int) -> None:
    if came != expected:
        raise _wrong(path, f"{expected} {what}", str(came))


def _wrong(path: Path, expected: str, came: str) -> FaceModelError:
    return FaceModelError(f"'{path}' is another file: expected {expected}, got {came}.", WHERE)
