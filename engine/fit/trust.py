"""Which texels show something else than skin: hair, spectacles, a hand, teeth, reflections.

Stage 2 knows the face's own skin and light, so what covers the skin is what neither explains: much darker or brighter,
or of another colour. Skin has spots of its own; what lies before it is larger, or longer, than they are. Whole regions
are judged, because the inside of a strand or a lens need not stand out where its outline does.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .fill import smooth
from .stage3 import Texels

FloatImage = NDArray[np.float32]
BoolImage = NDArray[np.bool_]

# Radiance as a share of the face's mean below which differences fade: noise and stray light have a say there.
DARK_SHARE = 0.12
# Deviations of the logarithm of luminance from stage 2's: darker and brighter than bare skin, and darker where hair is
# a part of the face or lashes and folds throw shadows.
DARKER, BRIGHTER = 0.3, 0.28
DARKER_BY_REGION: Mapping[str, float] = {"brows": 1.0, "beard": 0.8, "lips": 0.2, "eyelids": 0.9, "eye_sockets": 0.3}
# Hair grows on both sides: where the mirror side is seen without, so much of the allowance goes.
HAIR, ONE_SIDED = ("brows", "beard"), 1.0
# What counts as hair there: a darkness, looked for so far around the mirrored place, as a share of the map's side: one brow is
# raised more than the other, and the far one is seen foreshortened. Dust that is smaller than the blur is none.
HAIRY, SIDES_REACH, SIDES_BLUR = 0.4, 0.02, 0.006
# And where the head shadows itself: nostrils and folds are deeper than the model's.
DARKER_IN_SHADOW = 0.3
# The model's own brows, beard and lips may be darker than the person's.
BRIGHTER_BY_REGION: Mapping[str, float] = {"brows": 0.3, "beard": 0.1, "lips": 0.1, "eyelids": 0.3}
# The same of colour (log R/G and log B/G together), in which the face's own spread counts as well.
TINTED = 0.15
# How much further log R/G may go up than down: blood reddens blushes, spots and scars.
RUDDIER = 1.5
TINTED_BY_REGION: Mapping[str, float] = {"brows": 0.15, "beard": 0.1, "lips": 0.15, "eyelids": 0.3}
# How far, as shares of the map's side, people's brows and lids may lie from where stage 2 has put the model's.
MISPLACED: Mapping[str, float] = {"brows": 0.04, "eyelids": 0.015}
# What lies in the nostrils and behind the wings of the nose gets no light at all, and no model is as deep there; where a
# model's own shadow is too large, the photo is brighter.
NOSTRILS, DARKER_IN_NOSTRILS, BRIGHTER_IN_NOSTRILS = "nostrils", 1.2, 0.4
# A model's nose may be another one: the same holds around the nostrils for what stays there. Of what lies before the nose, some
# reaches beyond; so much of it, and it is no nostril.
AROUND_NOSTRILS, BEYOND = "around nostrils", 0.1
# What lies there for the most part is the nose's, so that bright and dark are told apart.
MOSTLY_BEYOND = 0.5
# The model's masks that `skin_trust` needs.
REGIONS = tuple(sorted({*DARKER_BY_REGION, *BRIGHTER_BY_REGION, *TINTED_BY_REGION}))
# Deviations from which a texel is surely not skin, and down to which the region around such texels is not.
SURE, DOUBTFUL = 3.0, 1.6
# Shares of the map's side: spots up to this long are skin's own; doubt reaches so far from what is sure; and edges,
# where both mix, are as wide as this.
SPOT, REACH, EDGE = 0.06, 0.05, 0.006
NOISE = 0.002
# Skin that is seen from the side mirrors what lies behind the person, and as bright as that is no light of a few bands. By so much
# more, for each unit of a mirror's reflectance (Schlick's at normal incidence's 0), brightness and colour may differ there.
MIRRORING = 1.0
# How far on the way from the skin's colour to that of the white of an eye (of their logarithms, with this added to both) a lid's texel
# shows the white; how far apart both must be for it to be told; and how near to the lids' edge it must begin, as a share of the
# map's side. Lashes and the lid's rim lie beside it, so its edge is narrower than others.
WHITE_SHARE, WHITE_APART, WHITE_DARK, WHITE_NEAR, WHITE_EDGE = 0.6, 0.6, 0.01, 0.012, 0.002
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def skin_trust(texels: Texels, regions: Mapping[str, FloatImage], side: float | None = None) -> FloatImage:
    """(S, S) in [0, 1]: 0 where the photo shows something that lies before the skin; 1 elsewhere and where it shows
    nothing.

    ``regions`` are the model's soft masks (S, S) of `REGIONS`, and of `NOSTRILS` and `AROUND_NOSTRILS` where they are known.
    ``side`` is what this module's shares of the map's side are of, texels: S in a map that shows a face as large as the bundled
    head's does.
    """
    side = side or float(texels.size)
    seen = texels.weight.numpy() > 0.0
    if not seen.any():
        return np.ones(seen.shape, np.float32)
    away = deviations(texels, regions, side)
    around = regions.get(AROUND_NOSTRILS, np.zeros(seen.shape, np.float32)) > 0.0
    if around.any():
        nose = deviations(texels, {**regions, NOSTRILS: regions[AROUND_NOSTRILS]}, side)
        away = np.where(_stays_within((np.abs(away) > DOUBTFUL) & seen, around, BEYOND), nose, away)
    sure, doubtful = (np.abs(away) > SURE) & seen, (np.abs(away) > DOUBTFUL) & seen
    large = _larger_than_spots(sure, doubtful, SPOT * side)
    # A bright tip of a nose between dark nostrils is three spots, not one long thing.
    apart = [_larger_than_spots(sure & part, doubtful & part, SPOT * side) for part in (away < 0.0, away > 0.0)]
    large = np.where(_stays_within(doubtful, around, MOSTLY_BEYOND), np.logical_or(*apart), large)
    covered = _grown_into(large, doubtful, REACH * side)
    return _without(covered, EDGE * side)


def white_trust(texels: Texels, eyelids: FloatImage, white: FloatImage, side: float) -> FloatImage:
    """(S, S) in [0, 1]: 0 where the photo shows the white of an eye on the model's lids; 1 elsewhere.

    Eyes that are opened wide reach beyond the model's, and beyond what a detector says of them: the white goes on from the lids'
    edge over their skin.

    Args:
        texels: one photo's. eyelids: (S, S) the model's soft mask. side: as in `skin_trust`.
        white: (3,) linear albedo of the white as this photo shows it under the same light.
    """
    lids = misplaced({"eyelids": eyelids}, side)["eyelids"]
    skin = texels.at_seen(texels.diffuse)
    shown = texels.colour / texels.body.clamp(min=1e-3)
    way = torch.log((torch.from_numpy(white).float() + WHITE_DARK) / (skin + WHITE_DARK))
    gone = torch.log((shown.clamp(min=0.0) + WHITE_DARK) / (skin + WHITE_DARK))
    square = (way**2).sum(1)
    share = (gone * way).sum(1) / square.clamp(min=1e-6)
    told = (square > WHITE_APART**2) & (way.mean(1) > 0.0)
    is_white = texels.image(((share > WHITE_SHARE) & told).float()[:, None]).numpy()[:, :, 0]
    covered = (is_white > 0.5) & (lids > 0.2) & (texels.weight.numpy() > 0.0)
    opening = ((texels.skin.numpy() < 0.5) & (lids > 0.2)).astype(np.uint8)
    at_edge = cv2.dilate(opening, disc(WHITE_NEAR * side)) > 0
    _, label = cv2.connectedComponents(covered.astype(np.uint8), connectivity=8)
    return _without(covered & np.isin(label, np.unique(label[covered & at_edge])), WHITE_EDGE * side)


def _without(covered: BoolImage, edge: float) -> FloatImage:
    """(S, S) 0 on ``covered`` and at its edges, where both mix and which are ``edge`` texels wide; 1 elsewhere."""
    edge = max(1.0, edge)
    wide = cv2.dilate(covered.astype(np.uint8), disc(edge)).astype(np.float32)
    return np.asarray(1.0 - np.clip(2.0 * cv2.GaussianBlur(wide, (0, 0), edge), 0.0, 1.0), np.float32)


def deviations(texels: Texels, regions: Mapping[str, FloatImage], side: float) -> FloatImage:
    """(S, S) standardised distance of what the photo shows from stage 2's skin and light, negative where it is darker; 0 where it
    shows nothing.
    """
    weight = texels.weight.numpy()
    expected = _expected(texels)
    difference = smooth(_log_ratio(texels, expected), weight, max(0.5, NOISE * side))
    luminance = difference @ LUMINANCE
    tint = np.stack([difference[:, :, 0] - difference[:, :, 1], difference[:, :, 2] - difference[:, :, 1]], 2)
    luminance = luminance - _trend(luminance, weight, DARKER)
    tint = tint - np.stack([_trend(tint[:, :, channel], weight, TINTED) for channel in range(2)], 2)
    spread = misplaced(regions, side)
    allowed = {name: share * spread[name] for name, share in DARKER_BY_REGION.items()}
    other = _hairless_mirror(luminance, weight, side)
    for name in HAIR:
        allowed[name] = allowed[name] * (1.0 - ONE_SIDED * other)
    darker = DARKER + sum(allowed.values())
    darker = darker + DARKER_IN_SHADOW * _shadow(texels, expected) + DARKER_IN_NOSTRILS * regions.get(NOSTRILS, 0.0)
    brighter = BRIGHTER + sum(share * regions[name] for name, share in BRIGHTER_BY_REGION.items())
    brighter = brighter + BRIGHTER_IN_NOSTRILS * regions.get(NOSTRILS, 0.0)
    by_light = luminance / np.where(luminance < 0.0, darker, brighter)
    usual = max(TINTED, 1.5 * float(np.median(np.abs(tint)[weight > 0.5]))) if (weight > 0.5).any() else TINTED
    # Make-up lies around the eyes; brows have the colour of hair only where they are.
    painted = {**regions, "eyelids": spread["eyelids"]}
    tinted = usual + sum(share * painted[name] for name, share in TINTED_BY_REGION.items())
    tint[:, :, 0] = np.where(tint[:, :, 0] > 0.0, tint[:, :, 0] / RUDDIER, tint[:, :, 0])
    away = np.sqrt(by_light**2 + (tint**2).sum(2) / tinted**2)
    away = np.where(luminance > 0.0, away / (1.0 + MIRRORING * mirroring(texels)), -away)
    return np.asarray(np.where(weight > 0.0, away, 0.0), np.float32)


def misplaced(regions: Mapping[str, FloatImage], side: float) -> dict[str, FloatImage]:
    """``regions`` with those of `MISPLACED` spread by so much."""
    return {
        name: np.asarray(cv2.dilate(mask, disc(MISPLACED[name] * side)), np.float32) if name in MISPLACED else mask
        for name, mask in regions.items()
    }


def _expected(texels: Texels) -> Tensor:
    """(M, 3) linear radiance of the seen texels by stage 2's skin and light."""
    return (texels.at_seen(texels.diffuse) * texels.body + mirrored(texels)).clamp(min=0.0)


def mirrored(texels: Texels) -> Tensor:
    """(M, 3) linear radiance that the seen texels mirror by stage 2's skin and light."""
    return texels.lit.specular(*(texels.at_seen(value) for value in (texels.specular, texels.roughness)))


def _log_ratio(texels: Texels, expected: Tensor) -> FloatImage:
    """(S, S, 3) log of what the photo shows over what is expected, 0 where it shows nothing."""
    dark = DARK_SHARE * float(expected.mean())
    return np.asarray(texels.image(torch.log((texels.colour + dark) / (expected + dark))).numpy())


def _hairless_mirror(luminance: FloatImage, weight: FloatImage, side: float) -> FloatImage:
    """(S, S) in [0, 1]: how surely the photo shows the mirror side, and there no hair near the same place."""
    darkness = smooth(-luminance[:, :, None], weight, max(0.5, SIDES_BLUR * side))[:, :, 0]
    darkest = cv2.dilate(np.asarray(darkness * (weight > 0.0), np.float32), disc(SIDES_REACH * side))
    shown = np.minimum(1.0, cv2.GaussianBlur(weight, (0, 0), max(0.5, SIDES_REACH * side)))
    bare = np.clip(1.0 - darkest / HAIRY, 0.0, 1.0) * shown
    return np.asarray(np.flip(bare, 1), np.float32)


def _shadow(texels: Texels, expected: Tensor) -> FloatImage:
    """(S, S) in [0, 1]: 1 where no light is expected, 0 where as much as on the average."""
    light = expected.mean(1, keepdim=True) / expected.mean()
    return np.asarray(texels.image(1.0 - light.clamp(max=1.0)).numpy()[:, :, 0])


def mirroring(texels: Texels) -> FloatImage:
    """(S, S) in [0, 1]: how much more than a surface that faces the camera each texel mirrors (Schlick 1994)."""
    return np.asarray(texels.image((1.0 - texels.lit.cosine.clamp(0.0, 1.0))[:, None] ** 5).numpy()[:, :, 0])


def _trend(values: FloatImage, weight: FloatImage, width: float) -> FloatImage:
    """(S, S) the quadric over the map that fits ``values`` robustly: light that stage 2 missed is no reason to doubt.

    Iterated weighted least squares with Geman and McClure's weights, from zero; a ridge keeps it flat where little is
    seen.
    """
    size = len(values)
    step = max(1, size // 128)
    place = (np.arange(size, dtype=np.float32) + 0.5) / size * 2.0 - 1.0
    x, y = np.meshgrid(place, place)
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 2)
    rows, columns = np.nonzero(weight[::step, ::step] > 0.0)
    rows, columns = rows * step, columns * step
    part = basis[rows, columns].astype(np.float64)
    found, trust = values[rows, columns], weight[rows, columns]
    ridge = np.diag([0.0] + [0.02 * len(part)] * 5) + 1e-9 * np.eye(6)
    result = np.zeros(6)
    for _ in range(6):
        robust = trust / (1.0 + ((found - part @ result) / (2.0 * width)) ** 2) ** 2
        normal = (part * robust[:, None]).T
        result = np.linalg.solve(normal @ part + ridge, normal @ found)
    return np.asarray(basis @ result, np.float32)


def _larger_than_spots(sure: BoolImage, doubtful: BoolImage, spot: float) -> BoolImage:
    """``sure`` without the regions of ``doubtful`` texels around it that are no longer than a ``spot`` of the skin, texels."""
    joined = cv2.dilate((sure | doubtful).astype(np.uint8), disc(1.0))
    _, label, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    longer = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(1) > spot
    return np.asarray(sure & longer[label])


def _stays_within(found: BoolImage, region: BoolImage, most: float) -> BoolImage:
    """The connected parts of ``found`` of which no more than the share ``most`` lies beyond ``region``."""
    count, label = cv2.connectedComponents(found.astype(np.uint8), connectivity=8)
    area = np.maximum(np.bincount(label.ravel(), minlength=count), 1)
    beyond = np.bincount(label[~region], minlength=count) / area
    return np.asarray(found & (beyond <= most)[label])


def _grown_into(sure: BoolImage, doubtful: BoolImage, reach: float) -> BoolImage:
    """``sure`` and what is ``doubtful``, joined to it, and within ``reach`` texels of it."""
    _, label = cv2.connectedComponents((sure | doubtful).astype(np.uint8), connectivity=8)
    near = cv2.distanceTransform((~sure).astype(np.uint8), cv2.DIST_L2, 5) < reach
    return np.asarray(sure | (near & doubtful & np.isin(label, np.unique(label[sure]))))


def disc(radius: float) -> NDArray[np.uint8]:
    """A round neighbourhood of ``radius`` texels for OpenCV's morphology."""
    size = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)
