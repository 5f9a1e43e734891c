"""The 52 ARKit blendshapes and the head's named sliders."""

from __future__ import annotations

import numpy as np

from .cut import Cut
from .source import Array, Source

_SIDED = (
    "browDown", "browOuterUp", "cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint",
    "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress", "mouthSmile", "mouthStretch", "mouthUpperUp",
    "noseSneer", "jaw", "mouth",
)  # fmt: skip
_SINGLE = (
    "browInnerUp", "cheekPuff", "jawForward", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRollLower",
    "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "tongueOut",
)  # fmt: skip
# Apple's ARFaceAnchor.BlendShapeLocation; Left is the subject's left.
ARKIT = tuple(sorted([*_SINGLE, *(stem + side for stem in _SIDED for side in ("Left", "Right"))]))


def arkit_basis(source: Source, cut: Cut, scale: float) -> tuple[tuple[str, ...], Array, list[str]]:
    """Names of the units that the package has, their (E, V, 3) mm at weight 1, and the names it lacks."""
    there = set(source.face_unit_names())
    names = tuple(name for name in ARKIT if name in there)
    basis = np.stack([cut.gather(source.face_unit(name)) * scale for name in names])
    return names, basis, [name for name in ARKIT if name not in there]


def mirrored_names(names: tuple[str, ...]) -> list[int]:
    """(E,) the place of each name with Left and Right exchanged; its own where it has no side."""
    swap = {"Left": "Right", "Right": "Left"}
    result = []
    for i, name in enumerate(names):
        side = next((s for s in swap if name.endswith(s)), None)
        result.append(i if side is None else names.index(name.removesuffix(side) + swap[side]))
    return result
