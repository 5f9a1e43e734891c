"""Finds where MediaPipe's 468 points lie on the mean head: it is shown renders, and rays go through what it finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nextgenface.engine.faces.model import LandmarkEmbedding
from nextgenface.engine.faces.topology import edges, split_quads
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .cut import Cut
from .landmarks import part_centre
from .modes import FLIP
from .raster import View, pick, render
from .regions import step
from .source import Array

POINTS = 468
# Numbers in MediaPipe's list: the outline that slides with the view, the inner edges of the lips, the edges of the lids.
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
UPPER_LIP_EDGE = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_LIP_EDGE = (95, 88, 178, 87, 14, 317, 402, 318, 324)
LIP_CORNERS = (78, 308)
RIGHT_LIDS = (33, 246, 161, 160, 159, 158, 157, 173, 133, 7, 163, 144, 145, 153, 154, 155)
LEFT_LIDS = (263, 466, 388, 387, 386, 385, 384, 398, 362, 249, 390, 373, 374, 380, 381, 382)
# Linear Rec. 709: skin of medium tone, lips, hair of brows and scalp, sclera, iris, pupil, gums, teeth.
SKIN, LIPS, HAIR = (0.45, 0.26, 0.18), (0.33, 0.11, 0.10), (0.035, 0.025, 0.02)
SCLERA, IRIS, PUPIL, FLESH, TEETH = (
    (0.65, 0.6, 0.58),
    (0.09, 0.05, 0.03),
    (0.01, 0.01, 0.01),
    (0.25, 0.07, 0.06),
    (0.6, 0.56, 0.48),
)
IRIS_MM, PUPIL_MM = 6.6, 2.4
VIEWS = [(yaw, pitch, light) for yaw in (-14.0, 0.0, 14.0) for pitch in (-8.0, 0.0, 8.0) for light in (-0.5, 0.5)]


# The visible edges of lids and lips are the second ring of vertices from where hm08's outer skin ends. Median distances of the
# detected points from rings 0 to 3 were 4.4, 1.8, 0.9, 1.0 mm at the lids and 1.7, 1.5, 0.8, 1.7 mm at the lips.
EDGE_RING = 2
# What lies on the midline, where both sides meet.
MIDDLE_MM = 1e-3
# On these edges, which run sideways, a point keeps its place along them: x counts more than height and depth.
ALONG = np.array([4.0, 1.0, 1.0])


@dataclass(frozen=True)
class Surface:
    """The mean head as the detector sees it; ``jaw`` (V,) tells how far opening the jaw lowers each vertex."""

    cut: Cut
    mean: Array
    triangles: NDArray[np.int32]
    colour: Array
    skin: NDArray[np.bool_]
    jaw: Array


def embed(cut: Cut, mean: Array, regions: dict[str, NDArray[np.float32]], jaw_open: Array) -> LandmarkEmbedding:
    """The embedding of MediaPipe's points; ``jaw_open`` (V, 3) is the ARKit unit. Needs the mediapipe package."""
    triangles, face, _ = split_quads(cut.quads.astype(np.int32))
    skin = ((cut.part == cut.part_names.index("skin")) & ~cut.socket)[face]
    surface = Surface(cut, mean, triangles, paint(cut, mean, regions), skin, -jaw_open[:, 1])
    points = _symmetric(np.nanmedian(_observe(surface), 0))
    triangle, barycentric = _snap(surface, points)
    found = np.einsum("lc,lck->lk", barycentric, mean[triangles[triangle]])
    print(
        f"Landmarks: moved by {np.linalg.norm(found - points, axis=1).mean():.2f} mm on average onto the surface and its edges"
    )
    contour = np.isin(np.arange(POINTS), FACE_OVAL)
    return LandmarkEmbedding(np.arange(POINTS, dtype=np.int32), triangle, barycentric, contour)


def paint(cut: Cut, mean: Array, regions: dict[str, NDArray[np.float32]]) -> Array:
    """(V, 3) linear colours that make the head a face to a detector."""
    colour = np.tile(np.array(SKIN), (len(mean), 1))
    for name, tone in (("lips", LIPS), ("brows", HAIR), ("scalp", HAIR)):
        mask = regions[name][:, None].astype(np.float64)
        colour = colour * (1 - mask) + np.array(tone) * mask
    for part, tone in (("mouth", FLESH), ("tongue", FLESH), ("teeth_upper", TEETH), ("teeth_lower", TEETH)):
        only = cut.vertices_of(cut.part == cut.part_names.index(part)) & (colour == SKIN).all(1)
        colour[only] = tone
    for eye in ("eye_left", "eye_right"):
        ball = cut.vertices_of(cut.part == cut.part_names.index(eye))
        centre = part_centre(cut, mean, eye)
        off = np.where(mean[ball, 2] > centre[2], np.hypot(*(mean[ball, :2] - centre[:2]).T), 99.0)[:, None]
        iris = step(IRIS_MM + 0.8, IRIS_MM - 0.8, off)
        pupil = step(PUPIL_MM + 0.5, PUPIL_MM - 0.5, off)
        colour[ball] = (np.array(SCLERA) * (1 - iris) + np.array(IRIS) * iris) * (1 - pupil) + np.array(PUPIL) * pupil
    return colour


def _observe(surface: Surface) -> Array:
    """(n, 468, 3) where the rays through the detected points meet the skin, in each of n renders; NaN where they do not."""
    from mediapipe.python.solutions.face_mesh import FaceMesh

    found = []
    with FaceMesh(static_image_mode=True, refine_landmarks=True, max_num_faces=1) as mesh:
        for yaw, pitch, light in VIEWS:
            view = View(yaw=yaw, pitch=pitch, centre=(0.0, -10.0, 20.0), span=300.0)
            picture = render(surface.mean, surface.triangles, surface.colour, view, (light, 0.4, 1.0))
            result = mesh.process(np.ascontiguousarray(picture)).multi_face_landmarks
            if result:
                spots = np.array([[p.x, p.y] for p in result[0].landmark[:POINTS]]) * view.size
                found.append(_cast(surface, view, spots))
    if len(found) < len(VIEWS) // 2:
        raise ValueError(f"MediaPipe found a face in only {len(found)} of {len(VIEWS)} renders.")
    return np.array(found)


def _cast(surface: Surface, view: View, spots: Array) -> Array:
    """(468, 3) places where rays through ``spots`` meet the head first; NaN off the skin."""
    pixels, depth = view.project(surface.mean)
    result = np.full((len(spots), 3), np.nan)
    for i, spot in enumerate(spots):
        hit, weights = pick(spot, pixels, depth, surface.triangles)
        if hit >= 0 and surface.skin[hit]:
            result[i] = weights @ surface.mean[surface.triangles[hit]]
    return result


def pairs(points: Array) -> NDArray[np.int64]:
    """(468,) the number of each point's partner on the other side, from (468, 3) places found on a symmetric head."""
    # Depth is the least certain where the surface turns away, and it is there that points lie closest together.
    distance = np.linalg.norm((points[:, None] - points[None] * FLIP) * (1.0, 1.0, 0.2), axis=2)
    _, partner = linear_sum_assignment(distance + distance.T)
    if not (partner[partner] == np.arange(len(partner))).all():
        raise ValueError("The detected points do not pair up left and right.")
    return np.asarray(partner)


def _symmetric(points: Array) -> Array:
    """Points averaged with the mirror images of their partners; a point that no ray found is filled by its partner."""
    filled = np.where(np.isnan(points), 0.0, points)
    partner = pairs(filled)
    mirrored = points[partner] * FLIP
    return np.asarray(np.nanmean(np.stack([points, mirrored]), 0))


def _snap(surface: Surface, points: Array) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Triangle and weights of the nearest place: on the lids' and lips' edges for their points, on the midline for its own, else
    anywhere on the skin.
    """
    cut, x = surface.cut, surface.mean[:, 0]
    lips = cut.rings(cut.mouth_rim, EDGE_RING) == EDGE_RING
    lids = cut.rings(cut.lid_rim, EDGE_RING) == EDGE_RING
    # The lower lip moves with the jaw, the upper does not, the corners do by half.
    share = surface.jaw / surface.jaw[lips].max()
    rims = [
        (np.flatnonzero(np.abs(points[:, 0]) < MIDDLE_MM), np.abs(x) < MIDDLE_MM),
        (UPPER_LIP_EDGE, lips & (share < 0.45)),
        (LOWER_LIP_EDGE, lips & (share > 0.3)),
        (LIP_CORNERS, lips),
        (LEFT_LIDS, lids & (x > 0)),
        (RIGHT_LIDS, lids & (x < 0)),
    ]
    triangle, barycentric = _nearest(surface, points, np.flatnonzero(surface.skin))
    for numbers, rim in rims:
        rows = list(numbers)
        triangle[rows], barycentric[rows] = _nearest_on_rim(surface, points[rows], rim)
    return triangle, barycentric


def _nearest(
    surface: Surface, points: Array, allowed: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The nearest place on some triangles for each point."""
    corners = surface.mean[surface.triangles[allowed]]
    triangle = np.empty(len(points), np.int32)
    barycentric = np.empty((len(points), 3), np.float32)
    for i, point in enumerate(points):
        weights = closest_weights(point, corners)
        distance = np.linalg.norm(np.einsum("tc,tck->tk", weights, corners) - point, axis=1)
        best = int(distance.argmin())
        triangle[i], barycentric[i] = allowed[best], weights[best]
    return triangle, barycentric


def closest_weights(point: Array, corners: Array) -> Array:
    """(T, 3) barycentric weights of the place on each of (T, 3, 3) triangles that is nearest to ``point``.

    The foot of the perpendicular where it lies inside, else the nearest of the three edges' nearest places.
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    u, v, w = b - a, c - a, point - a
    uu, uv, vv, wu, wv = (np.einsum("tk,tk->t", p, q) for p, q in ((u, u), (u, v), (v, v), (w, u), (w, v)))
    det = np.maximum(uu * vv - uv * uv, 1e-12)
    s, t = (vv * wu - uv * wv) / det, (uu * wv - uv * wu) / det
    best = np.stack([1 - s - t, s, t], 1)
    outside = (best < 0).any(1)
    edge = np.stack([_edge_weights(point, corners, i) for i in range(3)], 1)
    reach = np.linalg.norm(np.einsum("tec,tck->tek", edge, corners) - point, axis=2)
    best[outside] = edge[np.arange(len(edge)), reach.argmin(1)][outside]
    return best


def _edge_weights(point: Array, corners: Array, first: int) -> Array:
    """(T, 3) weights of the nearest place on the edge from corner ``first`` to the next."""
    second = (first + 1) % 3
    along = corners[:, second] - corners[:, first]
    length = np.maximum(np.einsum("tk,tk->t", along, along), 1e-12)
    share = np.clip(np.einsum("tk,tk->t", point - corners[:, first], along) / length, 0, 1)
    weights = np.zeros((len(corners), 3))
    weights[:, first], weights[:, second] = 1 - share, share
    return weights


def _nearest_on_rim(
    surface: Surface, points: Array, rim: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The nearest place on the edges between vertices of ``rim``, told by skin triangles that have such an edge."""
    pairs_ = edges(surface.cut.quads.astype(np.int32))
    wanted = {tuple(edge) for edge in pairs_[rim[pairs_].all(1)].tolist()}
    spots, owners = [], []
    for number in np.flatnonzero(surface.skin & (rim[surface.triangles].sum(1) >= 2)):
        corner = surface.triangles[number]
        for i in range(3):
            a, b = int(corner[i]), int(corner[(i + 1) % 3])
            if (min(a, b), max(a, b)) in wanted:
                owners.append((number, i))
                spots.append(surface.mean[corner] * ALONG)
    corners = np.array(spots)
    sides = np.array([i for _, i in owners])
    triangle = np.empty(len(points), np.int32)
    barycentric = np.empty((len(points), 3), np.float32)
    for row, point in enumerate(points * ALONG):
        every = np.stack([_edge_weights(point, corners, i) for i in range(3)])
        weights = every[sides, np.arange(len(sides))]
        distance = np.linalg.norm(np.einsum("tc,tck->tk", weights, corners) - point, axis=1)
        best = int(distance.argmin())
        triangle[row], barycentric[row] = owners[best][0], weights[best]
    return triangle, barycentric
