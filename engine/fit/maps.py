"""From stage 2's statistical reflectance to the finished maps: what the photos show at every texel, stage 3, and the
filling.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from .blending import DETAIL, TONE, Band, levelling, resized, shares, standing
from .eyes import EYE_ROUGHNESS, EYE_SPECULAR, SIDES, Eyeball, eye_colours, paint_eye
from .fill import pad, push_pull
from .head import DifferentiableHead
from .photometric import View, sample_image
from .reference import PICTURE_SIZE, STEP_SHARE, LitPicture, refine_by_rendering
from .repeatable import make_repeatable
from .shading import Lit, joined
from .stage2 import Stage2Result
from .stage3 import COARSEST, Maps, Texels, Weights, confidence, explaining_change, refine_maps
from .tracing import trace_bounce, trace_transfer

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
    ``coverage`` (S, S): IOR level, roughness, and how far a photo determined the texel; all in [0, 1].
    """

    diffuse: FloatImage
    specular: FloatImage
    roughness: FloatImage
    coverage: FloatImage


@dataclass
class SeenAtlas:
    """An atlas and what one photo shows at each of its N texels: ``colour`` (N, 3) linear, ``weight`` (N,) trust,
    ``cosine`` (N,) between normal and direction to the camera.
    """

    atlas: Atlas
    colour: NDArray[np.float32]
    weight: NDArray[np.float32]
    cosine: NDArray[np.float32]

    def weight_image(self) -> FloatImage:
        """(S, S) of ``weight``."""
        return self.atlas.image(self.weight[:, None])[:, :, 0]

    def standing(self, band: Band) -> FloatImage:
        """(S, S) what this photo's word counts against other photos' in a band of detail."""
        return standing(self.weight_image(), self.atlas.image(self.cosine[:, None])[:, :, 0], band)


@dataclass
class MapView:
    """One photo, from which maps are read.

    Attributes:
        found: its expression, camera and light. detail: the photo at its finest, with the weights of skin.
        eyes: the same picture's weights of the open eyes (H, W). eyeballs: side -> where it looks.
    """

    model: FaceModel
    found: Stage2Result
    detail: View
    eyes: FloatImage
    eyeballs: dict[str, Eyeball]
    settings: Settings
    reporter: Reporter

    def __post_init__(self) -> None:
        self.vertices = self.found.vertices
        self.scene = TracedScene(self.vertices, self.model.triangles)
        head = DifferentiableHead(self.model)
        self.normals = head.vertex_normals(torch.from_numpy(self.vertices)).numpy()

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
        return SeenAtlas(atlas, colour, (visible * ramp * trusted).astype(np.float32), cosine.astype(np.float32))

    def shade(self) -> Lit:
        """Shading of `SHADING_SIZE` squared texels, row by row: traced where the camera sees them, continued elsewhere."""
        atlas = make_atlas(self.model, min(SHADING_SIZE, self.settings.texture_size))
        points = atlas.interpolate(self.model, self.vertices)
        normals = _normalised(atlas.interpolate(self.model, self.normals))
        centre = self.detail.camera.centre
        towards = _normalised(centre.astype(np.float32) - points)
        facing = np.flatnonzero((normals * towards).sum(1) > 0.0)
        kept = facing[camera_visibility(self.scene, centre, points[facing], normals[facing])]
        seed, check = self.settings.seed, self.reporter.check
        bounce = trace_bounce(self.scene, torch.from_numpy(self.normals), self.settings, seed, check).numpy()
        with torch.no_grad():
            skin = self.found.reflectance.moderate().albedo().numpy()
        bounced, albedo = (torch.from_numpy(atlas.interpolate(self.model, v)[kept]) for v in (bounce, skin))
        transfer = trace_transfer(
            self.scene,
            torch.from_numpy(points[kept]),
            torch.from_numpy(normals[kept]),
            centre,
            self.settings,
            seed,
            check,
            bounced,
        )
        lit = transfer.lit(torch.from_numpy(self.found.light)).settled(albedo)
        nodes = len(lit.nodes)
        channels = torch.cat([lit.diffuse, lit.glossy.reshape(len(kept), -1), lit.cosine[:, None]], 1).numpy()
        picture = np.zeros((atlas.size, atlas.size, channels.shape[1]), np.float32)
        known = np.zeros((atlas.size, atlas.size), bool)
        picture[atlas.rows[kept], atlas.columns[kept]] = channels
        known[atlas.rows[kept], atlas.columns[kept]] = True
        return unpack_lit(pad(picture, known), nodes, lit.nodes)


@dataclass
class MapProblem:
    """Everything that stage 3 starts from: the photos of one person, at least one."""

    views: Sequence[MapView]
    losses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        first = self.views[0]
        self.model, self.settings, self.reporter = first.model, first.settings, first.reporter
        self.size = min(LARGEST_FITTED, self.settings.texture_size)
        with torch.no_grad():
            self.albedo = first.found.reflectance.moderate().albedo().numpy()
            self.surface = first.found.reflectance.surface().numpy()

    def run(self) -> FinishedMaps:
        """All of stage 3."""
        make_repeatable()
        seen = self.look(make_atlas(self.model, self.size))
        shading = [view.shade() for view in self.views]
        pyramid = TexelPyramid(self, seen, shading)
        maps, texels = refine_maps(pyramid.at, self.size, self.settings, self._tell)
        if self.settings.shading == "reference":
            maps = self._refine_by_rendering(maps, texels)
        sure = confidence(texels)
        change = continued(maps.change.permute(1, 2, 0).numpy(), sure * texels.skin.numpy())
        finished = self._finish(Maps(torch.from_numpy(change).permute(2, 0, 1)), texels, sure)
        return self._paint_parts(self._sharpen(finished, seen), seen, shading)

    def look(self, atlas: Atlas) -> list[SeenAtlas]:
        """What each photo shows at the texels of ``atlas``."""
        return [view.look(atlas) for view in self.views]

    def _refine_by_rendering(self, maps: Maps, texels: Texels) -> Maps:
        pictures = [
            LitPicture(
                view.detail.scaled(PICTURE_SIZE / max(view.detail.image.shape[:2])), view.vertices, view.found.light
            )
            for view in self.views
        ]
        steps = round(STEP_SHARE * self.settings.stage3_iterations)
        return refine_by_rendering(
            maps,
            texels,
            self.model,
            pictures,
            Weights.of(self.settings),
            steps,
            lambda step, loss: self._tell(step, steps, loss),
        )

    def _tell(self, step: int, steps: int, loss: float) -> None:
        self.losses.append(loss)
        self.reporter.progress("stage3", step, steps, loss)

    def _finish(self, maps: Maps, texels: Texels, sure: FloatImage) -> FinishedMaps:
        diffuse, specular, roughness = (value.numpy() for value in maps.values(texels))
        return FinishedMaps(diffuse, specular, roughness, sure)

    def _sharpen(self, maps: FinishedMaps, seen: list[SeenAtlas]) -> FinishedMaps:
        """The maps at the size asked for, the diffuse one with the detail that the full photos have beyond the fitted
        size.
        """
        size = self.settings.texture_size
        if size == self.size:
            return maps
        up = [cv2.resize(v, (size, size), interpolation=cv2.INTER_CUBIC) for v in vars(maps).values()]
        larger = FinishedMaps(*(np.clip(v, 0.0, 1.0) for v in up))
        atlas = make_atlas(self.model, size)
        parts = shares([resized(photo.standing(DETAIL), size) for photo in seen])
        detail = np.zeros((len(atlas.rows), 3), np.float32)
        for view, coarse, share in zip(self.views, seen, parts, strict=True):
            detail += atlas.at(share)[:, None] * _finer(view, coarse, atlas)
        larger.diffuse = np.clip(larger.diffuse * np.exp(atlas.image(detail)), 0.0, 1.0).astype(np.float32)
        return larger

    def _paint_parts(self, maps: FinishedMaps, seen: list[SeenAtlas], shading: list[Lit]) -> FinishedMaps:
        """Eyes, teeth, tongue and mouth get their own colours; what lies between the islands takes the nearest one's."""
        size = maps.diffuse.shape[0]
        atlas = seen[0].atlas if size == seen[0].atlas.size else make_atlas(self.model, size)
        self._paint_eyes(maps, atlas, seen, shading)
        for part in INNER_PARTS:
            chosen = atlas.is_part(part)
            where = atlas.rows[chosen], atlas.columns[chosen]
            maps.diffuse[where] = part_albedo(part)
            maps.specular[where], maps.roughness[where] = INNER_SPECULAR, INNER_ROUGHNESS
        channels = np.dstack([maps.diffuse, maps.specular, maps.roughness])
        padded = pad(channels, atlas.known)
        return FinishedMaps(padded[:, :, :3], padded[:, :, 3], padded[:, :, 4], maps.coverage)

    def _paint_eyes(self, maps: FinishedMaps, atlas: Atlas, seen: list[SeenAtlas], shading: list[Lit]) -> None:
        """Eyes in the colours of all photos that look as in the photo that shows them best: a map has one gaze."""
        shown = [float(sum(photo.weight[photo.atlas.is_part(side)].sum() for side in SIDES)) for photo in seen]
        best = self.views[int(np.argmax(shown))]
        for side in SIDES:
            sights = [_eye_sight(view, side, s, lit) for view, s, lit in zip(self.views, seen, shading, strict=True)]
            iris, sclera = eye_colours(*(np.concatenate(part) for part in zip(*sights, strict=True)))
            ball = best.eyeballs[side]
            target = atlas.is_part(side)
            where = atlas.rows[target], atlas.columns[target]
            share = ball.angle(atlas.interpolate(self.model, best.vertices)[target]) / ball.iris_angle
            maps.diffuse[where] = paint_eye(share, iris, sclera)
            maps.specular[where], maps.roughness[where] = EYE_SPECULAR, EYE_ROUGHNESS


def _eye_sight(view: MapView, side: str, seen: SeenAtlas, shading: Lit) -> tuple[FloatImage, FloatImage, FloatImage]:
    """What a photo shows of an eye at N texels: share of the iris's angle (N,), albedo (N, 3), weight (N,)."""
    atlas, ball = seen.atlas, view.eyeballs[side]
    chosen = atlas.is_part(side)
    light = resized_lit(shading, atlas.size).diffuse.reshape(atlas.size, atlas.size, 3).numpy()
    albedo = np.clip(seen.colour / np.maximum(atlas.at(light), 0.05), 0.0, 1.0)[chosen]
    angle = ball.angle(atlas.interpolate(view.model, view.vertices)[chosen]) / ball.iris_angle
    return angle, albedo, seen.weight[chosen]


def _finer(view: MapView, coarse: SeenAtlas, atlas: Atlas) -> FloatImage:
    """(N, 3) logarithm of what the full photo shows at the texels of ``atlas`` over what it shows at ``coarse`` ones."""
    fine = view.look(atlas)
    shown = cv2.resize(coarse.atlas.image(coarse.colour), (atlas.size,) * 2, interpolation=cv2.INTER_LINEAR)
    ratio = np.log(np.maximum(fine.colour, 1e-3)) - np.log(np.maximum(atlas.at(shown), 1e-3))
    return np.asarray(fine.weight[:, None] * np.clip(ratio, -LARGEST_DETAIL, LARGEST_DETAIL), np.float32)


class PhotoPyramid:
    """What one photo shows at the fitted size and, averaged, at smaller ones."""

    def __init__(self, seen: SeenAtlas, shading: Lit) -> None:
        self.colour = seen.atlas.image(seen.colour)
        self.weight = seen.weight_image()
        self.standings = {band: seen.standing(band) for band in (TONE, DETAIL)}
        self.shading = shading

    def weight_at(self, size: int) -> FloatImage:
        """(size, size) trust in what the photo shows."""
        return resized(self.weight, size)

    def colour_at(self, size: int) -> FloatImage:
        """(size, size, 3) what it shows, each texel by its weight."""
        mass = np.maximum(self.weight_at(size), 1e-6)[:, :, None]
        return np.asarray(resized(self.colour * self.weight[:, :, None], size) / mass, np.float32)


class TexelPyramid:
    """What is known of the texels at the fitted size and, averaged, at smaller ones, from all photos."""

    def __init__(self, problem: MapProblem, seen: list[SeenAtlas], shading: list[Lit]) -> None:
        atlas = seen[0].atlas
        albedo = atlas.image(atlas.interpolate(problem.model, problem.albedo))
        surface = atlas.image(atlas.interpolate(problem.model, problem.surface))
        known = atlas.known
        self.base = pad(np.concatenate([albedo, surface], 2), known)
        self.skin = atlas.image(atlas.is_part("skin").astype(np.float32)[:, None])[:, :, 0]
        self.photos = [PhotoPyramid(photo, lit) for photo, lit in zip(seen, shading, strict=True)]
        if len(self.photos) > 1:
            self._level(min(COARSEST, atlas.size))

    def _level(self, size: int) -> None:
        """Give all photos one tone where they overlap: each one's light was found for itself."""
        alone = [self._texels([photo], size) for photo in self.photos]
        unchanged = Maps(torch.zeros(5, size, size))
        gains = levelling(
            [explaining_change(unchanged, texels).permute(1, 2, 0).numpy() for texels in alone],
            [texels.weight.numpy() for texels in alone],
            [
                resized(photo.standings[TONE], size) * (t.weight.numpy() > 0.0)
                for photo, t in zip(self.photos, alone, strict=True)
            ],
        )
        for photo, gain in zip(self.photos, gains, strict=True):
            photo.colour *= resized(gain, len(photo.colour))

    def at(self, size: int) -> Texels:
        """Everything at ``size`` texels."""
        return self._texels(self.photos, size)

    def _texels(self, photos: list[PhotoPyramid], size: int) -> Texels:
        base = resized(self.base, size)
        skin = (resized(self.skin, size) > 0.5).astype(np.float32)
        weights = [_trusted(photo.weight_at(size) * skin) for photo in photos]
        parts = shares([resized(p.standings[DETAIL], size) * (w > 0.0) for p, w in zip(photos, weights, strict=True)])
        places = [torch.from_numpy(np.flatnonzero(weight)) for weight in weights]
        sights = list(zip(photos, places, strict=True))
        return Texels(
            weight=torch.from_numpy(np.max(weights, 0)),
            seen=torch.cat(places),
            colour=torch.cat([torch.from_numpy(p.colour_at(size).reshape(-1, 3))[seen] for p, seen in sights]),
            lit=joined([resized_lit(p.shading, size).at(seen) for p, seen in sights]),
            share=torch.cat([torch.from_numpy(part.reshape(-1))[s] for part, s in zip(parts, places, strict=True)]),
            diffuse=torch.from_numpy(base[:, :, :3].copy()),
            specular=torch.from_numpy(base[:, :, 3].copy()),
            roughness=torch.from_numpy(base[:, :, 4].copy()),
            skin=torch.from_numpy(skin),
        )


def _trusted(weight: FloatImage) -> FloatImage:
    """``weight`` where it is worth the work, else 0."""
    return np.where(weight > LEAST_WEIGHT, weight, 0.0).astype(np.float32)


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


def _normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)
