"""The head's named sliders: what a person tweaks, each a sum of MakeHuman targets with the mean slope of both directions."""

from __future__ import annotations

import numpy as np

from .cut import Cut
from .macro import People, average_person
from .modes import FLIP, align
from .sampling import SEX_SIZE, Generator
from .source import Array, Source

# name -> pairs (target that adds, target that takes away); l- targets stand for both sides.
NAMED: dict[str, tuple[tuple[str, str], ...]] = {
    "nose_width": (("nose/nose-scale-horiz-incr", "nose/nose-scale-horiz-decr"),),
    "nose_length": (("nose/nose-scale-vert-incr", "nose/nose-scale-vert-decr"),),
    "nose_projection": (("nose/nose-scale-depth-incr", "nose/nose-scale-depth-decr"),),
    "nose_bridge": (("nose/nose-hump-incr", "nose/nose-hump-decr"),),
    "nose_tip_height": (("nose/nose-point-up", "nose/nose-point-down"),),
    "nostril_width": (("nose/nose-nostrils-width-incr", "nose/nose-nostrils-width-decr"),),
    "jaw_width": (("chin/chin-bones-incr", "chin/chin-bones-decr"),),
    "chin_width": (("chin/chin-width-incr", "chin/chin-width-decr"),),
    "chin_height": (("chin/chin-height-incr", "chin/chin-height-decr"),),
    "chin_prominence": (("chin/chin-prominent-incr", "chin/chin-prominent-decr"),),
    "cheekbones": (("cheek/l-cheek-bones-incr", "cheek/l-cheek-bones-decr"),),
    "cheek_fullness": (("cheek/l-cheek-volume-incr", "cheek/l-cheek-volume-decr"),),
    "lip_fullness_upper": (
        ("mouth/mouth-upperlip-volume-incr", "mouth/mouth-upperlip-volume-decr"),
        ("mouth/mouth-upperlip-height-incr", "mouth/mouth-upperlip-height-decr"),
    ),
    "lip_fullness_lower": (
        ("mouth/mouth-lowerlip-volume-incr", "mouth/mouth-lowerlip-volume-decr"),
        ("mouth/mouth-lowerlip-height-incr", "mouth/mouth-lowerlip-height-decr"),
    ),
    "mouth_width": (("mouth/mouth-scale-horiz-incr", "mouth/mouth-scale-horiz-decr"),),
    "mouth_height": (("mouth/mouth-trans-up", "mouth/mouth-trans-down"),),
    "eye_size": (("eyes/l-eye-scale-incr", "eyes/l-eye-scale-decr"),),
    "eye_distance": (("eyes/l-eye-trans-out", "eyes/l-eye-trans-in"),),
    "eye_height": (("eyes/l-eye-trans-up", "eyes/l-eye-trans-down"),),
    "eye_opening": (("eyes/l-eye-height2-incr", "eyes/l-eye-height2-decr"),),
    "eye_angle": (
        ("eyes/l-eye-corner2-up", "eyes/l-eye-corner2-down"),
        ("eyes/l-eye-corner1-down", "eyes/l-eye-corner1-up"),
    ),
    "brow_height": (("eyebrows/eyebrows-trans-up", "eyebrows/eyebrows-trans-down"),),
    "brow_depth": (("eyebrows/eyebrows-trans-forward", "eyebrows/eyebrows-trans-backward"),),
    "brow_angle": (("eyebrows/eyebrows-angle-up", "eyebrows/eyebrows-angle-down"),),
    "forehead_height": (("forehead/forehead-scale-vert-incr", "forehead/forehead-scale-vert-decr"),),
    "forehead_depth": (("forehead/forehead-trans-forward", "forehead/forehead-trans-backward"),),
    "face_width": (("head/head-scale-horiz-incr", "head/head-scale-horiz-decr"),),
    "face_length": (("head/head-scale-vert-incr", "head/head-scale-vert-decr"),),
    "weight": (
        ("head/head-fat-incr", "head/head-fat-decr"),
        ("neck/neck-double-incr", "neck/neck-double-decr"),
    ),
    "head_depth": (("head/head-scale-depth-incr", "head/head-scale-depth-decr"),),
    "ear_size": (("ears/l-ear-scale-incr", "ears/l-ear-scale-decr"),),
    "ear_angle": (("ears/l-ear-wing-incr", "ears/l-ear-wing-decr"),),
    "neck_width": (("neck/neck-scale-horiz-incr", "neck/neck-scale-horiz-decr"),),
}


# name -> macro setting of `People`, its value at weight 1 and at weight -1.
MACRO = {
    "age": ("years", 75.0, 25.0),
    "gender": ("male", 1.0, 0.0),
}
# Targets of these folders move the whole head somewhat; what is rigid of it is taken out.
WHOLE = ("head/",)


def slider_basis(
    source: Source, cut: Cut, generator: Generator, mean: Array, face: Array
) -> tuple[tuple[str, ...], Array]:
    """Names and (S, V, 3) mm at weight 1, symmetric. ``face`` (V,) weighs the alignment to ``mean`` of what moves the head."""
    offsets = {}
    for name, pairs in NAMED.items():
        offset = np.sum([_slope(source, cut, more, less) for more, less in pairs], axis=0) * generator.scale
        offsets[name] = _without_motion(mean, offset, face) if pairs[0][0].startswith(WHOLE) else offset
    for name, (setting, high, low) in MACRO.items():
        ends = [_person(generator, setting, value) for value in (high, low)]
        offsets[name] = _without_motion(mean, (ends[0] - ends[1]) / 2, face)
    basis = np.stack(list(offsets.values()))
    return tuple(offsets), (basis + basis[:, cut.mirror] * FLIP) / 2


def _slope(source: Source, cut: Cut, more: str, less: str) -> Array:
    """(V, 3) half the way from ``less`` to ``more``; the other side's target is the mirror image of an l- target."""
    delta = (cut.gather(source.target(more)) - cut.gather(source.target(less))) / 2
    return delta + delta[cut.mirror] * FLIP if "/l-" in more else delta


def _person(generator: Generator, setting: str, value: float) -> Array:
    """(V, 3) mm of the average person with one macro setting changed."""
    settings = dict(vars(average_person()))
    settings[setting] = np.array([value])
    people = People(**settings)
    return np.asarray(generator.plain(people)[0] * generator.scale * np.exp(SEX_SIZE * (people.male - 0.5)))


def _without_motion(mean: Array, offset: Array, face: Array) -> Array:
    """``offset`` (V, 3) without the rigid motion that it gives the face. Taken from a small part of it, since it is a slope."""
    small = 0.01
    ends = np.stack([mean + small * offset, mean - small * offset])
    align(ends, mean, face + 1e-9)
    return np.asarray((ends[0] - ends[1]) / (2 * small))
