"""What belongs to one photo of a reconstruction, stage after stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.model import FaceModel
from ..faces.topology import vertex_normals
from ..photos.masks import oval_mask
from ..render.geometry import TracedScene
from ..render.path import render
from ..reporter import Reporter
from ..results.data import PhotoData
from ..scene.camera import Camera
from ..scene.colour import linear_to_srgb, srgb_to_linear
from ..scene.light import Light
from ..settings import Settings
from .eyes import SIDES, Eyeball, find_eyeball
from .landmark_picture import photo_landmarks
from .lids import find_lower_lids, lowering_shift
from .lips import closing_shift
from .map_view import MapView
from .maps import FinishedMaps
from .outline import SeenOutline
from .photometric import View
from .prepare import PreparedPhoto, mask_with, photo_camera, uncropped, uncropped_mean, window_of
from .preview import StatisticalPreview, over
from .refine import face_height
from .silhouette import find_silhouette, skin_aside
from .spectacles import find_spectacles
from .stage1 import PhotoFit
from .stage2 import Observation, Stage2Result
from .teeth import SeenMouth, look_into_mouth, place_teeth
from .whites import White, find_whites

FloatImage = NDArray[np.float32]

PATH_DEPTH = 4
OVERLAY_SHARE = 0.75
PANEL_SIZE = 1024


@dataclass
class PhotoRun:
    """One photo on its way through the stages. ``spectacles`` (H, W): 1 where its detail picture shows their frames, once they were
    looked for and found.
    """

    model: FaceModel
    prepared: PreparedPhoto
    settings: Settings
    reporter: Reporter
    spectacles: FloatImage | None = None

    def look_for_spectacles(self, vertices: FloatImage, camera: Camera) -> None:
        """Before ``vertices`` (V, 3), as far as the head is known, seen by the photo's ``camera``."""
        prepared, detail = self.prepared, self.prepared.detail
        points, scheme = detail.from_photo(prepared.face.points), prepared.face.scheme
        self.spectacles = find_spectacles(
            detail.linear,
            detail.camera(camera),
            self.model,
            vertices,
            points,
            scheme,
            prepared.detail_brows,
            oval_mask((detail.height, detail.width), points, scheme).astype(np.float32),
        )

    def look_again_for_spectacles(self, second: Stage2Result) -> None:
        """Before the head that stage 2 found."""
        self.look_for_spectacles(second.vertices, photo_camera(second.camera, self.prepared.crop, self.prepared.photo))

    @property
    def mask(self) -> FloatImage:
        """(h, w) of the crop: how surely each pixel shows the face's skin, and no spectacles."""
        return self._bare(self.prepared.mask)

    def _bare(self, mask: FloatImage) -> FloatImage:
        """``mask`` (H, W) of the crop or of the detail picture without spectacles."""
        if self.spectacles is None:
            return mask
        sized = cv2.resize(self.spectacles, mask.shape[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(mask * np.clip(1.0 - 2.0 * sized, 0.0, 1.0), np.float32)

    def observation(self, first: PhotoFit) -> Observation:
        """What stage 2 starts from, after stage 1 found ``first``."""
        crop = self.prepared.crop
        view = View(crop.linear, self.mask, crop.camera(first.camera), self.prepared.person)
        points = crop.from_photo(first.seen.astype(np.float32))
        show = StatisticalPreview(self.model, view, self.irises(), self.settings, self.reporter)
        expression, sureness = first.expression.astype(np.float32), self.prepared.face.sureness
        if sureness is not None:
            sureness = sureness[self.model.landmarks[self.settings.landmark_detector].index]
        mouth_open = self.prepared.seam is None
        return Observation(view, points, expression, show, self._whites(), sureness, mouth_open)

    def irises(self) -> FloatImage:
        """(2, 2) pixels of both irises' centres in the crop."""
        return self.prepared.crop.from_photo(self.prepared.face.points[self.prepared.face.scheme.iris_centres])[:, :2]

    def _whites(self) -> list[White]:
        """The whites of the eyes, found in the finest picture, in the crop's pixels: both show the same window."""
        crop, detail = self.prepared.crop, self.prepared.detail
        face = self.prepared.face
        found = find_whites(detail.linear, self.prepared.detail_eyes, detail.from_photo(face.points), face.scheme)
        return [White(white.pixels * np.float32(crop.scale / detail.scale), white.colour) for white in found]

    def view(self, second: Stage2Result) -> View:
        """The photo's crop, seen by the camera that stage 2 found."""
        return View(self.prepared.crop.linear, self.mask, second.camera)

    def outline(self, second: Stage2Result) -> SeenOutline:
        """The edges that the photo shows near the silhouette of the head that stage 2 found."""
        crop = self.prepared.crop
        view = replace(self.view(second), person=self.prepared.person)
        normals = vertex_normals(second.vertices, self.model.triangles)
        scene = TracedScene(second.vertices, self.model.triangles)
        face = self.prepared.face
        height = face_height(crop.from_photo(face.points), face.scheme.height_share)
        return SeenOutline(
            find_silhouette(self.model, scene, normals, view, height, exact=True), second.vertices, view.camera
        )

    def closing(self, second: Stage2Result) -> FloatImage | None:
        """(V, 3) mm to add to the head so that its lips meet where the photo's do; None where it shows them open."""
        seam = self.prepared.seam
        return None if seam is None else closing_shift(self.model, second.vertices, self._detail_camera(second), seam)

    def lowering(self, second: Stage2Result) -> dict[str, FloatImage]:
        """Side ("eye_left", "eye_right") -> (V, 3) mm to add to the head so that this eye's lower lid lies where the photo shows it;
        without those that it does not show.
        """
        detail, face = self.prepared.detail, self.prepared.face
        edges = find_lower_lids(detail.linear, detail.from_photo(face.points), face.scheme)
        camera = self._detail_camera(second)
        return {edge.side: lowering_shift(self.model, second.vertices, camera, edge) for edge in edges}

    def with_teeth(self, second: Stage2Result) -> Stage2Result:
        """The same with the teeth where the photo shows them."""
        found = place_teeth(self.model, second.vertices, self._detail_camera(second), self._mouth())
        return replace(second, vertices=found.moved(self.model, second.vertices), teeth=found)

    def _mouth(self) -> SeenMouth:
        """What the detail picture shows between the lips."""
        prepared = self.prepared
        return look_into_mouth(prepared.detail.linear, prepared.detail_mouth, prepared.detail_mask)

    def _detail_camera(self, second: Stage2Result) -> Camera:
        return self.prepared.detail.camera(photo_camera(second.camera, self.prepared.crop, self.prepared.photo))

    def eyeballs(self, second: Stage2Result) -> dict[str, Eyeball]:
        """Side -> the eyeball, which looks to where the photo shows its iris."""
        camera, detail, face = self._detail_camera(second), self.prepared.detail, self.prepared.face
        irises = detail.from_photo(face.points[face.scheme.iris_centres])[:, :2]
        return {side: find_eyeball(self.model, second.vertices, side, camera, irises) for side in SIDES}

    def map_view(self, second: Stage2Result) -> MapView:
        """What the maps are read from."""
        prepared = self.prepared
        camera, balls = self._detail_camera(second), self.eyeballs(second)
        detail = View(prepared.detail.linear, prepared.detail_mask, camera, prepared.detail_person)
        detail = replace(detail, weight=self._bare(mask_with(prepared, *self._skin_aside(second, detail))))
        eyes, brows = prepared.detail_eyes, prepared.detail_brows
        teeth = self._mouth().teeth
        return MapView(self.model, second, detail, eyes, balls, self.settings, self.reporter, brows, teeth)

    def _skin_aside(self, second: Stage2Result, detail: View) -> list[NDArray[np.bool_]]:
        """(H, W) each, as `skin_aside` has them of ``detail``; found at the fit's size, whatever the photo's."""
        height, width = detail.weight.shape
        share = min(1.0, self.settings.fit_size / max(height, width))
        view = detail if share == 1.0 else detail.scaled(share)
        normals = vertex_normals(second.vertices, self.model.triangles)
        seen = self.prepared.face
        face = face_height(self.prepared.detail.from_photo(seen.points), seen.scheme.height_share) * share
        found = skin_aside(self.model, second.vertices, normals, view, face)
        sized = (cv2.resize(each.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) for each in found)
        return [np.asarray(each > 0) for each in sized]

    def pixel_mm(self, second: Stage2Result) -> float:
        """Side on the face of what the maps see as one pixel: the photo's, or the detail picture's if that is larger."""
        own = photo_camera(second.camera, self.prepared.crop, self.prepared.photo)
        cameras = own, self.prepared.detail.camera(own)
        return max(float(np.linalg.norm(camera.centre)) / camera.focal_px for camera in cameras)

    def render(
        self,
        maps: FinishedMaps,
        second: Stage2Result,
        view: View,
        samples: int,
        between_passes: Callable[[], None] | None = None,
    ) -> FloatImage:
        """(H, W, 4) linear path-traced picture of ``view`` with its coverage; ``between_passes`` as `render.path` calls it."""
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
            between_passes=between_passes or self.reporter.check,
            normal_map=maps.normal,
        )
        return np.dstack([found.image, found.coverage]).astype(np.float32)

    def environment(self, second: Stage2Result) -> FloatImage:
        """(h, 2 h, 3) the light as the picture that is written, rendered with, and shown in Blender."""
        return Light(second.light).image(self.settings.environment_height)

    def reproduction(self, picture: FloatImage) -> float:
        """dB of the crop's ``picture`` (H, W, 3 or more) against the photo's own pixels: an enlarged crop is smoother than
        any photo, so its render says too much.
        """
        crop, photo = self.prepared.crop, self.prepared.photo
        shown = np.ascontiguousarray(picture[:, :, :3])
        if crop.scale <= 1.0:
            return psnr(shown, crop.linear, self.mask)
        left, top, width, height = window = window_of(crop, photo)
        inside = slice(top, top + height), slice(left, left + width)
        mask = uncropped_mean(self.mask, crop, window)
        return psnr(uncropped_mean(shown, crop, window), srgb_to_linear(photo.encoded[inside]), mask)

    def collected(
        self, second: Stage2Result, maps: FinishedMaps, picture: FloatImage, shading: FloatImage
    ) -> PhotoData:
        """What is written of the photo: ``picture`` and ``shading`` (H, W, 4) are renders of its crop."""
        crop, photo = self.prepared.crop, self.prepared.photo
        weights = {
            name: float(weight)
            for name, weight in zip(self.model.expression_names, second.expression, strict=True)
            if abs(weight) > 1e-4
        }
        weights |= second.teeth.weights
        if second.eyes is not None:
            weights[second.eyes.name] = 1.0
        return PhotoData(
            source=photo.path,
            picture=photo.encoded,
            camera=photo_camera(second.camera, crop, photo),
            expression=weights,
            environment=self.environment(second),
            render=picture,
            mask=uncropped(self.mask, crop, photo),
            landmarks=self._landmarks(second),
            window=(crop.left, crop.top, crop.width / crop.scale, crop.height / crop.scale),
            panels={
                "Input": crop.linear,
                "Overlay": over(picture, crop.linear, OVERLAY_SHARE),
                "Reconstruction": picture[:, :, :3],
                "Shading": shading[:, :, :3] / max(1.0, float(np.quantile(shading[:, :, :3], 0.998))),
                "Diffuse": _panel(maps.diffuse),
                "Specular": _panel(maps.specular),
                "Roughness": _panel(maps.roughness),
                "Coverage": _panel(maps.coverage),
            }
            | ({} if maps.normal is None else {"Normals": _panel(maps.normal)}),
        )

    def _landmarks(self, second: Stage2Result) -> NDArray[np.uint8]:
        """The points that were found and those of the fitted head, over the crop."""
        crop = self.prepared.crop
        found, detector = crop.from_photo(self.prepared.face.points), self.settings.landmark_detector
        return photo_landmarks(self.model, second.vertices, second.camera, crop.linear, found, detector)


def psnr(picture: FloatImage, photo: FloatImage, mask: FloatImage) -> float:
    """Peak signal-to-noise ratio, dB, of the sRGB values (H, W, 3; given linear) where ``mask`` (H, W) is over one half."""
    inside = mask > 0.5
    error = linear_to_srgb(np.clip(picture, 0, 1))[inside] - linear_to_srgb(np.clip(photo, 0, 1))[inside]
    return float(-10.0 * np.log10(max(1e-10, float((error**2).mean()))))


def _panel(image: FloatImage) -> FloatImage:
    """A square map as the contact sheet needs it, no larger than `PANEL_SIZE`."""
    if len(image) <= PANEL_SIZE:
        return image
    return np.asarray(cv2.resize(image, (PANEL_SIZE, PANEL_SIZE), interpolation=cv2.INTER_AREA), np.float32)
