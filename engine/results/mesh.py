"""The head as OBJ with its material, and as the .npz that the builders read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from .data import FloatArray, HeadData, IntArray

_MATERIAL = "head"


def write_head(path: Path, head: HeadData) -> None:
    """Write ``head`` as the compressed .npz that `engine.protocol.Result` describes."""
    np.savez_compressed(
        path,
        vertices=head.vertices.astype(np.float32),
        quads=head.quads.astype(np.int32),
        uv_face=head.uv_face.astype(np.float32),
        uv_original=head.uv_original.astype(np.float32),
        face_part=head.face_part.astype(np.uint8),
        part_names=np.array(head.part_names, np.str_),
        expression_names=np.array(head.expression_names, np.str_),
        expression_deltas=head.expression_deltas.astype(np.float32),
        slider_names=np.array(head.slider_names, np.str_),
        slider_deltas=head.slider_deltas.astype(np.float32),
        original_index=head.original_index.astype(np.int32),
    )


def read_head(path: Path) -> HeadData:
    """The head that `write_head` wrote. Raises OSError or ValueError for another file."""
    with np.load(path, allow_pickle=False) as data:
        texts = ("part_names", "expression_names", "slider_names")
        arrays = {name: data[name] for name in data.files}
    values: dict[str, Any] = {name: tuple(map(str, a)) if name in texts else a for name, a in arrays.items()}
    return HeadData(**values)


def write_obj(path: Path, head: HeadData, vertices: FloatArray, maps: dict[str, str]) -> None:
    """Write an .obj and its .mtl: quads, millimetres, smooth, one group per part, vertex order kept.

    Args:
        path: the .obj file; the .mtl gets the same stem.
        head: topology and UVs (``uv_face`` is written).
        vertices: (V, 3) mm, for instance with an expression.
        maps: "diffuse", "specular", "roughness", "normal" -> file names beside the .obj; others may be absent.
    """
    texture, corner = np.unique(head.uv_face.reshape(-1, 2), axis=0, return_inverse=True)
    lines = ["# Millimetres, y up, z out of the face", f"mtllib {path.stem}.mtl", "o head"]
    lines += [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in vertices.tolist()]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in texture.tolist()]
    lines += [f"usemtl {_MATERIAL}", "s 1"]
    corners = np.asarray(corner, np.int32).reshape(-1, 4)
    for number in np.unique(head.face_part).tolist():
        name = head.part_names[number]
        rows = np.flatnonzero(head.face_part == number)
        lines += [f"g {name}", *_faces(head.quads[rows], corners[rows])]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    path.with_suffix(".mtl").write_text(_material(maps), "utf-8")


def _faces(quads: IntArray, corners: IntArray) -> Iterable[str]:
    for polygon, texture in zip((quads + 1).tolist(), (corners + 1).tolist(), strict=True):
        yield "f " + " ".join(f"{v}/{t}" for v, t in zip(polygon, texture, strict=True) if v > 0)


def _material(maps: dict[str, str]) -> str:
    """Kd, Ks and the PBR extension that Blender and others read (map_Pr, norm). The maps cover all parts, eyes and teeth
    too.
    """
    lines = [f"newmtl {_MATERIAL}", "Kd 1.0 1.0 1.0", "Ks 0.5 0.5 0.5", "d 1.0", "illum 2"]
    keys = {"map_Kd": "diffuse", "map_Ks": "specular", "map_Pr": "roughness", "norm": "normal"}
    lines += [f"{key} {maps[kind]}" for key, kind in keys.items() if maps.get(kind)]
    return "\n".join(lines) + "\n"
