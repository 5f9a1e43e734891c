"""The head as OBJ with its material, and as the .npz that the builders read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .data import FloatArray, HeadData, IntArray

# Linear diffuse colours of the parts that have no texture, close to what dentists' and eye banks' photos show.
_PLAIN_COLOURS = {
    "mouth": (0.45, 0.16, 0.15),
    "tongue": (0.50, 0.20, 0.18),
    "eye_left": (0.75, 0.72, 0.69),
    "eye_right": (0.75, 0.72, 0.69),
    "teeth_upper": (0.70, 0.64, 0.54),
    "teeth_lower": (0.70, 0.64, 0.54),
}
_OTHER_COLOUR = (0.5, 0.5, 0.5)


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


def write_obj(path: Path, head: HeadData, vertices: FloatArray, maps: dict[str, str]) -> None:
    """Write an .obj and its .mtl: quads, millimetres, smooth, one group and material per part, vertex order kept.

    Args:
        path: the .obj file; the .mtl gets the same stem.
        head: topology and UVs (``uv_face`` is written).
        vertices: (V, 3) mm, for instance with an expression.
        maps: "diffuse", "specular", "roughness" -> file names beside the .obj, for the skin.
    """
    texture, corner = np.unique(head.uv_face.reshape(-1, 2), axis=0, return_inverse=True)
    lines = ["# Millimetres, y up, z out of the face", f"mtllib {path.stem}.mtl", "o head"]
    lines += [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in vertices.tolist()]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in texture.tolist()]
    lines.append("s 1")
    corners = np.asarray(corner, np.int32).reshape(-1, 4)
    for number in _parts(head.face_part):
        name = head.part_names[number]
        rows = np.flatnonzero(head.face_part == number)
        lines += [f"g {name}", f"usemtl {name}", *_faces(head.quads[rows], corners[rows])]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    names = [head.part_names[number] for number in _parts(head.face_part)]
    path.with_suffix(".mtl").write_text(_materials(names, head.part_names[0], maps), "utf-8")


def _parts(face_part: NDArray[np.uint8]) -> list[int]:
    return [int(number) for number in np.unique(face_part)]


def _faces(quads: IntArray, corners: IntArray) -> Iterable[str]:
    for polygon, texture in zip((quads + 1).tolist(), (corners + 1).tolist(), strict=True):
        yield "f " + " ".join(f"{v}/{t}" for v, t in zip(polygon, texture, strict=True) if v > 0)


def _materials(names: list[str], skin: str, maps: dict[str, str]) -> str:
    """Kd, Ks and the PBR extension that Blender and others read (Pr, map_Pr); the textures only on the skin."""
    lines: list[str] = []
    for name in names:
        textured = name == skin
        colour = (1.0, 1.0, 1.0) if textured else _PLAIN_COLOURS.get(name, _OTHER_COLOUR)
        lines += [f"newmtl {name}", "Kd {:.3f} {:.3f} {:.3f}".format(*colour), "Ks 0.5 0.5 0.5", "d 1.0", "illum 2"]
        lines += [] if textured else ["Pr 0.3"]
        keys = {"map_Kd": "diffuse", "map_Ks": "specular", "map_Pr": "roughness"} if textured else {}
        lines += [f"{key} {maps[kind]}" for key, kind in keys.items() if maps.get(kind)]
        lines.append("")
    return "\n".join(lines)
