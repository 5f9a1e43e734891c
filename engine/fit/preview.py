"""Small pictures of the fit while it runs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.model import FaceModel
from ..render.path import render
from ..reporter import Reporter
from ..scene.camera import Camera
from ..scene.colour import linear_to_srgb
from ..scene.light import Light
from ..settings import Settings
from .atlas import Atlas, make_atlas
from .eyes import SIDES, TYPICAL_IRIS, TYPICAL_SCLERA, find_eyeball, paint_eye
from .fill import pad
from .photometric import View

FloatImage = NDArray[np.float32]

PREVIEW_SIZE = 192
PREVIEW_SAMPLES = 12
PREVIEW_DEPTH = 2
PREVIEW_MAP = 256


class StatisticalPreview:
    """Shows the head with the reflectance of stage 2 over the photo."""

    def __init__(
        self, model: FaceModel, view: View, irises: FloatImage, settings: Settings, reporter: Reporter
    ) -> None:
        """``irises`` (2, 2) are the pixels of both irises' centres in ``view``."""
        self.model, self.reporter, self.irises = model, reporter, irises
        self.view = view.scaled(min(1.0, PREVIEW_SIZE / max(view.image.shape[:2])))
        self.full_width = view.image.shape[1]
        self.wanted = settings.preview_every > 0
        self.atlas = make_atlas(model, PREVIEW_MAP) if self.wanted else None

    def __call__(self, vertices: FloatImage, fields: FloatImage, light: FloatImage, view: View) -> None:
        """Show vertices (V, 3) with per-vertex albedo, specular level and roughness (V, 5) in ``light`` (B, 3) from
        ``view``.
        """
        if self.atlas is None:
            return
        height, width = self.view.image.shape[:2]
        camera = view.camera.cropped(0.0, 0.0, width, height, width / view.image.shape[1])
        irises = (self.irises * (camera.width / self.full_width)).astype(np.float32)
        maps = statistical_maps(self.model, self.atlas, vertices, fields, camera, irises)
        picture = render(
            vertices,
            self.model,
            maps[:, :, :3],
            maps[:, :, 3],
            maps[:, :, 4],
            Light(light),
            camera,
            samples=PREVIEW_SAMPLES,
            depth=PREVIEW_DEPTH,
            between_passes=self.reporter.check,
        )
        shown = np.dstack([picture.image, picture.coverage]).astype(np.float32)
        self.reporter.preview(small(over(shown, self.view.image, 1.0)))


def statistical_maps(
    model: FaceModel, atlas: Atlas, vertices: FloatImage, fields: FloatImage, camera: Camera, irises: FloatImage
) -> FloatImage:
    """(S, S, 5) per-vertex albedo, specular level and roughness ``fields`` (V, 5) as maps, with typical eyes that look
    where the photo's do: ``irises`` (2, 2) are the centres' pixels in the picture of ``camera``.
    """
    texels = atlas.interpolate(model, fields)
    place = atlas.interpolate(model, vertices)
    for side in SIDES:
        ball = find_eyeball(model, vertices, side, camera, irises)
        chosen = atlas.is_part(side)
        share = ball.angle(place[chosen]) / ball.iris_angle
        texels[chosen, :3] = paint_eye(share, np.array(TYPICAL_IRIS), np.array(TYPICAL_SCLERA))
    return pad(atlas.image(texels), atlas.known)


def over(picture: FloatImage, photo: FloatImage, share: float) -> FloatImage:
    """(H, W, 3) a rendered picture (H, W, 4), its colour already scaled by its coverage, laid over the photo by
    ``share``.
    """
    return np.asarray(picture[:, :, :3] * share + photo * (1.0 - share * picture[:, :, 3:]), np.float32)


def small(picture: FloatImage, side: int = 384) -> NDArray[np.uint8]:
    """(h, w, 3) 8-bit sRGB of a linear picture, at most ``side`` pixels."""
    scale = min(1.0, side / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(np.round(np.clip(linear_to_srgb(resized), 0.0, 1.0) * 255.0), np.uint8)
