"""Checkpoints: what the stages of a fit have found, as a file that is safe to load whoever made it.

A checkpoint is a ZIP of ``header.json`` and of one ``NAME.npy`` for each array (so `numpy.load` reads it). Nothing in it
is ever run: there are no pickled objects, and the arrays' headers are matched against the one form that is written here,
not evaluated. Everything is bounded before it is read: the file, its directory, what each part says it grows to.
NumPy and the standard library only.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError
from ..plain_json import parsed
from .writing import CHECKPOINTS, ResultFolder, told_as_output_error

FORMAT, VERSION = "nextgenface checkpoint", 1
SUFFIX = ".npz"
_HEADER = "header.json"
# Far above what a run writes: 50 MB of maps, and a few MB of each photo.
MOST_BYTES = 2 << 30
_MOST_HEADER, _MOST_DIRECTORY, _MOST_PARTS = 1 << 20, 1 << 20, 4096
_TYPES = ("<f4", "<f8", "<i8", "|u1")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
# The array header of the .npy format, version 1.0, as NumPy writes it for plain arrays in C order.
_MAGIC = b"\x93NUMPY\x01\x00"
_DESCRIPTION = re.compile(
    rb"\{'descr': '([<|][a-z]\d)', 'fortran_order': False, 'shape': \(((?:\d{1,10}, ?)*(?:\d{1,10})?)\), \} *\n"
)
# The end of a ZIP's directory without a comment (APPNOTE.TXT 4.3.16), and the mark of the 64-bit kind, which is not written.
_END = struct.Struct("<4s4H2LH")
_LOCATOR_SIZE = 20
_AGAIN = "Reconstruct again, or choose another checkpoint."
_WHICH = "Choose one of a run's checkpoints/stageN_output.npz."
# A time that all parts have, so that the same state gives the same file.
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class PhotoMark:
    """A photo that a checkpoint was made from: its file's ``name`` and the hexadecimal ``sha256`` of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Checkpoint:
    """What was found up to and with a stage.

    Attributes:
        stage: 1, 2 or 3.
        face_model: the face model's name. fingerprint: hexadecimal hash of its arrays.
        photos: of the one person, in order.
        settings: of the run (`Settings.to_dict`).
        arrays: name -> float32, float64, int64 or uint8 of one or more dimensions; floats are finite.
        engine: version of the program that wrote it.
    """

    stage: int
    face_model: str
    fingerprint: str
    photos: tuple[PhotoMark, ...]
    settings: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    engine: str = ""


def checkpoint_name(stage: int) -> str:
    """The file's name in a run's ``checkpoints`` folder."""
    return f"stage{stage}_output{SUFFIX}"


def keep_checkpoint(output: Path, checkpoint: Checkpoint) -> Path:
    """Put a checkpoint into ``output``'s checkpoints, whole or not at all; those of later stages, which were made from
    another one, are removed.

    Raises:
        OutputError: it cannot be written, or the disk is full.
    """
    folder = output / CHECKPOINTS
    with ResultFolder(folder, beside=True) as part:
        write_checkpoint(part.path / checkpoint_name(checkpoint.stage), checkpoint)
    with told_as_output_error(folder):
        for later in range(checkpoint.stage + 1, 4):
            (folder / checkpoint_name(later)).unlink(missing_ok=True)
    return folder / checkpoint_name(checkpoint.stage)


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the file; the same checkpoint gives the same bytes. Raises OSError."""
    with zipfile.ZipFile(path, "w") as archive:
        _add(archive, _HEADER, json.dumps(_described(checkpoint), allow_nan=False).encode())
        for name, array in checkpoint.arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
            _add(archive, f"{name}.npy", buffer.getvalue())


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.external_attr = 0o644 << 16
    # Noise hardly gets smaller, but most of a map is even; the lowest level finds that as well as the highest.
    archive.writestr(info, data, zipfile.ZIP_DEFLATED, 1)


def _described(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "engine": checkpoint.engine,
        "stage": checkpoint.stage,
        "face_model": checkpoint.face_model,
        "fingerprint": checkpoint.fingerprint,
        "photos": [{"name": photo.name, "sha256": photo.sha256} for photo in checkpoint.photos],
        "settings": dict(checkpoint.settings),
    }


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in a file; nothing in the file is run, whatever it holds.

    Raises:
        CheckpointError: it cannot be read, is a pickle or no checkpoint, damaged, or of a newer version.
    """
    with _told(path), path.open("rb") as file:
        _refuse_pickle(path, file)
        _check_directory(path, file)
        with zipfile.ZipFile(file) as archive:
            parts = _parts(path, archive)
            header = _header(path, archive, parts.pop(_HEADER, None))
            arrays = {_array_name(path, name): _array(path, name, archive, info) for name, info in parts.items()}
    return _checkpoint(path, header, arrays)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn whatever reading a bad file raises into a sentence."""
    try:
        yield
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no checkpoint '{path}'.", "Check the path.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, ValueError) as error:
        raise _damaged(path) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise CheckpointError(f"The checkpoint '{path}' cannot be read: {reason}.", "Check the path.") from error


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(f"The checkpoint '{path.name}' is damaged or was cut short.", _AGAIN)


def _refuse_pickle(path: Path, file: BinaryIO) -> None:
    start = file.read(4)
    # Since its protocol 2 a pickle starts with 0x80 and the protocol's number.
    if path.suffix.lower() in (".pickle", ".pkl") or (start[:1] == b"\x80" and start[1:2] <= b"\x0f"):
        raise CheckpointError(
            f"'{path.name}' is a pickle, which can run any program when it is loaded, so it is not loaded.",
            "Reconstruct the photo again without --checkpoint: the new checkpoints are .npz files, and the first two stages"
            " take seconds.",
        )
    if start[:2] != b"PK":
        raise CheckpointError(f"'{path.name}' is not a checkpoint.", _WHICH)


def _check_directory(path: Path, file: BinaryIO) -> None:
    """Bound the file and its directory before they are read."""
    size = file.seek(0, io.SEEK_END)
    if size > MOST_BYTES:
        raise CheckpointError(f"The checkpoint '{path.name}' is larger than {MOST_BYTES >> 30} GB.", _AGAIN)
    tail = max(0, size - _END.size - _LOCATOR_SIZE)
    file.seek(tail)
    end = file.read()
    mark, *_, parts, directory, _, comment = _END.unpack(end[-_END.size :])
    if mark != b"PK\5\6" or comment or end[:4] == b"PK\6\7":
        raise _damaged(path)
    if parts > _MOST_PARTS or directory > _MOST_DIRECTORY:
        raise CheckpointError(f"The checkpoint '{path.name}' has too many parts.", _AGAIN)
    file.seek(0)


def _parts(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The archive's parts, none of them encrypted or there twice, all of them together of a bearable size."""
    parts = {info.filename: info for info in archive.infolist()}
    if len(parts) != len(archive.infolist()):
        raise _damaged(path)
    if any(info.flag_bits & 1 or info.compress_type not in (0, zipfile.ZIP_DEFLATED) for info in parts.values()):
        raise _damaged(path)
    if sum(info.file_size for info in parts.values()) > MOST_BYTES:
        raise CheckpointError(f"The checkpoint '{path.name}' grows to more than {MOST_BYTES >> 30} GB.", _AGAIN)
    return parts


def _read(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A part's bytes: as many as its directory says, whatever the compressed stream holds; the checksum is compared."""
    with archive.open(info) as stream:
        data = stream.read(info.file_size)
    if len(data) != info.file_size:
        raise _damaged(path)
    return data


def _header(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo | None) -> dict[str, Any]:
    if info is None or info.file_size > _MOST_HEADER:
        raise CheckpointError(f"'{path.name}' is not a checkpoint.", _WHICH)
    header = parsed(_read(path, archive, info))
    if not isinstance(header, dict) or header.get("format") != FORMAT or type(header.get("version")) is not int:
        raise _damaged(path)
    if header["version"] > VERSION:
        raise CheckpointError(
            f"The checkpoint '{path.name}' was written by a newer NextGenFace (its version is {header['version']}, this one"
            f" knows {VERSION}).",
            "Install that NextGenFace, or reconstruct again with this one.",
        )
    if header["version"] < 1:
        raise _damaged(path)
    return header


def _array_name(path: Path, name: str) -> str:
    stem = name.removesuffix(".npy")
    if stem == name or not _NAME.fullmatch(stem):
        raise _damaged(path)
    return stem


def _array(path: Path, name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """An array of a known kind that is as long as it says, of finite numbers."""
    data = _read(path, archive, info)
    length = int.from_bytes(data[len(_MAGIC) : len(_MAGIC) + 2], "little")
    start = len(_MAGIC) + 2 + length
    match = _DESCRIPTION.fullmatch(data[len(_MAGIC) + 2 : start])
    if data[: len(_MAGIC)] != _MAGIC or match is None or match[1].decode() not in _TYPES:
        raise CheckpointError(f"'{name}' in the checkpoint '{path.name}' is no array of numbers.", _AGAIN)
    kind = np.dtype(match[1].decode())
    shape = tuple(int(side) for side in match[2].replace(b" ", b"").split(b",") if side)
    if not shape or len(shape) > 8 or math.prod(shape) * kind.itemsize != len(data) - start:
        raise _damaged(path)
    array = np.frombuffer(data, kind, offset=start).reshape(shape).copy()
    if kind.kind == "f" and not np.isfinite(array).all():
        raise CheckpointError(f"The checkpoint '{path.name}' has numbers that are not finite ({name}).", _AGAIN)
    return array


def _checkpoint(path: Path, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Checkpoint:
    try:
        photos = tuple(PhotoMark(_text(photo["name"]), _text(photo["sha256"])) for photo in header["photos"])
        stage, settings = header["stage"], header["settings"]
        texts = [_text(header[name]) for name in ("face_model", "fingerprint", "engine")]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    if type(stage) is not int or stage not in (1, 2, 3) or not isinstance(settings, dict) or not photos:
        raise _damaged(path)
    return Checkpoint(stage, texts[0], texts[1], photos, settings, arrays, texts[2])


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 4096:
        raise ValueError("not a text")
    return value
