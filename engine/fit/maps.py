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
from .completion import completed, source_shares
from .eyes import EYE_ROUGHNESS, EYE_SPECULAR, SIDES, Eyeball, eye_colours, paint_eye
from .fill import pad
from .head import DifferentiableHead
from .photometric import View, sample_image
from .reference import PICTURE_SIZE, STEP_SHARE, refine_by_rendering
from .repeatable import make_repeatable
from .shading import Lit
from .stage2 import Stage2Result
from .stage3 import Maps, Texels, Weights, confidence, refine_maps
from .tracing import trace_transfer
from .trust import REGIONS, skin_trust

FloatImage = NDArray[np.float32]

# Shading is smooth, so it is traced for fewer texels than the maps have; and texels are fitted one by one up to a size,
# beyond which the photo's own detail is added.
SHADING_SIZE = 512
LARGEST_FITTED = 1024
LEAST_COSINE, FULL_COSINE = 0.2, 0.55
LEAST_WEIGHT = 0.02
# Texels across the map at which it is judged what is skin.
TRUST_SIZE = 512
INNER_PARTS = ("mouth", "teeth_upper", "teeth_lower", "tongue")
INNER_SPECULAR, INNER_ROUGHNESS = 0.4, 0.35


@dataclass
class FinishedMaps:
    """Square maps of S texels, row 0 at the top. ``diffuse`` (S, S, 3) linear Rec. 709; ``specular``, ``roughness`` (S, S):
    IOR level and roughness; ``coverage`` (C, C, 3), maybe of fewer texels: the shares of photo, mirror side and model
    (see `completion.source_shares`). All in [0, 1].
    """

    diffuse: FloatImage
    specular: FloatImage
    roughness: FloatImage
    coverage: FloatImage


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
        trust: (T, T) in [0, 1], 0 where the photo shows something before the skin; shown: (S, S, 3) what it shows at the
            fitted texels; eye_colours: side -> iris and sclera, linear. All three are found by `run`.
    """

    model: FaceModel
    found: Stage2Result
    detail: View
    eyes: FloatImage
    eyeballs: dict[str, Eyeball]
    settings: Settings
    reporter: Reporter
    losses: list[float] = field(default_factory=list)
    trust: FloatImage = field(default_factory=lambda: np.ones((1, 1), np.float32))
    shown: FloatImage = field(default_factory=lambda: np.zeros((1, 1, 3), np.float32))
    eye_colours: dict[str, tuple[FloatImage, FloatImage]] = field(default_factory=dict)

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
        """All of stage 3, at the fitted size; `sharpened` makes the maps as large as they were asked for."""
        make_repeatable()
        atlas = make_atlas(self.model, self.size)
        shading = self._shade()
        self.trust = self._judge_skin(self.look(atlas), shading)
        seen = self.look(atlas)
        self.shown = pad(atlas.image(seen.colour), atlas.known)
        pyramid = TexelPyramid(self, seen, shading)
        maps, texels = refine_maps(pyramid.at, self.size, self.settings, self._tell)
        if self.settings.shading == "reference":
            maps = self._refine_by_rendering(maps, texels)
        shares = source_shares(confidence(texels), texels.skin.numpy())
        change = completed(maps.change.permute(1, 2, 0).numpy(), shares)
        finished = self._finish(Maps(torch.from_numpy(change).permute(2, 0, 1)), texels, shares)
        return self._paint_parts(finished, seen, shading)

    def _judge_skin(self, seen: SeenAtlas, shading: Lit) -> FloatImage:
        texels = TexelPyramid(self, seen, shading).at(min(TRUST_SIZE, self.size))
        atlas = make_atlas(self.model, texels.size)
        masks = atlas.image(atlas.interpolate(self.model, np.stack([self.model.regions[name] for name in REGIONS], 1)))
        return skin_trust(texels, {name: masks[:, :, number] for number, name in enumerate(REGIONS)})

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
        colour = self.photo_at(atlas)
        masks = np.stack([self.detail.weight, self.eyes], 2)
        trust = sample_image(torch.from_numpy(masks), pixel).numpy()
        is_eye = atlas.is_part(SIDES[0]) | atlas.is_part(SIDES[1])
        skin = trust[:, 0] * atlas.sample(self.trust[:, :, None])[:, 0]
        trusted = np.where(is_eye, trust[:, 1], np.where(atlas.is_part("skin"), skin, 0.0))
        ramp = np.clip((cosine - LEAST_COSINE) / (FULL_COSINE - LEAST_COSINE), 0.0, 1.0)
        return SeenAtlas(atlas, colour, (visible * ramp * trusted).astype(np.float32))

    def photo_at(self, atlas: Atlas) -> NDArray[np.float32]:
        """(N, 3) linear radiance of the photo where the texels project."""
        pixel = self.detail.camera.project(atlas.interpolate(self.model, self.vertices)).astype(np.float32)
        return np.asarray(sample_image(torch.from_numpy(self.detail.image), torch.from_numpy(pixel)).numpy())

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

    def _finish(self, maps: Maps, texels: Texels, shares: FloatImage) -> FinishedMaps:
        diffuse, specular, roughness = (value.numpy() for value in maps.values(texels))
        return FinishedMaps(diffuse, specular, roughness, shares)

    def _paint_parts(self, maps: FinishedMaps, seen: SeenAtlas, shading: Lit) -> FinishedMaps:
        """Eyes, teeth, tongue and mouth get their own colours; what lies between the islands takes the nearest one's."""
        atlas = seen.atlas
        self.eye_colours = {side: self._eye_colours(side, seen, shading) for side in SIDES}
        self.paint_eyes(maps, atlas)
        for part in INNER_PARTS:
            chosen = atlas.is_part(part)
            where = atlas.rows[chosen], atlas.columns[chosen]
            maps.diffuse[where] = part_albedo(part)
            maps.specular[where], maps.roughness[where] = INNER_SPECULAR, INNER_ROUGHNESS
        channels = np.dstack([maps.diffuse, maps.specular, maps.roughness])
        padded = pad(channels, atlas.known)
        return FinishedMaps(padded[:, :, :3], padded[:, :, 3], padded[:, :, 4], maps.coverage)

    def _eye_colours(self, side: str, seen: SeenAtlas, shading: Lit) -> tuple[FloatImage, FloatImage]:
        """Linear colours (3,) of iris and sclera."""
        ball = self.eyeballs[side]
        chosen = seen.atlas.is_part(side)
        light = resized_lit(shading, seen.atlas.size).diffuse.reshape(seen.atlas.size, seen.atlas.size, 3).numpy()
        shown = np.clip(seen.colour / np.maximum(seen.atlas.at(light), 0.05), 0.0, 1.0)[chosen]
        angle = ball.angle(seen.atlas.interpolate(self.model, self.vertices)[chosen]) / ball.iris_angle
        return eye_colours(angle, shown, seen.weight[chosen])

    def paint_eyes(self, maps: FinishedMaps, atlas: Atlas) -> None:
        """Paint both eyes into ``maps``, as far as ``atlas`` has texels of them."""
        for side in SIDES:
            ball, (iris, sclera) = self.eyeballs[side], self.eye_colours[side]
            target = atlas.only(atlas.is_part(side))
            where = target.rows, target.columns
            share = ball.angle(target.interpolate(self.model, self.vertices)) / ball.iris_angle
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
