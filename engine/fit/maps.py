"""From stage 2's statistical reflectance to the finished maps: what the photos show at every texel, stage 3, and the
filling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..faces.skin_colour import part_albedo
from .atlas import Atlas, make_atlas
from .blending import DETAIL, shares
from .completion import completed, source_shares, without_fringe
from .eyes import EYE_ROUGHNESS, EYE_SPECULAR, SIDES, eye_colours, paint_eye, sclera_colour, texel_share
from .fill import pad
from .map_view import MapView, SeenAtlas
from .reference import PICTURE_SIZE, STEP_SHARE, LitPicture, refine_by_rendering
from .repeatable import make_repeatable
from .shading import Lit
from .stage3 import Maps, Texels, Weights, confidence, refine_maps
from .teeth import ROWS, teeth_albedo
from .texel_pyramid import TexelPyramid
from .watch import Watch, nobody

FloatImage = NDArray[np.float32]

# Texels are fitted one by one up to a size, beyond which the photos' own detail is added.
LARGEST_FITTED = 1024
# Texels across the map at which it is judged what is skin.
TRUST_SIZE = 512
INNER_PARTS = ("mouth", "teeth_upper", "teeth_lower", "tongue")
INNER_SPECULAR, INNER_ROUGHNESS = 0.4, 0.35
# The region's soft border is taken so far into it: hair begins where the forehead ends.
FOREHEAD_SPREAD = 4.0


@dataclass
class FinishedMaps:
    """Square maps of S texels, row 0 at the top. ``diffuse`` (S, S, 3) linear Rec. 709; ``specular``, ``roughness`` (S, S):
    IOR level and roughness; ``coverage`` (C, C, 3), maybe of fewer texels: the shares of the photos, the mirror side and
    the model (see `completion.source_shares`); ``normal`` (S, S, 3): normal map as `scene.tangents` has it, or None. All
    in [0, 1].
    """

    diffuse: FloatImage
    specular: FloatImage
    roughness: FloatImage
    coverage: FloatImage
    normal: FloatImage | None = None


@dataclass(frozen=True)
class FoundMaps:
    """What `MapProblem.run` finds out beside the maps, and what follows it needs.

    Attributes:
        trusts, dimmings: of each photo, `MapView.trust` and `MapView.dimming`. gaze: number of the photo whose gaze the eyes have.
        eye_colours: side -> iris and sclera, (3,) linear.
    """

    trusts: list[FloatImage]
    dimmings: list[FloatImage]
    gaze: int
    eye_colours: dict[str, tuple[FloatImage, FloatImage]]


@dataclass
class MapProblem:
    """Everything that stage 3 starts from: the photos of one person, at least one.

    Attributes:
        gaze: the photo whose gaze the eyes' maps get; eye_colours: side -> iris and sclera, linear. Both are found by
            `run`. watch: offered the diffuse, specular and roughness maps after each step.
    """

    views: Sequence[MapView]
    losses: list[float] = field(default_factory=list)
    eye_colours: dict[str, tuple[FloatImage, FloatImage]] = field(default_factory=dict)
    watch: Watch[tuple[Tensor, Tensor, Tensor]] = nobody

    def __post_init__(self) -> None:
        first = self.views[0]
        self.model, self.settings, self.reporter = first.model, first.settings, first.reporter
        self.gaze = first
        self.size = min(LARGEST_FITTED, self.settings.texture_size)
        with torch.no_grad():
            found = first.found.reflectance
            self.reflectance = torch.cat([found.moderate().albedo(), found.surface()], 1).numpy()

    def run(self) -> FinishedMaps:
        """All of stage 3, at the fitted size; `sharpened` makes the maps as large as they were asked for."""
        make_repeatable()
        atlas = make_atlas(self.model, self.size)
        shading = [view.shade() for view in self.views]
        self._judge_skin(atlas, shading)
        seen = self.look(atlas)
        self._keep_detail(seen)
        pyramid = TexelPyramid(self.model, self.reflectance, seen, shading)
        maps, texels = refine_maps(pyramid.at, self.size, self.settings, self._tell, self.watch)
        if self.settings.shading == "reference":
            maps = self._refine_by_rendering(maps, texels)
        found = maps.change.permute(1, 2, 0).numpy()
        sources = source_shares(without_fringe(found, confidence(texels), self.forehead(atlas)), texels.skin.numpy())
        change = completed(found, sources)
        finished = self._finish(Maps(torch.from_numpy(change).permute(2, 0, 1)), texels, sources)
        return self._paint_parts(finished, seen, shading)

    def unrefined(self) -> FinishedMaps:
        """The maps that stage 3 starts from: stage 2's reflectance, all of it the model's, with eyes and teeth."""
        make_repeatable()
        atlas = make_atlas(self.model, self.size)
        shading, seen = [view.shade() for view in self.views], self.look(atlas)
        self._keep_detail(seen)
        base = pad(atlas.image(atlas.interpolate(self.model, self.reflectance)), atlas.known)
        sources = np.zeros((self.size, self.size, 3), np.float32)
        sources[:, :, 2] = 1.0
        maps = FinishedMaps(base[:, :, :3].copy(), base[:, :, 3].copy(), base[:, :, 4].copy(), sources)
        return self._paint_parts(maps, seen, shading)

    def found(self) -> FoundMaps:
        """What `run` or `unrefined` found out."""
        gaze = next(number for number, view in enumerate(self.views) if view is self.gaze)
        trusts, dimmings = [view.trust for view in self.views], [view.dimming for view in self.views]
        return FoundMaps(trusts, dimmings, gaze, self.eye_colours)

    def resume(self, found: FoundMaps) -> None:
        """Know what was ``found`` in an earlier run, as if this one had."""
        make_repeatable()
        for view, trust, dimming in zip(self.views, found.trusts, found.dimmings, strict=True):
            view.trust, view.dimming = trust, dimming
        self.gaze, self.eye_colours = self.views[found.gaze], dict(found.eye_colours)
        self._keep_detail(self.look(make_atlas(self.model, self.size)))

    def look(self, atlas: Atlas) -> list[SeenAtlas]:
        """What each photo shows at the texels of ``atlas``."""
        return [view.look(atlas) for view in self.views]

    def forehead(self, atlas: Atlas) -> FloatImage:
        """(S, S) the forehead's region; nowhere in a model that does not know it."""
        mask = self.model.regions.get("forehead", np.zeros(self.model.vertex_count, np.float32))
        return np.clip(FOREHEAD_SPREAD * atlas.image(atlas.interpolate(self.model, mask[:, None]))[:, :, 0], 0.0, 1.0)

    def most_detailed(self) -> int:
        """Number of the photo that gives the maps most of their detail, after `run`."""
        return int(np.argmax([view.share.sum() for view in self.views]))

    def _judge_skin(self, atlas: Atlas, shading: list[Lit]) -> None:
        """Each photo is judged by itself: hair lies over another place in every one."""
        for view, seen, lit in zip(self.views, self.look(atlas), shading, strict=True):
            sights = [view.eye_sight(side, seen, lit) for side in SIDES]
            _, white = eye_colours(*(np.concatenate(part) for part in zip(*sights, strict=True)))
            texels = TexelPyramid(self.model, self.reflectance, [seen], [lit]).at(min(TRUST_SIZE, self.size))
            view.judge(texels, white)

    def _keep_detail(self, seen: list[SeenAtlas]) -> None:
        """What `sharpened` will need: what each photo shows, and how much its detail counts."""
        parts = shares([photo.standing(DETAIL) for photo in seen])
        for view, photo, part in zip(self.views, seen, parts, strict=True):
            view.shown, view.share = pad(photo.atlas.image(photo.colour), photo.atlas.known), part

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

    def _finish(self, maps: Maps, texels: Texels, sources: FloatImage) -> FinishedMaps:
        diffuse, specular, roughness = (value.numpy() for value in maps.values(texels))
        return FinishedMaps(diffuse, specular, roughness, sources)

    def _paint_parts(self, maps: FinishedMaps, seen: list[SeenAtlas], shading: list[Lit]) -> FinishedMaps:
        """Eyes, teeth, tongue and mouth get their own colours; what lies between the islands takes the nearest one's."""
        atlas = seen[0].atlas
        self._find_eyes(seen, shading)
        self.paint_eyes(maps, atlas)
        for part in INNER_PARTS:
            chosen = atlas.is_part(part)
            where = atlas.rows[chosen], atlas.columns[chosen]
            maps.diffuse[where] = part_albedo(part)
            if part in ROWS:
                maps.diffuse[where] = self._teeth(part, seen, shading)
            maps.specular[where], maps.roughness[where] = INNER_SPECULAR, INNER_ROUGHNESS
        channels = np.dstack([maps.diffuse, maps.specular, maps.roughness])
        padded = pad(channels, atlas.known)
        return replace(maps, diffuse=padded[:, :, :3], specular=padded[:, :, 3], roughness=padded[:, :, 4])

    def _teeth(self, row: str, seen: list[SeenAtlas], shading: list[Lit]) -> FloatImage:
        """(N, 3) albedo of one row of teeth, from the photo that shows it best."""
        sights = [view.part_sight(row, s, lit) for view, s, lit in zip(self.views, seen, shading, strict=True)]
        return teeth_albedo(row, *max(sights, key=lambda sight: float(sight[1].sum())))

    def _find_eyes(self, seen: list[SeenAtlas], shading: list[Lit]) -> None:
        """Their colours from all photos, and the gaze of the photo that shows them best: a map has one."""
        shown = [float(sum(photo.weight[photo.atlas.is_part(side)].sum() for side in SIDES)) for photo in seen]
        self.gaze = self.views[int(np.argmax(shown))]
        sights = {side: self._eye_sights(side, seen, shading) for side in SIDES}
        # A person's irises are of one colour, and each alone may lie in the shadow of lashes or mirror the sky.
        iris, _ = eye_colours(*(np.concatenate(part) for part in zip(*sights.values(), strict=True)))
        for side in SIDES:
            self.eye_colours[side] = iris, sclera_colour(*sights[side])

    def _eye_sights(self, side: str, seen: list[SeenAtlas], shading: list[Lit]) -> tuple[FloatImage, ...]:
        """`MapView.eye_sight` of all photos, one after the other."""
        sights = [view.eye_sight(side, s, lit) for view, s, lit in zip(self.views, seen, shading, strict=True)]
        return tuple(np.concatenate(part) for part in zip(*sights, strict=True))

    def paint_eyes(self, maps: FinishedMaps, atlas: Atlas) -> None:
        """Paint both eyes into ``maps``, as far as ``atlas`` has texels of them."""
        for side in SIDES:
            ball, (iris, sclera) = self.gaze.eyeballs[side], self.eye_colours[side]
            target = atlas.only(atlas.is_part(side))
            where = target.rows, target.columns
            points = target.interpolate(self.model, self.gaze.vertices)
            share = ball.angle(points) / ball.iris_angle
            texel = texel_share(self.model, self.gaze.vertices, side, ball, len(maps.diffuse))
            maps.diffuse[where] = paint_eye(share, iris, sclera, ball.around(points), texel)
            maps.specular[where], maps.roughness[where] = EYE_SPECULAR, EYE_ROUGHNESS
