"""Anatomical points of the head, by their vertex in hm08. Those beside the midline are the subject's left."""

from __future__ import annotations

import numpy as np

from .cut import Cut
from .source import Array

POINTS = {
    "glabella": 234,
    "sellion": 132,
    "nasal dorsum": 164,
    "pronasale": 5054,
    "subnasale": 343,
    "stomion": 537,
    "pogonion": 5162,
    "menton": 732,
    "opisthocranion": 962,
    "tragion": 12178,
    "gonion": 7692,
    "cheilion": 10404,
    "alare": 11673,
    "endocanthion": 11488,
    "exocanthion": 6802,
    "euryon": 7565,
    "frontotemporale": 7030,
}


def point(cut: Cut, heads: Array, name: str, *, mirrored: bool = False) -> Array:
    """(..., 3) the point ``name`` of (..., V, 3) heads, or the one on the other side."""
    row = int(np.searchsorted(cut.original, POINTS[name]))
    return np.asarray(heads[..., cut.mirror[row] if mirrored else row, :])


def part_centre(cut: Cut, heads: Array, part: str) -> Array:
    """(..., 3) the mean vertex of a part, such as an eyeball, of (..., V, 3) heads."""
    rows = cut.vertices_of(cut.part == cut.part_names.index(part))
    return np.asarray(heads[..., rows, :].mean(-2))
