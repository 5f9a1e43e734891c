"""The photos of one person through the three stages to arrays that are ready to be written."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..faces.model import PART_NAMES, FaceModel
from ..render.path import passes
from ..render.variant import VariantInfo
from ..reporter import Reporter
from ..results.data import HeadData, PhotoData, ResultData
from ..results.report import build_report
from ..settings import Settings
from ..stages import Source
from .atlas import make_atlas
from .clock import Clock
from .correction import Rendered, corrected
from .gaze import EyeTurn, eye_turn, turn_name
from .lids import expressions_with, eyes_open, lids_of
from .maps import FinishedMaps, MapProblem
from .normals import with_normals
from .observations import observe
from .outline import outline_shift
from .photo_run import PhotoRun
from .photometric import View
from .prepare import PreparedPhoto
from .preview import over, small
from .record import Record
from .repeatable import make_repeatable, threads
from .sharpen import sharpened
from .stage1 import Stage1Result, fit_landmarks
from .stage2 import Stage2Result, fit_statistical
from .stage_state import stage1_arrays, stage1_of, stage2_arrays, stage2_of, stage3_arrays, stage3_of
from .starting import starting_values
from .teeth import teeth_expressions
from .watch import nobody

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
        record: Record,
    ) -> None:
        # Before the first tensor: a run that goes on from a checkpoint is to find what one that ran all stages finds.
        make_repeatable()
        self.model, self.prepared, self.settings = model, prepared, settings
        self.reporter, self.clock, self.variant = reporter, clock, variant
        self.photos = [PhotoRun(model, photo, settings, reporter) for photo in prepared]
        self.record = record
        record.begin(model, self.photos)

    def result(self) -> ResultData:
        """Run everything."""
        with self.clock.stage("stage1"):
            first = self._stage1()
        with self.clock.stage("stage2"):
            second = self._stage2(first)
        with self.clock.stage("stage3"):
            problem, maps = self._maps(second)
        with self.clock.stage("textures"):
            if self._source(3) is not Source.START:
                maps = self._correct(maps, problem, second)
            maps = sharpened(maps, problem)
        with self.clock.stage("render"):
            photos, qualities = self._finish(maps, second)
        return self._collect(first, second, maps, photos, qualities)

    def _source(self, stage: int) -> Source:
        return self.record.sources[stage - 1]

    def _stage1(self) -> Stage1Result:
        if self._source(1) is Source.CHECKPOINT:
            if self._source(2) is Source.RUN:
                self.record.check_landmarks()
            if any(photo.face.sureness is not None or photo.focal_length_mm for photo in self.prepared):
                self.reporter.warn("Stage 1 comes from the checkpoint: it does not know what was placed by hand.")
            return stage1_of(self.record.state, self.model)
        settings = self.settings if self._source(1) is Source.RUN else replace(self.settings, stage1_iterations=0)
        seen = [observe(photo.photo, photo.face, settings, photo.focal_length_mm) for photo in self.prepared]
        debug = self.record.debug
        found = fit_landmarks(self.model, seen, settings, self.reporter, debug.watch1 if debug else nobody)
        self.record.add(1, stage1_arrays(found))
        if debug:
            debug.done1(found.identity, found.photos)
        return found

    def _stage2(self, first: Stage1Result) -> list[Stage2Result]:
        debug = self.record.debug
        if self._source(2) is Source.CHECKPOINT:
            found = stage2_of(self.record.state, self.model, self.settings.bands)
            cameras = self.record.in_crop([photo.camera for photo in found], self.photos)
            found = [replace(photo, camera=camera) for photo, camera in zip(found, cameras, strict=True)]
        else:
            found = self._search_stage2(first)
            self.record.add(2, stage2_arrays(found))
        if debug:
            debug.done2(found)
        for photo, seen in zip(self.photos, found, strict=True):
            photo.look_again_for_spectacles(seen)
        # None of these is a part of the checkpoint: the photos and the shape tell them again.
        if self._source(2) is not Source.START:
            found = self._with_eyes(self._with_lids(self._with_closed_lips(self._with_outline(found))))
        return [photo.with_teeth(second) for photo, second in zip(self.photos, found, strict=True)]

    def _with_outline(self, second: list[Stage2Result]) -> list[Stage2Result]:
        """The same with the outline where the photos show it, as far as the model's modes have left it elsewhere."""
        before = second[0].shift
        neutral = self.model.vertices(second[0].identity)
        neutral = neutral if before is None else neutral + before
        seen = [photo.outline(found) for photo, found in zip(self.photos, second, strict=True)]
        return _shifted(second, outline_shift(self.model, neutral, seen))

    def _with_closed_lips(self, second: list[Stage2Result]) -> list[Stage2Result]:
        """The same with the person's lips closed and where the photos show them, where these show them closed."""
        shifts = [photo.closing(found) for photo, found in zip(self.photos, second, strict=True)]
        closed = [shift for shift in shifts if shift is not None]
        if not closed:
            return second
        return _shifted(second, np.mean(closed, 0))

    def _with_lids(self, second: list[Stage2Result]) -> list[Stage2Result]:
        """The same with the person's lower lids where the photos show them."""
        lids = lids_of([photo.lowering(found) for photo, found in zip(self.photos, second, strict=True)])
        if lids is None:
            return second
        return [
            replace(found, vertices=found.vertices + eyes_open(self.model, found.expression) * lids, lids=lids)
            for found in second
        ]

    def _with_eyes(self, second: list[Stage2Result]) -> list[Stage2Result]:
        """The same with eyes that look where each photo shows them: the first photo's irises are where the map has them."""
        seen = [(found.vertices, photo.eyeballs(found)) for photo, found in zip(self.photos, second, strict=True)]
        result = second[:1]
        for number, found in enumerate(second[1:], 1):
            shift = eye_turn(self.model, seen[0], seen[number])
            turn = EyeTurn(turn_name(number), shift)
            result.append(replace(found, vertices=found.vertices + shift, eyes=turn) if shift.any() else found)
        return result

    def _search_stage2(self, first: Stage1Result) -> list[Stage2Result]:
        identity = first.identity.astype(np.float32)
        for photo, fit in zip(self.photos, first.photos, strict=True):
            photo.look_for_spectacles(self.model.vertices(identity, fit.expression.astype(np.float32)), fit.camera)
        seen = [photo.observation(found) for photo, found in zip(self.photos, first.photos, strict=True)]
        if self._source(2) is Source.START:
            return starting_values(self.model, first, seen, self.settings)
        watch = self.record.debug.watch2 if self.record.debug else nobody
        found = fit_statistical(self.model, identity, seen, self.settings, self.reporter, watch)
        self.record.tell_losses(2, found[0].losses, found[0].rounds)
        return found

    def _maps(self, second: list[Stage2Result]) -> tuple[MapProblem, FinishedMaps]:
        problem = MapProblem([photo.map_view(found) for photo, found in zip(self.photos, second, strict=True)])
        if self._source(3) is Source.CHECKPOINT:
            maps, known = stage3_of(self.record.state, problem.size)
            problem.resume(known)
        elif self._source(3) is Source.START:
            maps = problem.unrefined()
        else:
            maps = self._search_maps(problem, second)
            self.record.add(3, stage3_arrays(maps, problem.found()))
        if self.record.debug:
            self.record.debug.done3(maps)
        return problem, maps

    def _search_maps(self, problem: MapProblem, second: list[Stage2Result]) -> FinishedMaps:
        if self.record.debug:
            problem.watch = self.record.debug.watch3
        maps = problem.run()
        number = problem.most_detailed()
        return with_normals(maps, problem.views[number], self.photos[number].pixel_mm(second[number]))

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
        views = [photo.view(found) for photo, found in zip(self.photos, second, strict=True)]
        step = self._render_steps(views)
        for photo, found, view in zip(self.photos, second, views, strict=True):
            picture = photo.render(maps, found, view, self.settings.render_samples, step)
            self.reporter.preview(small(over(picture, view.image, 1.0)))
            step()
            shading = photo.render(_white(maps), found, view.scaled(0.5), CORRECTION_SAMPLES)
            qualities.append(photo.reproduction(picture))
            photos.append(photo.collected(found, maps, picture, shading))
        return photos, qualities

    def _render_steps(self, views: Sequence[View]) -> Callable[[], None]:
        """What is to be called before each pass of the final pictures, and before each picture of the light."""
        samples = self.settings.render_samples
        steps = sum(len(passes(samples, view.camera.width * view.camera.height)) + 1 for view in views)
        number = itertools.count()
        return lambda: self.reporter.progress("render", next(number), steps)

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
            photos=[(photo.photo.name, photo.photo.sha256, photo.face.placed) for photo in self.prepared],
            threads=threads(),
            extra={
                "landmark_errors_percent": first.landmark_errors_percent,
                "landmark_error_calibrated_percent": first.calibrated_error_percent,
                "reproduction_psnrs_db": qualities,
                "tone_curve_power": second[0].tone_curve,
                "skin_from_percent": skin_sources(maps, self.model),
                "stages": {f"stage{n}": source.value for n, source in enumerate(self.record.sources, 1)},
                "losses": self.record.losses,
            },
        )
        return ResultData(
            name=paths[0].stem,
            face_model=self.model.name,
            head=head_data(self.model, *second),
            diffuse=maps.diffuse,
            specular=maps.specular,
            roughness=maps.roughness,
            coverage=maps.coverage,
            normal=maps.normal,
            photos=tuple(photos),
            report=report,
            losses=self.record.losses,
        )


def _shifted(second: list[Stage2Result], shift: NDArray[np.float32]) -> list[Stage2Result]:
    """The same head moved by ``shift`` (V, 3) mm more, beyond the model's modes."""
    return [
        replace(found, vertices=found.vertices + shift, shift=shift if found.shift is None else found.shift + shift)
        for found in second
    ]


def head_data(model: FaceModel, second: Stage2Result, *others: Stage2Result) -> HeadData:
    """The head that was fitted to one photo, and to ``others`` of the same person, with its shape keys."""
    added = teeth_expressions(model)
    added |= {other.eyes.name: other.eyes.shift for other in others if other.eyes is not None}
    neutral = model.vertices(second.identity)
    for shift in (second.shift, second.lids):
        neutral = neutral if shift is None else neutral + shift
    expressions = model.expression_basis if second.lids is None else expressions_with(model, second.lids)
    return HeadData(
        vertices=neutral,
        quads=model.quads,
        uv_face=model.uv_face,
        uv_original=model.uv_original,
        face_part=model.face_part,
        part_names=PART_NAMES,
        expression_names=(*model.expression_names, *added),
        expression_deltas=np.concatenate([expressions, *(delta[None] for delta in added.values())]),
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
