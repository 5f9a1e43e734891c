"""Teeth: how far a smile shows them, and their colours, from what a photo shows between the lips.

The expression units open the lips but leave the teeth where they are in a face at rest: behind a lip that is thick there, with
an edge that a smile's upper lip rises from. In a photo of a smile the upper teeth fill the mouth down to the lower lip.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.model import PART_NAMES, FaceModel
from ..faces.skin_colour import part_albedo
from ..render.geometry import TracedScene
from ..render.transfer import primary_hits
from ..scene.camera import Camera

FloatImage = NDArray[np.float32]
BoolImage = NDArray[np.bool_]

ROWS = ("teeth_upper", "teeth_lower")
# Names of the expressions that move the upper row, in mm at weight 1: down, and out of the mouth. The lower one follows the jaw.
LOWERED, ADVANCED = "upperTeethLowered", "upperTeethAdvanced"
REACH_MM = {LOWERED: 10.0, ADVANCED: 5.0}
# Distance behind the foremost point of a smiling upper lip, mm: of the 13.7 mm at rest, a smile takes about a third.
LIP_MM = 9.0
# Half width of the front teeth whose edge is looked for, mm; the least height of the opening there. Of its columns so many
# must show teeth.
FRONT_MM, LEAST_MM, LEAST_COLUMNS = 11.0, 2.0, 0.4
# Teeth that begin below this share of the opening are the lower ones, with the upper ones behind the lip; and where the teeth of a column
# leave out so many mm, tongue or hollow lies between the rows.
UPPER_BEGIN, BETWEEN_ROWS_MM = 0.5, 1.5
# Teeth under which the mouth's hollow is not seen go on behind the lower lip by so many mm: near their edges, which are turned down,
# they are dark.
TUCKED_MM = 3.5
# Shares of the opening's height by which the picture around it is looked at, and in which ever less of the way out of the mouth
# is tried, if the teeth would come through the skin by more than so many mm: a lip is soft, and its edge yields. Then less of the
# way down: teeth that end above the lower lip are better than none.
AROUND, TRIALS, YIELD_MM = 1.5, (1.0, 0.7, 0.4, 0.0), 1.0
LOWERINGS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)
# Teeth have less red against green than the skin beside them in the same light, by this in the logarithm, and at least so
# much of its luminance: what is darker is the hollow of the mouth.
LESS_RED, LEAST_BRIGHTNESS = 0.08, 0.25
# In a grey photo, the skin of which has nowhere a redness beyond this, brightness alone tells teeth: gums and tongue are darker.
GREY, GREY_BRIGHTNESS = 0.02, 0.5
# Luminance of the photographed teeth's albedo against typical ones', the most that one texel may have, and how far the logarithm of
# their red and blue against green may be from typical ones': in a tinted light that is found a little wrong they would be green.
LEVEL_RANGE, BRIGHTEST, TINT_RANGE = (0.6, 1.35), 0.85, 0.2
FEWEST_TEXELS = 24
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True)
class SeenMouth:
    """What a photo shows between the lips, all (H, W) in [0, 1]: ``opening`` is 1 there, ``teeth`` where these are, ``hollow``
    where it is dark.
    """

    opening: FloatImage
    teeth: FloatImage
    hollow: FloatImage


def look_into_mouth(image: FloatImage, opening: FloatImage, skin: FloatImage) -> SeenMouth:
    """Teeth and hollow in the opening of the mouth.

    Args:
        image: (H, W, 3) linear Rec. 709.
        opening: (H, W) 1 between the lips.
        skin: (H, W) 1 on the skin of the face.
    """
    inside, known = opening > 0.5, skin > 0.5
    if not inside.any() or not known.any():
        return SeenMouth(opening, np.zeros_like(opening), np.zeros_like(opening))
    soft = cv2.GaussianBlur(image, (0, 0), 1.0)
    redness = np.log(soft[:, :, 0] + 0.004) - np.log(soft[:, :, 1] + 0.004)
    luminance = soft @ _LUMINANCE
    bright = luminance > LEAST_BRIGHTNESS * np.median(luminance[known])
    if np.abs(redness[known]).max() < GREY:
        pale = inside & (luminance > GREY_BRIGHTNESS * np.median(luminance[known]))
        no_gum = inside & bright
    else:
        pale = inside & bright & (redness < np.median(redness[known]) - LESS_RED)
        no_gum = inside & (redness < np.median(redness[known]))
    # The gaps between teeth belong to them, gums do not.
    joined = cv2.morphologyEx(pale.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((1, 3), np.uint8)) > 0
    joined &= no_gum
    soft_teeth = cv2.GaussianBlur(joined.astype(np.float32), (0, 0), 0.7)
    return SeenMouth(opening, np.asarray(soft_teeth, np.float32), (inside & ~bright).astype(np.float32))


@dataclass(frozen=True)
class TeethPlacement:
    """How far the upper teeth lie from where a face at rest has them: ``lowered`` and ``advanced``, mm, not below 0."""

    lowered: float = 0.0
    advanced: float = 0.0

    @property
    def weights(self) -> dict[str, float]:
        """Weights in [0, 1] of `teeth_expressions`; empty where nothing moves."""
        found = {LOWERED: self.lowered / REACH_MM[LOWERED], ADVANCED: self.advanced / REACH_MM[ADVANCED]}
        return {name: weight for name, weight in found.items() if weight > 0.0}

    def moved(self, model: FaceModel, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """``vertices`` (V, 3) mm with the teeth there."""
        result = vertices.copy()
        for name, weight in self.weights.items():
            result += np.float32(weight) * teeth_expressions(model)[name]
        return result


def teeth_expressions(model: FaceModel) -> dict[str, NDArray[np.float32]]:
    """Name -> (V, 3) mm at weight 1 of the expressions that move the upper teeth; empty for a model without them."""
    teeth = _vertices_of(model, ROWS[0])
    if len(teeth) == 0:
        return {}
    directions = {LOWERED: (0.0, -1.0, 0.0), ADVANCED: (0.0, 0.0, 1.0)}
    result = {}
    for name, direction in directions.items():
        result[name] = np.zeros((model.vertex_count, 3), np.float32)
        result[name][teeth] = np.multiply(direction, REACH_MM[name])
    return result


def place_teeth(model: FaceModel, vertices: NDArray[np.float32], camera: Camera, photo: SeenMouth) -> TeethPlacement:
    """Where the photo shows the upper row, on a head with the lips of its expression.

    The edge is told as a share of the mouth's opening, in the photo and in the model: their lips need not agree.

    Args:
        vertices: (V, 3) mm, with the expression.
        camera: of the pictures in ``photo``.
    """
    upper = _vertices_of(model, ROWS[0])
    if len(upper) == 0 or not (photo.teeth > 0.5).any():
        return TeethPlacement()
    front, edge = float(vertices[upper, 2].max()), float(vertices[upper, 1].min())
    advanced = float(np.clip(_lip_front(model, vertices, edge) - LIP_MM - front, 0.0, REACH_MM[ADVANCED]))
    mouth = _Mouth.of(model, vertices, camera, photo.opening)
    ways = []
    for share in TRIALS:
        seen = mouth.edge(photo, front + share * advanced)
        if seen is None:
            return TeethPlacement()
        ways.append((float(np.clip(edge - seen, 0.0, REACH_MM[LOWERED])), share * advanced))
    for part in LOWERINGS:
        for lowered, out in ways:
            found = TeethPlacement(part * lowered, out)
            if not mouth.pierced(found):
                return found
    return TeethPlacement()


@dataclass(frozen=True)
class _Mouth:
    """Pixels (N, 2) around the mouth's opening, and which of them (N,) show what lies behind the model's lips: ``hollow``, and
    with a rim where the teeth may come before them, ``free``.
    """

    model: FaceModel
    vertices: NDArray[np.float32]
    camera: Camera
    pixels: NDArray[np.float64]
    hollow: BoolImage
    free: BoolImage

    @classmethod
    def of(cls, model: FaceModel, vertices: NDArray[np.float32], camera: Camera, opening: FloatImage) -> _Mouth:
        """Around ``opening`` (H, W) in the camera's picture."""
        rows, columns = np.nonzero(opening > 0.5)
        margin = int(AROUND * np.ptp(rows)) + 2
        box = np.mgrid[rows.min() - margin : rows.max() + margin, columns.min() : columns.max() + 1]
        pixels = box.reshape(2, -1).T[:, ::-1] + 0.5
        hollow = _part_seen(model, vertices, camera, pixels) > 0
        reach = 2 * round(YIELD_MM * camera.focal_px / float(np.linalg.norm(camera.centre))) + 1
        free = cv2.dilate(hollow.reshape(box.shape[1:]).astype(np.uint8), np.ones((reach, reach), np.uint8))
        return cls(model, vertices, camera, pixels, hollow, free.ravel() > 0)

    def pierced(self, found: TeethPlacement) -> bool:
        """Whether teeth placed so are seen where skin was, beyond the lips' edges."""
        part = _part_seen(self.model, found.moved(self.model, self.vertices), self.camera, self.pixels)
        return bool(((part == PART_NAMES.index(ROWS[0])) & ~self.free).any())

    def edge(self, photo: SeenMouth, depth: float) -> float | None:
        """Height y (mm) that the upper teeth's edge needs in the plane z = ``depth`` (mm) of the head; None where too little
        is seen.
        """
        rays = self.camera.rays(self.pixels)
        places = self.camera.centre + rays * ((depth - self.camera.centre[2]) / rays[:, 2])[:, None]
        row, column = (np.clip(self.pixels[:, axis].astype(int), 0, photo.teeth.shape[1 - axis] - 1) for axis in (1, 0))
        seen = np.stack([photo.opening, photo.teeth, photo.hollow], 2)[row, column] > 0.5
        # Columns of one millimetre in the head's frame: a head that leans has slanted columns in the picture.
        number = np.round(places[:, 0]).astype(int)
        central = [each for each in np.unique(number[self.hollow]) if abs(each) <= FRONT_MM]
        edges = []
        for each in central:
            own, heights = number == each, places[number == each, 1]
            share = _share_covered(heights, *seen[own].T)
            if share is not None:
                edges.append(_edge_at(share, heights[self.hollow[own]]))
        enough = len(edges) >= max(3, LEAST_COLUMNS * len(central))
        return float(np.median(edges)) if enough else None


def _part_seen(
    model: FaceModel, vertices: NDArray[np.float32], camera: Camera, pixels: NDArray[np.float64]
) -> NDArray[np.int64]:
    """(N,) the part of the model that each pixel shows; 0, the skin, where it shows none."""
    triangle, _ = primary_hits(TracedScene(vertices, model.triangles), camera, pixels)
    part = model.face_part[model.triangle_face[np.maximum(triangle, 0)]].astype(np.int64)
    return np.where(triangle >= 0, part, 0)


def _share_covered(
    heights: NDArray[np.float64], opening: BoolImage, teeth: BoolImage, hollow: BoolImage
) -> float | None:
    """In one column of pixels at ``heights`` (N,) mm: the share of the opening from the upper lip down to the end of the upper teeth,
    1 where they reach the lower lip; None where the mouth is closed or shows none of them.
    """
    if not opening.any() or not teeth.any():
        return None
    top, bottom = float(heights[opening].max()), float(heights[opening].min())
    if top - bottom < LEAST_MM:
        return None
    shown = np.sort(heights[opening & teeth])[::-1]
    if not len(shown) or top - shown[0] > UPPER_BEGIN * (top - bottom):
        return None
    breaks = np.flatnonzero(shown[:-1] - shown[1:] > BETWEEN_ROWS_MM)
    end = float(shown[breaks[0] if len(breaks) else -1])
    return (top - end) / (top - bottom) if (heights[hollow] < end).any() or len(breaks) else 1.0


def _edge_at(share: float, hollow: NDArray[np.float64]) -> float:
    """The height of an edge that covers ``share`` of the model's opening, which is seen at heights ``hollow`` (N,) mm."""
    top, bottom = float(hollow.max()), float(hollow.min())
    return bottom - TUCKED_MM if share == 1.0 else top - share * (top - bottom)


def _lip_front(model: FaceModel, vertices: NDArray[np.float32], edge: float) -> float:
    """z (mm) of the foremost point of the upper lip on the midline, above the teeth's ``edge``."""
    lips = np.flatnonzero(model.regions["lips"] > 0.5)
    near = vertices[lips]
    chosen = (np.abs(near[:, 0]) < 4.0) & (near[:, 1] > edge)
    return float(near[chosen, 2].max()) if chosen.any() else -np.inf


def teeth_albedo(row: str, albedo: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 3) linear albedo of a row of teeth: as photographed where its ``albedo`` (N, 3) has ``weight`` (N,), else in the
    colour of what is seen, or of typical teeth where too little is.

    The level is held to what teeth have: how much light reaches them between the lips is less sure than their contrast.
    """
    typical = part_albedo(row).astype(np.float32)
    chosen = albedo[weight > 0.5]
    if len(chosen) < FEWEST_TEXELS:
        return np.tile(typical, (len(albedo), 1))
    usual = np.median(chosen, 0)
    tint = np.log(np.maximum(usual, 1e-3) / max(1e-3, float(usual[1]))) - np.log(typical / typical[1])
    natural = np.exp(np.clip(tint, -TINT_RANGE, TINT_RANGE) - tint).astype(np.float32)
    usual, albedo = usual * natural, albedo * natural
    low, high = (share * float(typical @ _LUMINANCE) for share in LEVEL_RANGE)
    level = float(usual @ _LUMINANCE)
    scale = np.float32(np.clip(level, low, high) / max(level, 1e-3))
    mixed = weight[:, None] * albedo + (1.0 - weight[:, None]) * usual
    return np.asarray(np.clip(scale * mixed, 0.0, BRIGHTEST), np.float32)


def _vertices_of(model: FaceModel, part: str) -> NDArray[np.int32]:
    polygons = model.quads[model.face_part == PART_NAMES.index(part)]
    return np.asarray(np.unique(polygons[polygons >= 0]), np.int32)
