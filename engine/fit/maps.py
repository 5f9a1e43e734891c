"""From stage 2's statistical reflectance to the finished maps: what the photo shows at every texel, stage 3, and the
filling.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..faces.model import FaceModel
from ..faces.skin_colour import part_albedo
from ..render.geometry import TracedScene
from ..render.transfer import camera_visibility
from ..reporter import Reporter
from ..settings import Settings
from .atlas import Atlas, make_atlas
from .eyes import EYE_ROUGHNESS, EYE_SPECULAR, SIDES, Eyeball, eye_colours, paint_eye
from .fill import pad, push_pull
from .head import DifferentiableHead
from .photometric import View, sample_image
from .reference import PICTURE_SIZE, STEP_SHARE, refine_by_rendering
from .repeatable import make_repeatable
from .shading import Lit
from .stage2 import Stage2Result
from .stage3 import Maps, Texels, Weights, confidence, refine_maps
from .tracing import trace_transfer

FloatImage = NDArray[np.float32]

# Shading is smooth, so it is traced for fewer texels than the maps have; and texels are fitted one by one up to a size,
# beyond which the photo's own detail is added.
SHADING_SIZE = 512
LARGEST_FITTED = 1024
LEAST_COSINE, FULL_COSINE = 0.2, 0.55
LARGEST_DETAIL = 0.5
LEAST_WEIGHT = 0.02
# How far the border of what is seen reaches into what is not, as a share of the map's side.
BORDER_REACH = 0.04
LARGEST_BORDER = 0.3
INNER_PARTS = ("mouth", "teeth_upper", "teeth_lower", "tongue")
INNER_SPECULAR, INNER_ROUGHNESS = 0.4, 0.35


@dataclass
class FinishedMaps:
    """Square maps of S texels, row 0 at the top. ``diffuse`` (S, S, 3) linear Rec. 709; ``specular``, ``roughness``,
    ``coverage`` (S, S): IOR level, roughness, and how far the photo determined the texel; ``normal`` (S, S, 3): normal
    map as `scene.tangents` has it, or None; all in [0, 1].
    """

    diffuse: FloatImage
    specular: FloatImage
    roughness: FloatImage
    coverage: FloatImage
    normal: FloatImage | None = None


@dataclass
class SeenAtlas:
    """An atlas and what the photo shows at each of its N texels: ``colour`` (N, 3) linear, ``weight`` (N,) trust."""

    atlas: Atlas
    colour: NDArray[np.float32]
    weight: NDArray[np.float32]


@dataclass
class MapProblem:
    """Everything that stage 3 starts from.

    Attributes:
        detail: the photo at its finest, with the weights of skin. eyes: the same picture's weights of the open eyes (H,
            W).
        eyeballs: side -> where it looks.
    """

    model: FaceModel
    found: Stage2Result
    detail: View
    eyes: FloatImage
    eyeballs: dict[str, Eyeball]
    settings: Settings
    reporter: Reporter
    losses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.size = min(LARGEST_FITTED, self.settings.texture_size)
        self.vertices = self.found.vertices
        self.scene = TracedScene(self.vertices, self.model.triangles)
        head = DifferentiableHead(self.model)
        self.normals = head.vertex_normals(torch.from_numpy(self.vertices)).numpy()
        with torch.no_grad():
            self.albedo = self.found.reflectance.moderate().albedo().numpy()
            self.surface = self.found.reflectance.surface().numpy()

    def run(self) -> FinishedMaps:
        """All of stage 3."""
        make_repeatable()
        seen = self.look(make_atlas(self.model, self.size))
        shading = self._shade()
        pyramid = TexelPyramid(self, seen, shading)
        maps, texels = refine_maps(pyramid.at, self.size, self.settings, self._tell)
        if self.settings.shading == "reference":
            maps = self._refine_by_rendering(maps, texels)
        sure = confidence(texels)
        change = continued(maps.change.permute(1, 2, 0).numpy(), sure * texels.skin.numpy())
        finished = self._finish(Maps(torch.from_numpy(change).permute(2, 0, 1)), texels, sure)
        return self._paint_parts(self._sharpen(finished, seen), seen, shading)

    def _refine_by_rendering(self, maps: Maps, texels: Texels) -> Maps:
        view = self.detail.scaled(PICTURE_SIZE / max(self.detail.image.shape[:2]))
        steps = round(STEP_SHARE * self.settings.stage3_iterations)
        return refine_by_rendering(
            maps,
            texels,
            self.model,
            self.vertices,
            self.found.light,
            view,
            Weights.of(self.settings),
            steps,
            lambda step, loss: self._tell(step, steps, loss),
        )

    def look(self, atlas: Atlas) -> SeenAtlas:
        """What the photo shows at the texels of ``atlas``."""
        points = atlas.interpolate(self.model, self.vertices)
        normals = _normalised(atlas.interpolate(self.model, self.normals))
        camera = self.detail.camera
        towards = _normalised(camera.centre.astype(np.float32) - points)
        cosine = (normals * towards).sum(1)
        visible = np.zeros(len(points), np.float32)
        facing = np.flatnonzero(cosine > LEAST_COSINE)
        visible[facing] = camera_visibility(self.scene, camera.centre, points[facing], normals[facing])
        pixel = torch.from_numpy(camera.project(points).astype(np.float32))
        colour = sample_image(torch.from_numpy(self.detail.image), pixel).numpy()
        masks = np.stack([self.detail.weight, self.eyes], 2)
        trust = sample_image(torch.from_numpy(masks), pixel).numpy()
        is_eye = atlas.is_part(SIDES[0]) | atlas.is_part(SIDES[1])
        trusted = np.where(is_eye, trust[:, 1], np.where(atlas.is_part("skin"), trust[:, 0], 0.0))
        ramp = np.clip((cosine - LEAST_COSINE) / (FULL_COSINE - LEAST_COSINE), 0.0, 1.0)
        return SeenAtlas(atlas, colour, (visible * ramp * trusted).astype(np.float32))

    def _shade(self) -> Lit:
        """Shading of `SHADING_SIZE` squared texels, row by row: traced where the camera sees them, continued elsewhere."""
        atlas = make_atlas(self.model, min(SHADING_SIZE, self.size))
        points = atlas.interpolate(self.model, self.vertices)
        normals = _normalised(atlas.interpolate(self.model, self.normals))
        centre = self.detail.camera.centre
        towards = _normalised(centre.astype(np.float32) - points)
        facing = np.flatnonzero((normals * towards).sum(1) > 0.0)
        kept = facing[camera_visibility(self.scene, centre, points[facing], normals[facing])]
        transfer = trace_transfer(
            self.scene,
            torch.from_numpy(points[kept]),
            torch.from_numpy(normals[kept]),
            centre,
            self.settings,
            self.settings.seed,
            self.reporter.check,
        )
        lit = transfer.lit(torch.from_numpy(self.found.light))
        nodes = len(lit.nodes)
        channels = torch.cat([lit.diffuse, lit.glossy.reshape(len(kept), -1), lit.cosine[:, None]], 1).numpy()
        picture = np.zeros((atlas.size, atlas.size, channels.shape[1]), np.float32)
        known = np.zeros((atlas.size, atlas.size), bool)
        picture[atlas.rows[kept], atlas.columns[kept]] = channels
        known[atlas.rows[kept], atlas.columns[kept]] = True
        return unpack_lit(pad(picture, known), nodes, lit.nodes)

    def _tell(self, step: int, steps: int, loss: float) -> None:
        self.losses.append(loss)
        self.reporter.progress("stage3", step, steps, loss)

    def _finish(self, maps: Maps, texels: Texels, sure: FloatImage) -> FinishedMaps:
        diffuse, specular, roughness = (value.numpy() for value in maps.values(texels))
        return FinishedMaps(diffuse, specular, roughness, sure)

    def _sharpen(self, maps: FinishedMaps, seen: SeenAtlas) -> FinishedMaps:
        """The maps at the size asked for, the diffuse one with the detail that the full photo has beyond the fitted
        size.
        """
        size = self.settings.texture_size
        if size == self.size:
            return maps
        up = [cv2.resize(v, (size, size), interpolation=cv2.INTER_CUBIC) for v in vars(maps).values() if v is not None]
        larger = FinishedMaps(*(np.clip(v, 0.0, 1.0) for v in up))
        fine = self.look(make_atlas(self.model, size))
        coarse = cv2.resize(seen.atlas.image(seen.colour), (size, size), interpolation=cv2.INTER_LINEAR)
        ratio = np.log(np.maximum(fine.colour, 1e-3)) - np.log(np.maximum(fine.atlas.at(coarse), 1e-3))
        detail = fine.weight[:, None] * np.clip(ratio, -LARGEST_DETAIL, LARGEST_DETAIL)
        larger.diffuse = np.clip(larger.diffuse * np.exp(fine.atlas.image(detail)), 0.0, 1.0).astype(np.float32)
        return larger

    def _paint_parts(self, maps: FinishedMaps, seen: SeenAtlas, shading: Lit) -> FinishedMaps:
        """Eyes, teeth, tongue and mouth get their own colours; what lies between the islands takes the nearest one's."""
        size = maps.diffuse.shape[0]
        atlas = seen.atlas if size == seen.atlas.size else make_atlas(self.model, size)
        for side in SIDES:
            self._paint_eye(maps, atlas, side, seen, shading)
        for part in INNER_PARTS:
            chosen = atlas.is_part(part)
            where = atlas.rows[chosen], atlas.columns[chosen]
            maps.diffuse[where] = part_albedo(part)
            maps.specular[where], maps.roughness[where] = INNER_SPECULAR, INNER_ROUGHNESS
        channels = np.dstack([maps.diffuse, maps.specular, maps.roughness])
        padded = pad(channels, atlas.known)
        return FinishedMaps(padded[:, :, :3], padded[:, :, 3], padded[:, :, 4], maps.coverage)

    def _paint_eye(self, maps: FinishedMaps, atlas: Atlas, side: str, seen: SeenAtlas, shading: Lit) -> None:
        ball = self.eyeballs[side]
        chosen = seen.atlas.is_part(side)
        light = resized_lit(shading, seen.atlas.size).diffuse.reshape(seen.atlas.size, seen.atlas.size, 3).numpy()
        shown = np.clip(seen.colour / np.maximum(seen.atlas.at(light), 0.05), 0.0, 1.0)[chosen]
        angle = ball.angle(seen.atlas.interpolate(self.model, self.vertices)[chosen]) / ball.iris_angle
        iris, sclera = eye_colours(angle, shown, seen.weight[chosen])
        target = atlas.is_part(side)
        where = atlas.rows[target], atlas.columns[target]
        share = ball.angle(atlas.interpolate(self.model, self.vertices)[target]) / ball.iris_angle
        maps.diffuse[where] = paint_eye(share, iris, sclera)
        maps.specular[where], maps.roughness[where] = EYE_SPECULAR, EYE_ROUGHNESS


class TexelPyramid:
    """What is known of the texels at the fitted size and, averaged, at smaller ones."""

    def __init__(self, problem: MapProblem, seen: SeenAtlas, shading: Lit) -> None:
        atlas = seen.atlas
        albedo = atlas.image(atlas.interpolate(problem.model, problem.albedo))
        surface = atlas.image(atlas.interpolate(problem.model, problem.surface))
        known = atlas.known
        self.base = pad(np.concatenate([albedo, surface], 2), known)
        self.colour = atlas.image(seen.colour)
        self.weight = atlas.image(seen.weight[:, None])[:, :, 0]
        self.skin = atlas.image(atlas.is_part("skin").astype(np.float32)[:, None])[:, :, 0]
        self.shading = shading

    def at(self, size: int) -> Texels:
        """Everything at ``size`` texels."""
        weight = _area(self.weight, size)
        colour = _area(self.colour * self.weight[:, :, None], size) / np.maximum(weight, 1e-6)[:, :, None]
        base = _area(self.base, size)
        skin = (_area(self.skin, size) > 0.5).astype(np.float32)
        trusted = weight * skin
        seen = torch.from_numpy(np.flatnonzero(trusted > LEAST_WEIGHT))
        return Texels(
            weight=torch.from_numpy(np.where(trusted > LEAST_WEIGHT, trusted, 0.0).astype(np.float32)),
            seen=seen,
            colour=torch.from_numpy(colour.reshape(-1, 3))[seen],
            lit=resized_lit(self.shading, size).at(seen),
            diffuse=torch.from_numpy(base[:, :, :3].copy()),
            specular=torch.from_numpy(base[:, :, 3].copy()),
            roughness=torch.from_numpy(base[:, :, 4].copy()),
            skin=torch.from_numpy(skin),
        )


def continued(change: FloatImage, weight: FloatImage) -> FloatImage:
    """(S, S, C) ``change`` where ``weight`` (S, S) is 1; beyond, its border's values that fade into the mean change."""
    mean = np.average(change, axis=(0, 1), weights=np.maximum(weight, 1e-6)[:, :, None].repeat(change.shape[2], 2))
    outside = cv2.distanceTransform((weight < 0.5).astype(np.uint8), cv2.DIST_L2, 5) / weight.shape[0]
    fade = np.exp(-outside / BORDER_REACH)[:, :, None]
    border = np.clip(push_pull(change - mean, weight), -LARGEST_BORDER, LARGEST_BORDER)
    # What is known stays as it is; only what is continued from it is limited and fades.
    known = weight[:, :, None]
    return np.asarray(mean + known * (change - mean) + (1.0 - known) * border * fade, np.float32)


def unpack_lit(picture: FloatImage, node_count: int, nodes: Tensor) -> Lit:
    """The shading in a picture (S, S, 3 + 6 R + 1) of diffuse, glossy and cosine channels."""
    flat = torch.from_numpy(picture.reshape(-1, picture.shape[2]))
    return Lit(flat[:, :3], flat[:, 3:-1].reshape(len(flat), node_count, 2, 3), nodes, flat[:, -1])


def resized_lit(lit: Lit, size: int) -> Lit:
    """``lit`` of a square picture's texels, for a picture of ``size`` texels."""
    old = round(len(lit.cosine) ** 0.5)
    if old == size:
        return lit
    picture = torch.cat([lit.diffuse, lit.glossy.reshape(len(lit.cosine), -1), lit.cosine[:, None]], 1)
    image = picture.reshape(old, old, -1).permute(2, 0, 1)[None]
    mode = "area" if size < old else "bilinear"
    corners = {} if mode == "area" else {"align_corners": False}
    changed = torch.nn.functional.interpolate(image, (size, size), mode=mode, **corners)
    return unpack_lit(changed[0].permute(1, 2, 0).contiguous().numpy(), len(lit.nodes), lit.nodes)


def _area(image: FloatImage, size: int) -> FloatImage:
    if image.shape[0] == size:
        return image
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), np.float32)


def _normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)
