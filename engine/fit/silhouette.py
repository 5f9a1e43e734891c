"""The silhouette of the face and of the head's bare sides: where skin ends before the background, in the model and in the
photo.

Seen from aside, a face's outline tells its depth, which neither landmarks nor smooth shading know well. The model's
silhouette is where the surface turns away with nothing of the head behind it; the photo's is looked for across it, as
the edge at which something like the skin beside it ends, and a person with it, where that is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..faces.model import PART_NAMES, FaceModel
from ..faces.topology import edges
from ..render.geometry import TracedScene
from ..render.transfer import primary_hits
from ..scene.camera import Camera
from ..scene.colour import linear_to_srgb
from .head import DifferentiableCamera
from .photometric import View

Floats = NDArray[np.float32]

SKIN = PART_NAMES.index("skin")
# How far from the model's silhouette the photo's is looked for, as a share of the face's height.
REACH = 0.03
# Deviation of an edge that was found: a share of the face's height, and pixels.
SPREAD, SPREAD_PX = 0.003, 0.5
# Neighbouring edges err alike; so many of them count as independent.
INDEPENDENT_EDGES = 60.0
# Deviations at which an edge begins to count as another thing's: what leaves the model's shape behind may be far off.
KNEE = 6.0
# Change of sRGB values over two pixels below which there is no edge.
FAINTEST = 0.06
# Logarithms of colour by which the inner side of an edge may differ from the skin near it.
SKIN_WIDTH = 0.35
# How much of a difference a brighter edge counts.
BRIGHT_SHARE = 0.3
# Half width of the border of a person, pixels and share of the face's height: segmentation is coarse.
BORDER_PX, BORDER = 1.0, 0.012
# The most that a pixel which is brighter than the skin near it counts as unlike it, where a person's border is known.
BRIGHT_AWAY = 0.3
# Deviation of the logarithm of colour that any background has, and what an edge counts beyond which there is something else.
LEAST_BACKGROUND, LEAST_BEYOND = 0.1, 0.45
# Deviation of the logarithm of colour below which a background is even: what differs from it there is none of it, and the border
# of a person is looked for so many times as far out.
EVEN_BACKGROUND, EVEN_REACH = 0.03, 2.0
# Pixels beyond an edge at which the background is expected.
BEYOND_PX = 1.25, 2.0
# Of the face's height: how far skin tells what skin looks like.
SKIN_BLUR = 0.04
# The model's soft mask of the face from which an outline counts, and of the ears up to which it does. Above the mouth the
# sides of the head count as well, where they are bare, but not the neck.
LEAST_FACE, MOST_EAR = 0.25, 0.3
LEAST_SCALP, MOST_NECK = 0.3, 0.05
# Cosine between normal and line of sight below which a surface is seen from aside.
ASIDE_COSINE = 0.7
# Of the face's height: how far from an edge skin counts as next to it: on the far side of a face that is seen from aside, the
# detector's oval may end as far before the edge. And the soft masks of the forehead up to which, and of brows from which, it does.
EDGE_REACH, MOST_FOREHEAD, LEAST_BROWS = 0.12, 0.3, 0.2
# Pixels beside the model's silhouette at which the head must be missed.
BESIDE_PX = 1.5
STEP_PX = 0.5


@dataclass(frozen=True)
class Silhouette:
    """N points of the model's silhouette with the edges that the photo shows near them.

    Attributes:
        ends: (N, 2) int64, the two vertices between which a point lies. part: (N,) its share of the way to the second.
        target: (N, 2) pixels of the photo's edge. normal: (N, 2) unit, out of the face. spread: pixels.
    """

    ends: Tensor
    part: Tensor
    target: Tensor
    normal: Tensor
    spread: float

    def loss(self, vertices: Tensor, camera: DifferentiableCamera) -> Tensor:
        """() minus the log likelihood of the edges, up to a constant: Geman and McClure's, of distances across them."""
        if not len(self.part):
            return vertices.new_zeros(())
        first, second = vertices[self.ends[:, 0]], vertices[self.ends[:, 1]]
        place = first + self.part[:, None] * (second - first)
        away = ((camera.project(place) - self.target) * self.normal).sum(1) / self.spread
        square = away**2
        share = min(1.0, INDEPENDENT_EDGES / len(self.part))
        knee = KNEE**2
        return 0.5 * share * (knee * square / (knee + square)).sum()


def find_silhouette(
    model: FaceModel, scene: TracedScene, normals: Floats, view: View, face_height: float, exact: bool = False
) -> Silhouette:
    """The silhouette of the head in ``scene`` with vertex ``normals`` (V, 3), and its edges in ``view``.

    ``face_height``: in pixels of the view. ``exact``: before an even background, trust it more than the border of the person.
    """
    outline = _model_outline(model, scene, normals, view.camera)
    offset, found = _edges(outline, view, face_height, exact)
    kept = outline.at(found)
    return Silhouette(
        ends=torch.from_numpy(kept.ends),
        part=torch.from_numpy(kept.part),
        target=torch.from_numpy(kept.pixel + offset[found, None] * kept.normal),
        normal=torch.from_numpy(kept.normal),
        spread=float(np.hypot(SPREAD * face_height, SPREAD_PX)),
    )


def skin_aside(
    model: FaceModel, vertices: Floats, normals: Floats, view: View, face_height: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels of ``view`` that show the face's skin from aside: (H, W) True next to edges of the photo at which it ends, and (H, W)
    True within the person, where jaw and cheeks go on to the neck and the ears, or hair hangs before them.

    The forehead is left out, for its upper border is the hair's, but not its brows. ``face_height``: in pixels of the view.
    """
    scene = TracedScene(vertices, model.triangles)
    camera = view.camera
    rows, columns = np.mgrid[0 : camera.height, 0 : camera.width]
    pixels = np.stack([columns.ravel(), rows.ravel()], 1) + 0.5
    triangle, barycentric = primary_hits(scene, camera, pixels)
    corners = model.triangles[triangle]
    regions = ("face", "forehead", "brows")
    face, forehead, brows = ((_region(model, name)[corners] * barycentric).sum(1) for name in regions)
    skin = model.face_part[model.triangle_face[triangle]] == SKIN
    sight = camera.centre.astype(np.float32) - vertices
    facing = (normals * sight).sum(1) / np.linalg.norm(sight, axis=1)
    aside = (facing[corners] * barycentric).sum(1) < ASIDE_COSINE
    shown = (triangle >= 0) & skin & aside & (face > LEAST_FACE) & ((forehead < MOST_FOREHEAD) | (brows > LEAST_BROWS))
    shown = shown.reshape(camera.height, camera.width)
    far = np.ones(shown.shape, np.uint8)
    for x, y in find_silhouette(model, scene, normals, view, face_height).target.numpy().astype(int).tolist():
        far[y, x] = 0
    near = np.zeros(shown.shape, bool)
    if not far.all():
        near = cv2.distanceTransform(far, cv2.DIST_L2, 5) < EDGE_REACH * face_height
    return shown & near, shown & _within_person(view, face_height)


def _within_person(view: View, face_height: float) -> NDArray[np.bool_]:
    """(H, W) True where a person is seen, away from the border; nowhere where it is not known."""
    if view.person is None:
        return np.zeros(view.image.shape[:2], bool)
    size = 2 * round(BORDER_PX + BORDER * face_height) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.erode((view.person > 0.5).astype(np.uint8), kernel) > 0)


@dataclass(frozen=True)
class _Outline:
    """Points of the silhouette as in `Silhouette`, where the model has them: ``pixel`` (N, 2)."""

    ends: NDArray[np.int64]
    part: Floats
    pixel: Floats
    normal: Floats

    def at(self, chosen: NDArray[np.bool_]) -> _Outline:
        return _Outline(self.ends[chosen], self.part[chosen], self.pixel[chosen], self.normal[chosen])


def _model_outline(model: FaceModel, scene: TracedScene, normals: Floats, camera: Camera) -> _Outline:
    """Points on edges of the skin whose outline counts, at which the interpolated normal is at right angles to the line of
    sight, and beside which the camera sees nothing of the head.
    """
    vertices = scene.vertices
    facing = (normals * (camera.centre.astype(np.float32) - vertices)).sum(1)
    ends = _outline_edges(model)
    ends = ends[(facing[ends[:, 0]] > 0.0) != (facing[ends[:, 1]] > 0.0)]
    first, second = facing[ends].T
    part = (first / (first - second))[:, None]
    points = vertices[ends[:, 0]] * (1.0 - part) + vertices[ends[:, 1]] * part
    out = normals[ends[:, 0]] * (1.0 - part) + normals[ends[:, 1]] * part
    pixel = camera.project(points)
    # A millimetre along the normal, seen by the camera: the outline's own normal, since the surface is seen edge-on.
    across = camera.project(points + out) - pixel
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    triangle, _ = primary_hits(scene, camera, (pixel + BESIDE_PX * across).astype(np.float32))
    outline = _Outline(ends, part[:, 0].astype(np.float32), pixel.astype(np.float32), across.astype(np.float32))
    return outline.at(triangle < 0)


def above_mouth(model: FaceModel) -> NDArray[np.bool_]:
    """(V,) True above the mean head's lips; everywhere where ``model`` knows of none."""
    lips = _region(model, "lips") > 0.5
    return np.asarray(model.mean[:, 1] > (model.mean[lips, 1].max() if lips.any() else -np.inf))


def _outline_edges(model: FaceModel) -> NDArray[np.int64]:
    """(E, 2) edges of the skin whose outline counts: the face's and, above the mouth, the head's, without the ears."""
    side = (_region(model, "scalp") > LEAST_SCALP) & (_region(model, "neck") < MOST_NECK) & above_mouth(model)
    counts = ((_region(model, "face") > LEAST_FACE) | side) & (_region(model, "ears") < MOST_EAR)
    skin = model.face_part[model.triangle_face] == SKIN
    return edges(model.triangles[skin & counts[model.triangles].all(1)]).astype(np.int64)


def _region(model: FaceModel, name: str) -> Floats:
    """(V,) a soft mask of ``model``, 0 everywhere where it has none of this name."""
    return model.regions.get(name, np.zeros(model.vertex_count, np.float32))


def _edges(outline: _Outline, view: View, face_height: float, exact: bool) -> tuple[Floats, NDArray[np.bool_]]:
    """(N,) pixels along the normal from the model's silhouette to the photo's, and (N,) where there is one."""
    reach = max(2.0, REACH * face_height)
    steps = np.arange(-reach, reach + STEP_PX / 2, STEP_PX, dtype=np.float32)
    shown = linear_to_srgb(np.clip(view.image, 0.0, 1.0)).astype(np.float32)
    change = np.linalg.norm(_along(shown, outline, steps + 1.0) - _along(shown, outline, steps - 1.0), axis=2)
    unlike, even = _background(view, face_height)
    even_there = _along(even, outline, steps)[:, :, 0] if exact else np.zeros_like(change)
    score = change * np.exp(-0.5 * (steps / (0.5 * reach)) ** 2)
    score *= np.maximum(
        _leaves_person(outline, view, BORDER * face_height, steps),
        even_there * _leaves_person(outline, view, EVEN_REACH * BORDER * face_height, steps),
    )
    beyond = np.maximum(*(_along(unlike, outline, steps + away)[:, :, 0] for away in BEYOND_PX))
    score *= np.maximum(LEAST_BEYOND * (1.0 - even_there), 1.0 / (1.0 + beyond**2))
    best = score.argmax(1)
    rows = np.arange(len(best))
    offset = steps[best] + STEP_PX * _peak(score, best)
    inside = _along(_unlike_skin(view, face_height), outline, offset[:, None] - 2.0)[:, 0, 0]
    inside = np.where(score[rows, best] > 0.0, inside, 9.0)
    clear = (change[rows, best] > FAINTEST) & (inside < SKIN_WIDTH)
    height, width = view.image.shape[:2]
    x, y = (outline.pixel + offset[:, None] * outline.normal).T
    return offset.astype(np.float32), clear & (x > 2) & (y > 2) & (x < width - 2) & (y < height - 2)


def _leaves_person(outline: _Outline, view: View, border_px: float, steps: Floats) -> Floats:
    """(N, S) 1 where the line across the outline may leave the person, 0 elsewhere; 1 where it is not known."""
    if view.person is None:
        return np.ones((len(outline.part), len(steps)), np.float32)
    person = (view.person > 0.5).astype(np.uint8)
    size = 2 * round(BORDER_PX + border_px) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    border = cv2.dilate(person, kernel) - cv2.erode(person, kernel)
    return _along(border.astype(np.float32)[:, :, None], outline, steps)[:, :, 0]


def _background(view: View, face_height: float) -> tuple[Floats, Floats]:
    """(H, W, 1) distance of the logarithm of colour from that of the background near by, in its own deviations; (H, W, 1)
    in [0, 1] how even that background is. Both are 0 where no background is known near by.

    A rim of light has two edges, and its inner one may be the stronger.
    """
    if view.person is None:
        nowhere = np.zeros((*view.image.shape[:2], 1), np.float32)
        return nowhere, nowhere
    margin = 2 * round(BORDER_PX + BORDER * face_height) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (margin, margin))
    behind = 1.0 - cv2.dilate((view.person > 0.5).astype(np.float32), kernel)
    blur = max(1.0, SKIN_BLUR * face_height)
    logarithm = np.log(view.image + 0.01)
    mass = cv2.GaussianBlur(behind, (0, 0), blur)[:, :, None]
    mean, square = (
        cv2.GaussianBlur(values * behind[:, :, None], (0, 0), blur) / np.maximum(mass, 1e-4)
        for values in (logarithm, logarithm**2)
    )
    variance = np.maximum(square - mean**2, 0.0)
    away = np.linalg.norm((logarithm - mean) / (np.sqrt(variance) + LEAST_BACKGROUND), axis=2, keepdims=True)
    even = np.exp(-0.5 * variance.mean(2, keepdims=True) / EVEN_BACKGROUND**2)
    known = mass > 1e-3
    return np.asarray(np.where(known, away, 0.0), np.float32), np.asarray(np.where(known, even, 0.0), np.float32)


def _along(image: Floats, outline: _Outline, steps: Floats) -> Floats:
    """(N, S, C) of (H, W, C) at steps (S,) or (N, S) along the normals, linear."""
    every = np.broadcast_to(steps, (len(outline.part), steps.shape[-1]))
    place = outline.pixel[:, None] + every[:, :, None] * outline.normal[:, None]
    if not len(place):
        return np.zeros((0, steps.shape[-1], image.shape[2]), np.float32)
    # OpenCV counts pixel centres as whole numbers.
    across, down = (np.ascontiguousarray(place[:, :, axis] - 0.5, np.float32) for axis in range(2))
    found = cv2.remap(image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found.reshape(*place.shape[:2], image.shape[2]), np.float32)


def _peak(score: Floats, best: NDArray[np.int64]) -> Floats:
    """(N,) where the parabola through the best score and its neighbours has its top, in steps from the best."""
    count = score.shape[1]
    rows, middle = np.arange(len(best)), np.clip(best, 1, count - 2)
    before, at, after = (score[rows, middle + shift] for shift in (-1, 0, 1))
    bend = before - 2.0 * at + after
    top = np.where(bend < -1e-9, 0.5 * (before - after) / np.minimum(bend, -1e-9), 0.0)
    return np.asarray(np.where(middle == best, np.clip(top, -0.5, 0.5), 0.0), np.float32)


def _unlike_skin(view: View, face_height: float) -> Floats:
    """(H, W, 1) distance of the logarithm of colour from that of the trusted skin near by; large where none is."""
    blur = max(1.0, SKIN_BLUR * face_height)
    logarithm = np.log(view.image + 0.01)
    mass = cv2.GaussianBlur(view.weight, (0, 0), blur)
    near = cv2.GaussianBlur(logarithm * view.weight[:, :, None], (0, 0), blur) / np.maximum(mass, 1e-4)[:, :, None]
    difference = logarithm - near
    brightness = difference.mean(2)
    tint = np.abs(difference - brightness[:, :, None]).mean(2)
    # Light from behind brightens the very edge of a face; hair is darker.
    away = 2.0 * tint + np.where(brightness < 0.0, -brightness, BRIGHT_SHARE * brightness)
    if view.person is not None:
        # What is bright at the border of a person is its rim in the light, whatever its colour.
        away = np.where(brightness > 0.0, np.minimum(away, BRIGHT_AWAY), away)
    return np.asarray(np.where(mass > 1e-3, away, 9.0)[:, :, None], np.float32)
