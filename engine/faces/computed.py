"""What a face model from elsewhere lacks and is computed once: kept in a file named after what it was computed from."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..whole_files import write_whole

Arrays = dict[str, NDArray[Any]]

# Part of every name; another number makes all be computed anew.
VERSION = 1
_BLOCK = 1 << 20
_log = logging.getLogger(__name__)


def fingerprint(files: Iterable[Path], *more: str) -> str:
    """32 hexadecimal digits that stand for the content of ``files``, in this order, and for ``more``."""
    digest = hashlib.sha256(repr((VERSION, more)).encode())
    for path in files:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()[:32]


def computed_once(folder: Path, name: str, names: Iterable[str], compute: Callable[[], Mapping[str, Any]]) -> Arrays:
    """The arrays ``names`` from ``folder/name.npz``, or from ``compute`` where there is no such file or it is broken.

    What was computed is kept for the next time; a folder that cannot be written only costs the time again.
    """
    path = folder / f"{name}.npz"
    found = _read(path, set(names))
    if found is not None:
        return found
    made = {key: np.asarray(value) for key, value in compute().items()}
    _write(path, made)
    return made


def _read(path: Path, names: set[str]) -> Arrays | None:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files} if set(archive.files) == names else None
    except FileNotFoundError:
        return None
    except Exception as error:
        # Whatever a broken file makes NumPy, its ZIP or its compression raise: it can be made anew.
        _log.warning("%s is broken and is made anew: %s", path, error)
        return None


def _write(path: Path, arrays: Arrays) -> None:
    try:
        write_whole(path, lambda stream: np.savez_compressed(stream, **arrays))
    except OSError as error:
        _log.warning("%s cannot be kept: %s", path, error)
