"""Puts the teeth where a person's are: MakeHuman has them too high and too far behind the lips to be seen in a smile."""

from __future__ import annotations

import numpy as np

from .cut import Cut
from .landmarks import point
from .source import Array

# Upper incisors show this much below the resting upper lip (Vig and Brundo, "The kinetics of anterior tooth display",
# 1978: 1.9 mm in men, 3.4 mm in women); the lower ones end above that edge by the overbite.
DISPLAY_MM, OVERBITE_MM = 2.6, 2.0
# Behind the foremost point of the upper lip lie the upper incisors by its thickness, 14.8 mm in men and 12.6 in women, and behind
# those the lower ones by the overjet (Arnett et al., "Soft tissue cephalometric analysis", Am. J. Orthod. Dentofacial Orthop.
# 116(3), 1999, from memory).
LIP_MM, OVERJET_MM = 13.7, 3.2


def with_teeth_in_place(cut: Cut, head: Array) -> Array:
    """``head`` (V, 3), mm, with both rows of teeth moved as they are."""
    moved = head.copy()
    upper, lower = (cut.vertices_of(cut.part == cut.part_names.index(name)) for name in ("teeth_upper", "teeth_lower"))
    lip_line = point(cut, head, "stomion")
    front, edge = _upper_lip(cut, head, lip_line) - LIP_MM, lip_line[1] - DISPLAY_MM
    moved[upper] += (0.0, edge - head[upper, 1].min(), front - head[upper, 2].max())
    moved[lower] += (
        0.0,
        edge + OVERBITE_MM - np.quantile(head[lower, 1], 0.9),
        front - OVERJET_MM - head[lower, 2].max(),
    )
    return moved


def _upper_lip(cut: Cut, head: Array, lip_line: Array) -> float:
    """z of the foremost point of the upper lip on the midline."""
    height = head[:, 1] - lip_line[1]
    near = cut.outer_skin & (np.abs(head[:, 0]) < 3.0) & (height > 0.0) & (height < 14.0)
    return float(head[near, 2].max())
