"""A checkout of ICT-FaceKit's layout, written from the bundled head: fewer vertices, all the files and parts."""

from __future__ import annotations

import numpy as np
from nextgenface.engine.faces.bundled import load
from nextgenface.engine.faces.ict_files import EXPRESSIONS, NEUTRAL, PARTS, Part, arkit_name
from nextgenface.engine.faces.model import PART_NAMES

SQUARES = {"face": 0, "head and neck": 1, "mouth socket": 2, "eyeball left": 3, "eyeball right": 3}


def write(folder, identities=100):
    """All OBJ files into ``folder``; the parts' table that fits them, and the number of vertices."""
    folder.mkdir(parents=True, exist_ok=True)
    head = load()
    order, parts = _ordered(head)
    quads, uv = head.quads[order], head.uv_face[order]
    lash, lash_uv = _lash(head)
    # Cards of lashes, and a shell before the eye that nobody may see.
    vertices = np.concatenate([head.mean, lash, lash + np.array([0, 0, 30])]).astype(np.float64)
    count = head.vertex_count
    shells, cards = [[count + 4, count + 5, count + 6, count + 7]], [[count, count + 1, count + 2, count + 3]]
    quads = np.concatenate([quads, shells, cards, cards])
    uv = np.concatenate([uv + _squares(parts)[:, None], lash_uv, lash_uv, lash_uv])
    end = len(order)
    parts += [
        Part("shells of the eyes", end + 1, ""),
        Part("lashes left", end + 2, "lashes"),
        Part("lashes right", end + 3, "lashes"),
    ]
    faces = _face_lines(quads, uv)
    _write(folder / NEUTRAL, vertices, faces)
    room = np.zeros((8, 3))
    for number in range(identities):
        offset = head.identity_basis[number % head.identity_count]
        _write(folder / f"identity{number:03d}.obj", vertices + np.concatenate([offset, room]), [])
    for name in EXPRESSIONS:
        _write(folder / f"{name}.obj", vertices + np.concatenate([_expression(head, arkit_name(name)), room]), [])
    return tuple(parts), len(vertices)


def _ordered(head):
    """The head's polygons in the order of the published parts, and the table of parts that follows from it."""
    part, low = head.face_part, head.mean[np.maximum(head.quads, 0)].mean(1)[:, 1] < -110
    of = {"skin": [("face", (part == 0) & ~low), ("head and neck", (part == 0) & low)]}
    chosen, parts, end = [], [], 0
    for published in PARTS:
        if published.part in ("", "lashes") or published.name.startswith("eye socket"):
            continue
        name = published.part
        mask = dict(of["skin"])[published.name] if name == "skin" else part == PART_NAMES.index(name)
        rows = np.flatnonzero(mask)
        end += len(rows)
        chosen.append(rows)
        parts.append(Part(published.name, end, name))
    return np.concatenate(chosen), parts


def _squares(parts):
    """(F, 2) how far each polygon's UVs are moved: each group has a square of its own."""
    counts = np.diff([0, *(part.end for part in parts)])
    return np.repeat([[SQUARES.get(part.name, 4), 0] for part in parts], counts, 0)


def _lash(head):
    """(4, 3) mm a card before the left eye, and its UVs (1, 4, 2)."""
    eye = head.mean[np.unique(head.quads[head.face_part == PART_NAMES.index("eye_left")])]
    card = eye.mean(0) + np.array([[-5, 4, 20], [5, 4, 20], [5, 8, 20], [-5, 8, 20]])
    return card, np.array([[[0, 0], [1, 0], [1, 1], [0, 1]]]) * 0.1 + [4, 0]


def _expression(head, name):
    """(V, 3) the bundled head's shape of ARKit's name; half of it for each side where ARKit has one for both."""
    names = head.expression_names
    if name in names:
        return head.expression_basis[names.index(name)]
    stem, side = (name.removesuffix("Left"), 1) if name.endswith("Left") else (name.removesuffix("Right"), -1)
    share = np.clip(0.5 + side * head.mean[:, :1] / 40.0, 0.0, 1.0)
    return head.expression_basis[names.index(stem)] * share


def _face_lines(quads, uv):
    lines = [f"vt {u:.6f} {v:.6f}" for u, v in uv.reshape(-1, 2)]
    for number, quad in enumerate(quads.tolist()):
        corners = [f"{vertex + 1}/{4 * number + i + 1}/1" for i, vertex in enumerate(quad) if vertex >= 0]
        lines.append("f " + " ".join(corners))
    return lines


def _write(path, vertices, faces):
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in (vertices / 10.0).tolist()]
    path.write_text("\n".join(["# a head", "mtllib none.mtl", *lines, "vn 0 0 1", *faces]) + "\n", "utf-8")
