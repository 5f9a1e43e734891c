"""The normal map: fine detail of the diffuse map that is relief, not colour, taken out of it and into tangent-space
normals.

Where skin is light and dark because it is bumpy, `relief` finds the bumps from how much the traced light would change
if the surface turned. The diffuse map is divided by that shading, so that the picture stays what it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ..faces.model import FaceModel
from ..faces.topology import SplitMesh, split_at_seams
from ..render.path import vertex_normals
from ..render.transfer import diffuse_transfer
from ..scene.tangents import vertex_tangents
from .atlas import Atlas, make_atlas
from .blending import resized
from .fill import push_pull, smooth
from .map_view import MapView, SeenAtlas
from .maps import FinishedMaps
from .photometric import display_weight
from .relief import COLOUR_SPREAD, ReliefProblem, find_relief

FloatImage = NDArray[np.float32]

# How the light changes with the surface's direction is smooth, so few texels and directions do.
GAIN_SIZE = 160
GAIN_DIRECTIONS = 128
TILT = 0.3
LARGEST_GAIN = 2.0
LEAST_LIGHT = 0.1
# What is larger than this is the mesh's.
FINE_MM = 3.0
LARGEST_SLOPE = 0.6
LARGEST_SHADING = 0.5
# Deviation of a photo's pixel in sRGB-like units: quantisation, compression and noise.
PIXEL_SPREAD = 0.004
# Optical depth of fitted hair (beard, brows) at which half of the trust is gone, and how far in mm from where the photo's
# weights end relief is still doubtful.
HAIR_DEPTH = 0.15
RIM_MM = 2.0


@dataclass(frozen=True)
class Frames:
    """The split mesh's tangent frames.

    Attributes:
        split: the mesh. normal, tangent, side: (S, 3) unit; ``side`` is the bitangent.
        metric: (S, 2, 2) slopes along tangent and bitangent per mm of height per unit of u and v.
        unit_mm: (S,) side in mm of a square of unit area in the UV layout.
    """

    split: SplitMesh
    normal: FloatImage
    tangent: FloatImage
    side: FloatImage
    metric: FloatImage
    unit_mm: FloatImage

    def at(self, atlas: Atlas, values: FloatImage) -> FloatImage:
        """(N, ...) values (S, ...) of the split vertices at the atlas' texels."""
        flat = values.reshape(len(values), -1)
        corners = flat[self.split.triangles[atlas.triangle]]
        found = (corners * atlas.barycentric[:, :, None]).sum(1)
        return np.asarray(found.reshape(len(found), *values.shape[1:]), np.float32)


def make_frames(model: FaceModel, vertices: FloatImage) -> Frames:
    """Of a head with ``vertices`` (V, 3) mm."""
    split = split_at_seams(model.triangles, model.triangle_uv)
    place, normal = vertices[split.source], vertex_normals(vertices, model.triangles)[split.source]
    tangents = vertex_tangents(place, normal, split.uv, split.triangles)
    tangent, side = tangents[:, :3], np.cross(normal, tangents[:, :3]) * tangents[:, 3:]
    along_u, along_v = _surface_derivatives(place, split)
    jacobian = np.stack(
        [np.stack([(along * axis).sum(1) for axis in (tangent, side)], 1) for along in (along_u, along_v)], 1
    )
    area = np.abs(np.linalg.det(jacobian))
    # Vertices without area in the layout have no slopes.
    usable = area > 1e-3 * np.median(area)
    jacobian[~usable] = np.eye(2)
    metric = np.linalg.inv(jacobian) * usable[:, None, None]
    frames = normal, tangent, side, metric, np.sqrt(np.maximum(area, 1e-3 * np.median(area)))
    return Frames(split, *(np.asarray(values, np.float32) for values in frames))


def _surface_derivatives(place: FloatImage, split: SplitMesh) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(S, 3) twice: mm per unit of u and of v, means of the triangles around each split vertex by their area in the
    layout.
    """
    corners, uv = place[split.triangles].astype(np.float64), split.uv[split.triangles].astype(np.float64)
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    (a, b), (c, d) = (uv[:, 1] - uv[:, 0]).T, (uv[:, 2] - uv[:, 0]).T
    area = a * d - b * c
    # The derivatives times the area, so that triangles without any do not matter.
    scaled = one * d[:, None] - two * b[:, None], two * a[:, None] - one * c[:, None]
    sums = [np.zeros((len(place), 3)) for _ in scaled]
    total = np.zeros(len(place))
    for corner in range(3):
        np.add.at(total, split.triangles[:, corner], np.abs(area))
        for target, values in zip(sums, scaled, strict=True):
            np.add.at(target, split.triangles[:, corner], values * np.sign(area)[:, None])
    along_u, along_v = (values / np.maximum(total, 1e-20)[:, None] for values in sums)
    return along_u, along_v


@dataclass(frozen=True)
class TracedLight:
    """The diffuse light on S x S texels, smooth.

    Attributes:
        level: (S, S, 3) radiance of a white surface.
        gain: (S, S, 3, 2) relative change of it per unit of slope along tangent and bitangent.
        known: (S, S) 1 where it was traced.
    """

    level: FloatImage
    gain: FloatImage
    known: FloatImage


def trace_light(view: MapView, frames: Frames, size: int = GAIN_SIZE) -> TracedLight:
    """What the light does at ``size`` texels, where the photo shows skin.

    Light on a surface is linear in its normal but for what sinks below the horizon; so its change is the difference of
    what two tilted normals get, shadows included.
    """
    seen = view.look(make_atlas(view.model, size))
    atlas = seen.atlas
    kept = np.flatnonzero((seen.weight > 0) & atlas.is_part("skin"))
    points = atlas.interpolate(view.model, view.vertices)[kept]
    normal, *axes = (frames.at(atlas, values)[kept] for values in (frames.normal, frames.tangent, frames.side))
    level, changes = np.zeros((len(kept), 3), np.float32), []
    for axis in axes:
        up, down = (_light_on(view, points, normal, normal + sign * TILT * axis) for sign in (1.0, -1.0))
        level += (up + down) / 4.0
        # A slope that rises along an axis turns the normal against it.
        changes.append((down - up) / (2.0 * TILT))
    floor = LEAST_LIGHT * float(np.median(level)) if len(kept) else 1.0
    gain = np.stack(changes, 2) / np.maximum(level, floor)[:, :, None]
    picture = np.zeros((size, size, 10), np.float32)
    values = level, np.clip(gain, -LARGEST_GAIN, LARGEST_GAIN).reshape(-1, 6), np.ones((len(kept), 1))
    picture[atlas.rows[kept], atlas.columns[kept]] = np.concatenate(values, 1)
    known = picture[:, :, 9]
    filled = push_pull(smooth(picture[:, :, :9], known, 1.0), known)
    return TracedLight(filled[:, :, :3], filled[:, :, 3:].reshape(size, size, 3, 2), known)


def _light_on(view: MapView, points: FloatImage, facet: FloatImage, normal: FloatImage) -> FloatImage:
    """(N, 3) light on points (N, 3) by the length of ``normal`` (N, 3), none from below ``facet`` (N, 3)."""
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    transfer = diffuse_transfer(
        view.scene,
        points,
        normal / length,
        min(GAIN_DIRECTIONS, view.settings.transfer_directions),
        view.settings.bands,
        view.settings.seed,
        geometric_normals=facet,
        between_blocks=view.reporter.check,
    )
    return np.asarray((transfer @ torch.from_numpy(view.found.light)).numpy() * length, np.float32)


def with_normals(maps: FinishedMaps, view: MapView, pixel_mm: float) -> FinishedMaps:
    """``maps`` with a normal map, and with what it explains taken out of the diffuse map; as they are where the
    settings want none.

    Several photos have one light each, and a map that blends their detail has none; so one photo is asked, as far as
    the detail is its own.

    Args:
        maps: at the fitted size, as `MapProblem.run` leaves them.
        view: the photo whose light tells relief from colour.
        pixel_mm: side of the photo's pixel on the face.
    """
    if view.settings.normal_weight <= 0.0:
        return maps
    size = len(maps.diffuse)
    frames = make_frames(view.model, view.vertices)
    seen = view.look(make_atlas(view.model, size))
    relief = _relief_problem(maps, view, seen, frames, pixel_mm)
    window = _window(relief.trust)
    height = np.zeros((size, size), np.float32)
    height[window] = find_relief(relief.cropped(window), view.reporter.check)
    # What photos do not show has got its colour from the mirror side, so it gets its relief from there as well.
    height, shading = (_completed(v, maps.coverage) for v in (height, _log_shading(relief, relief.slopes(height))))
    diffuse = np.clip(maps.diffuse * np.exp(-shading), 0.0, 1.0).astype(np.float32)
    return replace(maps, diffuse=diffuse, normal=encoded_normals(relief.slopes(height)))


def _completed(values: FloatImage, coverage: FloatImage) -> FloatImage:
    """(S, S, ...) ``values`` by the photos' share in ``coverage`` (S, S, 3), their mirror image by the mirror side's."""
    own, mirrored = (coverage[:, :, i].reshape(*values.shape[:2], *[1] * (values.ndim - 2)) for i in (0, 1))
    return np.asarray(own * values + mirrored * np.flip(values, 1), np.float32)


def encoded_normals(slopes: FloatImage) -> FloatImage:
    """(S, S, 3) in [0, 1]: the normal map of slopes (S, S, 2) along tangent and bitangent."""
    limited = _limited(slopes)
    normal = np.concatenate([-limited, np.ones((*slopes.shape[:2], 1))], 2)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    return np.asarray(0.5 + 0.5 * normal, np.float32)


def _limited(slopes: FloatImage) -> FloatImage:
    """Slopes that come near to `LARGEST_SLOPE` but not beyond."""
    square = (slopes**2).sum(-1, keepdims=True)
    return np.asarray(slopes / np.sqrt(1.0 + square / LARGEST_SLOPE**2), np.float32)


def _log_shading(relief: ReliefProblem, slopes: FloatImage) -> FloatImage:
    """(S, S, 3) logarithm of what the relief makes of each channel's light."""
    limited = _limited(slopes)
    change = np.einsum("hwcs,hws->hwc", relief.gain, limited)
    length = np.sqrt(1.0 + (limited**2).sum(2, keepdims=True))
    factor = np.clip((1.0 + change) / length, 1.0 - LARGEST_SHADING, 1.0 + LARGEST_SHADING)
    return np.asarray(np.log(factor), np.float32)


def _relief_problem(
    maps: FinishedMaps, view: MapView, seen: SeenAtlas, frames: Frames, pixel_mm: float
) -> ReliefProblem:
    """What the maps and the photo say at the atlas' texels."""
    atlas = seen.atlas
    light = trace_light(view, frames)
    skin = atlas.is_part("skin")
    texel_mm = np.where(skin, frames.at(atlas, frames.unit_mm) / atlas.size, 0.0).astype(np.float32)
    metric = np.where(skin[:, None, None], frames.at(atlas, frames.metric) * atlas.size, 0.0)
    # Rows go down and v goes up.
    metric[:, :, 1] *= -1.0
    weight = atlas.image(np.where(skin, seen.weight, 0.0)[:, None].astype(np.float32))[:, :, 0]
    diffuse = resized(maps.diffuse, atlas.size)
    typical = float(np.median(texel_mm[skin]))
    bare = _bareness(view, atlas) * _inner(weight, RIM_MM / typical)
    trust = (
        bare * resized(view.share, atlas.size) * resized(light.known, atlas.size) * _reliability(seen, diffuse, light)
    )
    return ReliefProblem(
        detail=_fine_detail(diffuse, weight, FINE_MM / typical),
        trust=np.asarray(trust, np.float32),
        gain=resized(light.gain.reshape(*light.known.shape, 6), atlas.size).reshape(*trust.shape, 3, 2),
        metric=atlas.image(metric.reshape(-1, 4).astype(np.float32)).reshape(*trust.shape, 2, 2),
        texel_mm=atlas.image(texel_mm[:, None], empty=0.0)[:, :, 0],
        pixel_mm=pixel_mm,
        strength=view.settings.normal_weight,
    )


def _fine_detail(diffuse: FloatImage, weight: FloatImage, radius: float) -> FloatImage:
    """(S, S, 3) logarithm of the diffuse map without its changes over more than ``radius`` texels."""
    logarithm = np.log(np.maximum(diffuse, 1e-3))
    return np.asarray(np.where(weight[:, :, None] > 0, logarithm - smooth(logarithm, weight, radius), 0.0), np.float32)


def _reliability(seen: SeenAtlas, diffuse: FloatImage, light: TracedLight) -> FloatImage:
    """(S, S) in [0, 1]: less where the photo is so dark that its noise counts, or shows more gloss than body."""
    size = seen.atlas.size
    shown = seen.atlas.image(seen.colour).mean(2)
    slope = torch.sqrt(display_weight(torch.from_numpy(shown))).numpy()
    noise = PIXEL_SPREAD / np.maximum(slope * shown, 1e-4)
    body = diffuse.mean(2) * resized(light.level.mean(2), size)
    share = np.clip(body / np.maximum(shown, 1e-4), 0.0, 1.0)
    return np.asarray(share**2 * COLOUR_SPREAD**2 / (COLOUR_SPREAD**2 + noise**2), np.float32)


def _bareness(view: MapView, atlas: Atlas) -> FloatImage:
    """(S, S) in [0, 1]: less where stage 2 found hair, which is dark without being deep."""
    reflectance = view.found.reflectance
    with torch.no_grad():
        depth = reflectance.hair_depth().numpy()[:, None]
    return atlas.image(1.0 / (1.0 + (atlas.interpolate(view.model, depth) / HAIR_DEPTH) ** 2))[:, :, 0]


def _inner(weight: FloatImage, radius: float) -> FloatImage:
    """(S, S) ``weight`` without a rim of ``radius`` texels: there the photo shows shadows of hair, lashes and the lips'
    edges, which are misplaced more easily than relief is seen.
    """
    side = 2 * max(1, round(radius)) + 1
    lowest = cv2.erode(weight, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return np.asarray(np.minimum(weight, cv2.GaussianBlur(lowest, (0, 0), radius / 2.0)), np.float32)


def _window(trust: FloatImage) -> tuple[slice, slice]:
    """The part of the map that is worth looking at, with some room around it."""
    rows, columns = np.nonzero(trust > 0)
    if not len(rows):
        return slice(0, 8), slice(0, 8)
    room = len(trust) // 32
    return tuple(slice(max(0, int(i.min()) - room), int(i.max()) + room + 1) for i in (rows, columns))  # type: ignore[return-value]
