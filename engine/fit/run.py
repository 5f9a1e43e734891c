"""One photo through the three stages to arrays that are ready to be written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..faces.model import PART_NAMES, FaceModel
from ..render.path import render
from ..render.variant import VariantInfo
from ..reporter import Reporter
from ..results.data import HeadData, PhotoData, ResultData
from ..results.report import build_report
from ..scene.colour import linear_to_srgb
from ..scene.light import Light
from ..settings import Settings
from .clock import Clock
from .correction import corrected
from .eyes import SIDES, find_eyeball
from .maps import FinishedMaps, MapProblem
from .normals import with_normals
from .observations import observe
from .photometric import View
from .prepare import PreparedPhoto, photo_camera, uncropped
from .preview import StatisticalPreview, over, small
from .stage1 import Stage1Result, fit_landmarks
from .stage2 import Observation, Stage2Result, fit_statistical

FloatImage = NDArray[np.float32]

PATH_DEPTH = 4
CORRECTIONS = 2
CORRECTION_SCALE = 0.5
CORRECTION_SAMPLES = 64
OVERLAY_SHARE = 0.75
# MediaPipe's points at the centres of both irises.
IRISES = (468, 473)


class Run:
    """The fit of one photo, stage after stage."""

    def __init__(
        self,
        model: FaceModel,
        prepared: PreparedPhoto,
        settings: Settings,
        reporter: Reporter,
        clock: Clock,
        variant: VariantInfo,
    ) -> None:
        self.model, self.prepared, self.settings = model, prepared, settings
        self.reporter, self.clock, self.variant = reporter, clock, variant

    def result(self) -> ResultData:
        """Run everything."""
        with self.clock.stage("stage1"):
            first = self._stage1()
        with self.clock.stage("stage2"):
            second = self._stage2(first)
        with self.clock.stage("stage3"):
            problem = self._map_problem(second)
            maps = with_normals(problem.run(), problem, self._pixel_mm(problem))
        with self.clock.stage("textures"):
            maps = self._correct(maps, problem)
        with self.clock.stage("render"):
            self.reporter.progress("render", 0, 2)
            picture = self._render(maps, second, self._view(second), self.settings.render_samples)
            self.reporter.preview(small(over(picture, self.prepared.crop.linear, 1.0)))
            self.reporter.progress("render", 1, 2)
            shading = self._render(_white(maps), second, self._view(second).scaled(0.5), CORRECTION_SAMPLES)
        return self._collect(first, second, maps, picture, shading)

    def _stage1(self) -> Stage1Result:
        seen = observe(self.prepared.photo, self.prepared.face, self.settings)
        return fit_landmarks(self.model, [seen], self.settings, self.reporter)

    def _stage2(self, first: Stage1Result) -> Stage2Result:
        crop = self.prepared.crop
        view = View(crop.linear, self.prepared.mask, crop.camera(first.photos[0].camera))
        points = crop.from_photo(first.photos[0].seen.astype(np.float32))
        seen = Observation(
            view, points, first.identity.astype(np.float32), first.photos[0].expression.astype(np.float32)
        )
        irises = crop.from_photo(self.prepared.face.points[list(IRISES)])[:, :2]
        show = StatisticalPreview(self.model, view, irises, self.settings, self.reporter)
        return fit_statistical(self.model, seen, self.settings, self.reporter, show)

    def _view(self, second: Stage2Result) -> View:
        return View(self.prepared.crop.linear, self.prepared.mask, second.camera)

    def _map_problem(self, second: Stage2Result) -> MapProblem:
        prepared = self.prepared
        camera = prepared.detail.camera(photo_camera(second.camera, prepared.crop, prepared.photo))
        irises = prepared.detail.from_photo(prepared.face.points[list(IRISES)])[:, :2]
        balls = {side: find_eyeball(self.model, second.vertices, side, camera, irises) for side in SIDES}
        detail = View(prepared.detail.linear, prepared.detail_mask, camera)
        return MapProblem(self.model, second, detail, prepared.detail_eyes, balls, self.settings, self.reporter)

    def _pixel_mm(self, problem: MapProblem) -> float:
        """Side on the face of what the maps see as one pixel: the photo's, or the detail picture's if that is larger."""
        own = photo_camera(problem.found.camera, self.prepared.crop, self.prepared.photo)
        return max(float(np.linalg.norm(c.centre)) / c.focal_px for c in (own, problem.detail.camera))

    def _correct(self, maps: FinishedMaps, problem: MapProblem) -> FinishedMaps:
        view = self._view(problem.found).scaled(CORRECTION_SCALE)
        for step in range(CORRECTIONS):
            self.reporter.progress("textures", step, CORRECTIONS)
            picture = self._render(maps, problem.found, view, CORRECTION_SAMPLES)
            self.reporter.preview(small(over(picture, view.image, 1.0)))
            maps = corrected(maps, problem, picture[:, :, :3], view)
        return maps

    def _render(self, maps: FinishedMaps, second: Stage2Result, view: View, samples: int) -> FloatImage:
        """(H, W, 4) linear path-traced picture with its coverage."""
        found = render(
            second.vertices,
            self.model,
            maps.diffuse,
            maps.specular,
            maps.roughness,
            self.environment(second),
            view.camera,
            samples=samples,
            depth=PATH_DEPTH,
            seed=self.settings.seed,
            between_passes=self.reporter.check,
            normal_map=maps.normal,
        )
        return np.dstack([found.image, found.coverage]).astype(np.float32)

    def _reproduction(self, picture: FloatImage, second: Stage2Result, maps: FinishedMaps) -> float:
        """dB against the photo's own pixels: an enlarged crop is smoother than any photo, so its render says too much."""
        crop, photo = self.prepared.crop, self.prepared.photo
        if crop.scale <= 1.0:
            return psnr(picture[:, :, :3], crop.linear, self.prepared.mask)
        left, top = int(crop.left), int(crop.top)
        width, height = round(crop.width / crop.scale), round(crop.height / crop.scale)
        window = slice(top, min(photo.height, top + height)), slice(left, min(photo.width, left + width))
        seen = photo.linear[window]
        mask = uncropped(self.prepared.mask, crop, photo)[window]
        camera = photo_camera(second.camera, crop, photo).cropped(left, top, seen.shape[1], seen.shape[0], 1.0)
        found = self._render(maps, second, View(seen, mask, camera), self.settings.render_samples)
        return psnr(found[:, :, :3], seen, mask)

    def environment(self, second: Stage2Result) -> FloatImage:
        """(h, 2 h, 3) the light as the picture that is written, rendered with, and shown in Blender."""
        return Light(second.light).image(self.settings.environment_height)

    def _collect(
        self, first: Stage1Result, second: Stage2Result, maps: FinishedMaps, picture: FloatImage, shading: FloatImage
    ) -> ResultData:
        crop = self.prepared.crop
        quality = self._reproduction(picture, second, maps)
        weights = {
            name: float(weight)
            for name, weight in zip(self.model.expression_names, second.expression, strict=True)
            if weight > 1e-4
        }
        photo = PhotoData(
            source=self.prepared.photo.path,
            picture=self.prepared.photo.encoded,
            camera=photo_camera(second.camera, crop, self.prepared.photo),
            expression=weights,
            environment=self.environment(second),
            render=picture,
            mask=uncropped(self.prepared.mask, crop, self.prepared.photo),
            panels={
                "Input": crop.linear,
                "Overlay": over(picture, crop.linear, OVERLAY_SHARE),
                "Reconstruction": picture[:, :, :3],
                "Shading": shading[:, :, :3] / max(1.0, float(np.quantile(shading[:, :, :3], 0.998))),
                "Diffuse": maps.diffuse,
                "Specular": maps.specular,
                "Roughness": maps.roughness,
            }
            | ({} if maps.normal is None else {"Normals": maps.normal}),
        )
        report = build_report(
            seconds=self.clock.seconds,
            landmark_error_percent=first.landmark_error_percent,
            reproduction_psnr_db=quality,
            variant=self.variant.name,
            settings=self.settings,
            photos=[self.prepared.photo.path],
            extra={"landmark_error_before_calibration_percent": first.raw_landmark_error_percent},
        )
        return ResultData(
            name=self.prepared.photo.path.stem,
            face_model=self.model.name,
            head=head_data(self.model, second),
            diffuse=maps.diffuse,
            specular=maps.specular,
            roughness=maps.roughness,
            normal=maps.normal,
            photos=(photo,),
            report=report,
        )


def head_data(model: FaceModel, second: Stage2Result) -> HeadData:
    """The fitted head with its shape keys."""
    return HeadData(
        vertices=model.vertices(second.identity),
        quads=model.quads,
        uv_face=model.uv_face,
        uv_original=model.uv_original,
        face_part=model.face_part,
        part_names=PART_NAMES,
        expression_names=model.expression_names,
        expression_deltas=model.expression_basis,
        slider_names=model.slider_names,
        slider_deltas=model.slider_basis,
        original_index=model.original_index,
    )


def psnr(picture: FloatImage, photo: FloatImage, mask: FloatImage) -> float:
    """Peak signal-to-noise ratio, dB, of the sRGB values (H, W, 3; given linear) where ``mask`` (H, W) is over one half."""
    inside = mask > 0.5
    error = linear_to_srgb(np.clip(picture, 0, 1))[inside] - linear_to_srgb(np.clip(photo, 0, 1))[inside]
    return float(-10.0 * np.log10(max(1e-10, float((error**2).mean()))))


def _white(maps: FinishedMaps) -> FinishedMaps:
    """The same surface in a light grey, to show the light."""
    return replace(maps, diffuse=np.full_like(maps.diffuse, 0.6))
