"""One photo, from which maps are read: what it shows at every texel, how it is lit, and what hides the skin in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ..faces.model import PART_NAMES, FaceModel
from ..faces.nostrils import AROUND, nostril_mask
from ..render.geometry import TracedScene
from ..render.transfer import camera_visibility
from ..reporter import Reporter
from ..settings import Settings
from .atlas import Atlas, make_atlas
from .blending import Band, standing
from .eyes import SIDES, Eyeball
from .fill import pad
from .glints import without_glints
from .head import DifferentiableHead
from .lit_picture import diffuse_picture, packed_lit, unpack_lit
from .photometric import View, sample_image
from .shading import Lit
from .stage2 import Stage2Result
from .stage3 import Texels
from .teeth import ROWS
from .tracing import trace_bounce, trace_transfer
from .trust import AROUND_NOSTRILS, NOSTRILS, REGIONS, skin_trust, white_trust

FloatImage = NDArray[np.float32]

# Shading is smooth, so it is traced for fewer texels than the maps have: so many along a side at most, and so many for each
# pixel along a side of the fit, whose photo shows no more.
SHADING_SIZE, SHADING_PER_PIXEL = 512, 1.5
LEAST_COSINE, FULL_COSINE = 0.15, 0.4
# Width of the lids' wet rims as a share of the distance between the eyes' outer corners.
RIM = 0.03
# Share of the bundled head's map that its face takes: what is known of the sizes of hair and spots in maps is known of it.
FACE_SHARE = 0.443


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
        eyes: the same picture's weights of the open eyes (H, W). eyeballs: side -> where it looks. brows: (H, W) 1 where the
            detector saw brows.
        trust: (T, T) in [0, 1], 0 where the photo shows something before the skin; dimming: (T, T, 3), what is left of its
            radiance without glints; shown: (S, S, 3) what it shows at the fitted texels; share: (S, S) of their detail, against other
            photos. All four are found by `MapProblem.run`.
    """

    model: FaceModel
    found: Stage2Result
    detail: View
    eyes: FloatImage
    eyeballs: dict[str, Eyeball]
    settings: Settings
    reporter: Reporter
    brows: FloatImage | None = None
    teeth: FloatImage | None = None
    trust: FloatImage = field(default_factory=lambda: np.ones((1, 1), np.float32))
    dimming: FloatImage = field(default_factory=lambda: np.ones((1, 1, 3), np.float32))
    shown: FloatImage = field(default_factory=lambda: np.zeros((1, 1, 3), np.float32))
    share: FloatImage = field(default_factory=lambda: np.ones((1, 1), np.float32))

    def __post_init__(self) -> None:
        self.vertices = self.found.vertices
        self.scene = TracedScene(self.vertices, self.model.triangles)
        self.has_eyes, self.has_teeth = (_has_any(self.model, parts) for parts in (SIDES, ROWS))
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
        colour = self.photo_at(atlas)
        teeth = np.zeros_like(self.eyes) if self.teeth is None else self.teeth
        trust = sample_image(torch.from_numpy(np.stack([self.detail.weight, self.eyes, teeth], 2)), pixel).numpy()
        skin = trust[:, 0] * atlas.sample(self.trust[:, :, None])[:, 0]
        # Eyes and teeth that it has not are painted on its skin, so they are read from the photo as skin is.
        if not self.has_eyes:
            skin = np.maximum(
                skin, sample_image(torch.from_numpy(_with_rims(self.eyes)[:, :, None]), pixel).numpy()[:, 0]
            )
        if not self.has_teeth:
            skin = np.maximum(skin, trust[:, 2])
        choices = [(("skin",), skin), (SIDES, trust[:, 1]), (ROWS, trust[:, 2])]
        trusted = np.select([_of_any(atlas, parts) for parts, _ in choices], [share for _, share in choices], 0.0)
        ramp = np.clip((cosine - LEAST_COSINE) / (FULL_COSINE - LEAST_COSINE), 0.0, 1.0)
        return SeenAtlas(atlas, colour, (visible * ramp * trusted).astype(np.float32), cosine.astype(np.float32))

    def photo_at(self, atlas: Atlas) -> NDArray[np.float32]:
        """(N, 3) linear radiance of the photo where the texels project, without glints."""
        pixel = self.detail.camera.project(atlas.interpolate(self.model, self.vertices)).astype(np.float32)
        shown = sample_image(torch.from_numpy(self.detail.image), torch.from_numpy(pixel)).numpy()
        return np.asarray(shown * atlas.sample(self.dimming))

    def judge(self, texels: Texels, white: FloatImage) -> None:
        """Find out where this photo, which ``texels`` are of, shows something else than skin, and glints; ``white`` (3,) is the linear
        albedo that the white of its eyes has in its light.
        """
        atlas = make_atlas(self.model, texels.size)
        on_head = {name: self.model.regions[name] for name in REGIONS}
        on_head |= {NOSTRILS: nostril_mask(self.model), AROUND_NOSTRILS: nostril_mask(self.model, AROUND)}
        masks = atlas.image(atlas.interpolate(self.model, np.stack(list(on_head.values()), 1)))
        regions = {name: masks[:, :, number] for number, name in enumerate(on_head)}
        if self.brows is not None:
            # Raised brows may lie far from where the model has its own.
            pixel = torch.from_numpy(self.detail.camera.project(atlas.interpolate(self.model, self.vertices))).float()
            seen = sample_image(torch.from_numpy(self.brows[:, :, None]), pixel).numpy()
            regions["brows"] = np.maximum(regions["brows"], atlas.image(seen)[:, :, 0])
        face = atlas.interpolate(self.model, self.model.regions["face"][:, None]).sum() / texels.size**2
        side = texels.size * float(np.sqrt(face / FACE_SHARE))
        self.trust = skin_trust(texels, regions, side) * white_trust(texels, regions["eyelids"], white, side)
        self.dimming = without_glints(texels, regions, side)

    def shade(self) -> Lit:
        """Shading of a square of `SHADING_SIZE` texels or fewer, row by row: traced where the camera sees them, continued
        elsewhere.
        """
        most = round(SHADING_PER_PIXEL * self.settings.fit_size)
        atlas = make_atlas(self.model, min(SHADING_SIZE, self.settings.texture_size, most))
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
        channels = packed_lit(lit).numpy()
        picture = np.zeros((atlas.size, atlas.size, channels.shape[1]), np.float32)
        known = np.zeros((atlas.size, atlas.size), bool)
        picture[atlas.rows[kept], atlas.columns[kept]] = channels
        known[atlas.rows[kept], atlas.columns[kept]] = True
        return unpack_lit(pad(picture, known), len(lit.nodes), lit.nodes)

    def part_sight(self, part: str, seen: SeenAtlas, shading: Lit) -> tuple[FloatImage, FloatImage]:
        """What the photo shows of a part at its N texels: albedo (N, 3), weight (N,)."""
        chosen = seen.atlas.is_part(part)
        light = seen.atlas.only(chosen).sample(diffuse_picture(shading))
        return np.clip(seen.colour[chosen] / np.maximum(light, 0.05), 0.0, 1.0), seen.weight[chosen]

    def eye_sight(self, side: str, seen: SeenAtlas, shading: Lit) -> tuple[FloatImage, FloatImage, FloatImage]:
        """What the photo shows of an eye at N texels: share of the iris's angle (N,), albedo (N, 3), weight (N,)."""
        atlas, ball = seen.atlas, self.eyeballs[side]
        angle = ball.angle(atlas.interpolate(self.model, self.vertices)[atlas.is_part(side)]) / ball.iris_angle
        return angle, *self.part_sight(side, seen, shading)


def _with_rims(eyes: FloatImage) -> FloatImage:
    """(H, W) ``eyes`` with the wet rims of the lids, which masks of eyes and of skin both leave out."""
    columns = np.flatnonzero(eyes.any(0))
    radius = max(1, round(RIM * float(np.ptp(columns)))) if len(columns) else 1
    return np.asarray(cv2.dilate(eyes, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))))


def _has_any(model: FaceModel, parts: tuple[str, ...]) -> bool:
    return bool(np.isin(model.face_part, [PART_NAMES.index(part) for part in parts]).any())


def _of_any(atlas: Atlas, parts: tuple[str, ...]) -> NDArray[np.bool_]:
    """(N,) True for texels of one of the parts."""
    return np.asarray(np.logical_or.reduce([atlas.is_part(part) for part in parts]))


def _normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)
