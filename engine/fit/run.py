"""The photos of one person through the three stages to arrays that are ready to be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..faces.model import PART_NAMES, FaceModel
from ..render.variant import VariantInfo
from ..reporter import Reporter
from ..results.data import HeadData, PhotoData, ResultData
from ..results.report import build_report
from ..settings import Settings
from .atlas import make_atlas
from .clock import Clock
from .correction import Rendered, corrected
from .maps import FinishedMaps, MapProblem
from .normals import with_normals
from .observations import observe
from .photo_run import PhotoRun
from .prepare import PreparedPhoto
from .preview import over, small
from .sharpen import sharpened
from .stage1 import Stage1Result, fit_landmarks
from .stage2 import Stage2Result, fit_statistical
from .teeth import teeth_expressions

CORRECTIONS = 2
CORRECTION_SCALE = 0.5
CORRECTION_SAMPLES = 64
# What the coverage map's channels are called in the report, and the texels across at which they are counted.
SOURCES, SOURCES_SIZE = ("photo", "mirror", "model"), 256


class Run:
    """The fit of one person, stage after stage."""

    def __init__(
        self,
        model: FaceModel,
        prepared: Sequence[PreparedPhoto],
        settings: Settings,
        reporter: Reporter,
        clock: Clock,
        variant: VariantInfo,
    ) -> None:
        self.model, self.prepared, self.settings = model, prepared, settings
        self.reporter, self.clock, self.variant = reporter, clock, variant
        self.photos = [PhotoRun(model, photo, settings, reporter) for photo in prepared]

    def result(self) -> ResultData:
        """Run everything."""
        with self.clock.stage("stage1"):
            first = self._stage1()
        with self.clock.stage("stage2"):
            second = self._stage2(first)
        with self.clock.stage("stage3"):
            problem, maps = self._maps(second)
        with self.clock.stage("textures"):
            maps = sharpened(self._correct(maps, problem, second), problem)
        with self.clock.stage("render"):
            photos, qualities = self._finish(maps, second)
        return self._collect(first, second, maps, photos, qualities)

    def _stage1(self) -> Stage1Result:
        seen = [observe(photo.photo, photo.face, self.settings) for photo in self.prepared]
        return fit_landmarks(self.model, seen, self.settings, self.reporter)

    def _stage2(self, first: Stage1Result) -> list[Stage2Result]:
        seen = [photo.observation(found) for photo, found in zip(self.photos, first.photos, strict=True)]
        found = fit_statistical(self.model, first.identity.astype(np.float32), seen, self.settings, self.reporter)
        return [photo.with_teeth(second) for photo, second in zip(self.photos, found, strict=True)]

    def _maps(self, second: list[Stage2Result]) -> tuple[MapProblem, FinishedMaps]:
        problem = MapProblem([photo.map_view(found) for photo, found in zip(self.photos, second, strict=True)])
        maps = problem.run()
        number = problem.most_detailed()
        return problem, with_normals(maps, problem.views[number], self.photos[number].pixel_mm(second[number]))

    def _correct(self, maps: FinishedMaps, problem: MapProblem, second: list[Stage2Result]) -> FinishedMaps:
        count = len(self.photos)
        for step in range(CORRECTIONS):
            rendered = []
            for number, (photo, found) in enumerate(zip(self.photos, second, strict=True)):
                self.reporter.progress("textures", step * count + number, CORRECTIONS * count)
                view = photo.view(found).scaled(CORRECTION_SCALE)
                picture = photo.render(maps, found, view, CORRECTION_SAMPLES)
                self.reporter.preview(small(over(picture, view.image, 1.0)))
                rendered.append(Rendered(view, picture[:, :, :3]))
            maps = corrected(maps, problem, rendered)
        return maps

    def _finish(self, maps: FinishedMaps, second: list[Stage2Result]) -> tuple[list[PhotoData], list[float]]:
        """The final pictures, and how well each shows its photo, in dB."""
        photos, qualities = [], []
        for number, (photo, found) in enumerate(zip(self.photos, second, strict=True)):
            self.reporter.progress("render", 2 * number, 2 * len(self.photos))
            view = photo.view(found)
            picture = photo.render(maps, found, view, self.settings.render_samples)
            self.reporter.preview(small(over(picture, view.image, 1.0)))
            self.reporter.progress("render", 2 * number + 1, 2 * len(self.photos))
            shading = photo.render(_white(maps), found, view.scaled(0.5), CORRECTION_SAMPLES)
            qualities.append(photo.reproduction(picture))
            photos.append(photo.collected(found, maps, picture, shading))
        return photos, qualities

    def _collect(
        self,
        first: Stage1Result,
        second: list[Stage2Result],
        maps: FinishedMaps,
        photos: list[PhotoData],
        qualities: list[float],
    ) -> ResultData:
        paths = [photo.photo.path for photo in self.prepared]
        report = build_report(
            seconds=self.clock.seconds,
            landmark_error_percent=first.landmark_error_percent,
            reproduction_psnr_db=float(np.mean(qualities)),
            variant=self.variant.name,
            settings=self.settings,
            photos=paths,
            extra={
                "landmark_errors_percent": first.landmark_errors_percent,
                "landmark_error_calibrated_percent": first.calibrated_error_percent,
                "reproduction_psnrs_db": qualities,
                "skin_from_percent": skin_sources(maps, self.model),
            },
        )
        return ResultData(
            name=paths[0].stem,
            face_model=self.model.name,
            head=head_data(self.model, second[0]),
            diffuse=maps.diffuse,
            specular=maps.specular,
            roughness=maps.roughness,
            coverage=maps.coverage,
            normal=maps.normal,
            photos=tuple(photos),
            report=report,
        )


def head_data(model: FaceModel, second: Stage2Result) -> HeadData:
    """The fitted head with its shape keys."""
    teeth = teeth_expressions(model)
    return HeadData(
        vertices=model.vertices(second.identity),
        quads=model.quads,
        uv_face=model.uv_face,
        uv_original=model.uv_original,
        face_part=model.face_part,
        part_names=PART_NAMES,
        expression_names=(*model.expression_names, *teeth),
        expression_deltas=np.concatenate([model.expression_basis, *(delta[None] for delta in teeth.values())]),
        slider_names=model.slider_names,
        slider_deltas=model.slider_basis,
        original_index=model.original_index,
    )


def skin_sources(maps: FinishedMaps, model: FaceModel) -> dict[str, float]:
    """Where the texels of the face's skin come from: percent of "photo", "mirror" and "model"."""
    atlas = make_atlas(model, min(len(maps.coverage), SOURCES_SIZE))
    face = atlas.interpolate(model, model.regions["face"][:, None])[:, 0] * atlas.is_part("skin")
    shares = np.average(atlas.sample(maps.coverage), axis=0, weights=face)
    return {name: round(100.0 * float(share), 1) for name, share in zip(SOURCES, shares, strict=True)}


def _white(maps: FinishedMaps) -> FinishedMaps:
    """The same surface in a light grey, to show the light."""
    return replace(maps, diffuse=np.full((4, 4, 3), 0.6, np.float32))
