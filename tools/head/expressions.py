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

# Ring of vertices, from where the outer skin ends, that is the lid's visible edge; closed lids overlap by this much.
LID_MARGIN, LIDS_PRESSED_MM = 2, 0.5


def arkit_basis(source: Source, cut: Cut, scale: float) -> tuple[tuple[str, ...], Array, list[str]]:
    """Names of the units that the package has, their (E, V, 3) mm at weight 1, and the names it lacks."""
    there = set(source.face_unit_names())
    names = tuple(name for name in ARKIT if name in there)
    basis = np.stack([cut.gather(source.face_unit(name)) * scale for name in names])
    return names, basis, [name for name in ARKIT if name not in there]


def fit_blinks(cut: Cut, mean: Array, names: tuple[str, ...], basis: Array) -> None:
    """Scale the two blinks in ``basis``, in place, so that they just close the lids of ``mean`` (V, 3).

    The units were made for hm08's own eyes; on eyes that are less open they pull the upper lid beyond the lower.
    """
    margin = cut.rings(cut.lid_rim, LID_MARGIN) == LID_MARGIN
    for name, side in (("eyeBlinkLeft", 1.0), ("eyeBlinkRight", -1.0)):
        lid = np.flatnonzero(margin & (mean[:, 0] * side > 0))
        middle = (mean[lid, 0].min() + mean[lid, 0].max()) / 2
        near = lid[np.argsort(np.abs(mean[lid, 0] - middle))[:8]]
        upper, lower = near[mean[near, 1].argmax()], near[mean[near, 1].argmin()]
        blink = basis[names.index(name)]
        blink *= (mean[upper, 1] - mean[lower, 1] + LIDS_PRESSED_MM) / (blink[lower, 1] - blink[upper, 1])


def mirrored_names(names: tuple[str, ...]) -> list[int]:
    """(E,) the place of each name with Left and Right exchanged; its own where it has no side."""
    swap = {"Left": "Right", "Right": "Left"}
    result = []
    for i, name in enumerate(names):
        side = next((s for s in swap if name.endswith(s)), None)
        result.append(i if side is None else names.index(name.removesuffix(side) + swap[side]))
    return result
