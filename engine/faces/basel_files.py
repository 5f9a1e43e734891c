"""Reads the Basel Face Model 2017 and AlbedoMM from the files that a person got for herself; nothing of them is shipped.

The layout of the HDF5 files is that of Scalismo's statistical models: a group for each model with ``mean`` (3 V,),
``pcaBasis`` (3 V, K), orthonormal, and ``pcaVariance`` (K,); three numbers of a vertex follow each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FaceModelError
from ..model_files import ALBEDO_FILE, SHAPE_FILE

FloatArray = NDArray[np.float32]

WHAT = {SHAPE_FILE: "the Basel Face Model 2017", ALBEDO_FILE: "AlbedoMM, the skin of the Basel model"}
WHERE = {
    SHAPE_FILE: "Ask for it at https://faces.dmi.unibas.ch/bfm/bfm2017.html, which sends a link by mail",
    ALBEDO_FILE: "Download it from https://github.com/waps101/AlbedoMM/releases",
}
# A face between ears and chin, from the lowest to the highest vertex: what else would be other units.
FACE_MM = (100.0, 400.0)
# The largest data set of the published files has 17 million; a file that says much more is not one of them.
MOST_NUMBERS = 200_000_000


@dataclass(frozen=True)
class PcaModel:
    """``mean + sum c_k sd_k mode_k`` with standard normal ``c``.

    Attributes:
        mean: (V, 3). modes: (K, V, 3), already times their standard deviations.
    """

    mean: FloatArray
    modes: FloatArray


@dataclass(frozen=True)
class BaselArrays:
    """What the two files hold: shape and expression in mm, albedo in linear RGB per vertex, triangles (T, 3)."""

    shape: PcaModel
    expression: PcaModel
    triangles: NDArray[np.int32]
    diffuse: PcaModel
    specular: PcaModel


def find_files(folder: Path) -> tuple[Path, Path]:
    """Both files in ``folder``.

    Raises:
        FaceModelError: one is missing; it says what it is, where one gets it and where to put it.
    """
    for name in (SHAPE_FILE, ALBEDO_FILE):
        if not (folder / name).is_file():
            raise FaceModelError(
                f"{name} ({WHAT[name]}) is not in '{folder}'.",
                f"{WHERE[name]}, and put it there, or name the folder that has it as face_model_folder.",
            )
    return folder / SHAPE_FILE, folder / ALBEDO_FILE


def read_files(shape_file: Path, albedo_file: Path, most_modes: int | None = None) -> BaselArrays:
    """The models of both files, each with its first ``most_modes`` modes at most.

    Raises:
        FaceModelError: a file cannot be read or has another content; it says what was expected and what came.
    """
    shape = _read_group(shape_file, "shape/model", most_modes)
    count = len(shape.mean)
    expression = _read_group(shape_file, "expression/model", most_modes, count)
    cells = _read(shape_file, "shape/representer/cells")
    diffuse = _read_group(albedo_file, "diffuseAlbedo/model", most_modes, count)
    specular = _read_group(albedo_file, "specularAlbedo/model", most_modes, count)
    if len(diffuse.modes) != len(specular.modes):
        raise _wrong(
            albedo_file, "as many specular as diffuse modes", f"{len(specular.modes)} and {len(diffuse.modes)}"
        )
    _check_size(shape_file, shape)
    return BaselArrays(shape, expression, _triangles(shape_file, cells, count), diffuse, specular)


def _read_group(path: Path, group: str, most_modes: int | None, count: int | None = None) -> PcaModel:
    """One group of a file; ``count`` vertices where that is known."""
    mean = _read(path, f"{group}/mean").reshape(-1)
    size = 3 * count if count is not None else len(mean)
    if len(mean) != size or not len(mean) or len(mean) % 3:
        raise _wrong(
            path, f"{group}/mean with 3 numbers for each of the {count or 'V'} vertices", f"{len(mean)} numbers"
        )
    variance = _read(path, f"{group}/pcaVariance").reshape(-1)
    if not (variance >= 0.0).all():
        raise _wrong(path, f"{group}/pcaVariance without negative numbers", "some")
    basis = _read(path, f"{group}/pcaBasis", most_modes)
    kept = len(variance[:most_modes])
    if basis.shape != (len(mean), kept):
        raise _wrong(path, f"{group}/pcaBasis of the shape {(len(mean), kept)}", f"{basis.shape}")
    modes = (basis * np.sqrt(variance[:kept]).astype(np.float32)).T.reshape(kept, -1, 3)
    return PcaModel(mean.reshape(-1, 3), np.ascontiguousarray(modes))


def _read(path: Path, name: str, columns: int | None = None) -> NDArray[Any]:
    """The data set ``name``, its first ``columns`` where that is given; floats come as float32."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            found = file.get(name)
            if not isinstance(found, h5py.Dataset):
                raise _wrong(path, f"the data set '{name}'", f"{', '.join(sorted(file)) or 'nothing'} at its top")
            if found.file.filename != file.filename or found.external or found.is_virtual:
                raise _wrong(path, f"'{name}' in the file itself", "a link to another file")
            if found.dtype.itemsize > 8 or found.size > MOST_NUMBERS:
                raise _wrong(path, f"'{name}' of at most {MOST_NUMBERS} numbers", f"{found.shape}")
            values = np.asarray(found[:, :columns] if columns is not None and found.ndim == 2 else found[()])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        # Whatever the HDF5 library finds wrong comes as any of these.
        raise FaceModelError(f"'{path}' cannot be read as HDF5: {error}.", _again(path)) from error
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise _wrong(path, f"numbers in '{name}'", f"others ({values.dtype})")
    return values if values.dtype.kind in "iu" else values.astype(np.float32)


def _triangles(path: Path, cells: NDArray[Any], count: int) -> NDArray[np.int32]:
    """(T, 3) of ``shape/representer/cells`` (3, T)."""
    if cells.ndim != 2 or cells.shape[0] != 3 or cells.dtype.kind not in "iu":
        raise _wrong(
            path, "shape/representer/cells of the shape (3, T), whole numbers", f"{cells.shape}, {cells.dtype}"
        )
    if cells.min() < 0 or cells.max() >= count:
        raise _wrong(path, f"cells of the vertices 0 to {count - 1}", f"{cells.min()} to {cells.max()}")
    return np.ascontiguousarray(cells.T, np.int32)


def _check_size(path: Path, shape: PcaModel) -> None:
    height = float(np.ptp(shape.mean[:, 1]))
    if not FACE_MM[0] <= height <= FACE_MM[1]:
        raise _wrong(path, f"a face {FACE_MM[0]:.0f} to {FACE_MM[1]:.0f} mm high", f"one of {height:.4g}")


def _wrong(path: Path, expected: str, came: str) -> FaceModelError:
    return FaceModelError(f"'{path}' is another file: expected {expected}, got {came}.", _again(path))


def _again(path: Path) -> str:
    known = WHAT.get(path.name)
    return f"{WHERE[path.name]}, and put it in its place." if known else "Use the file as it is published."
