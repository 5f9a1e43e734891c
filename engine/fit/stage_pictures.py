"""Pictures of what each stage has found in one photo: for debug frames, and for the replay of checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..faces.model import FaceModel
from ..render.path import render
from ..render.transfer import nothing
from ..results.contact_sheet import contact_sheet
from ..results.images import displayed, quantised
from ..scene.camera import Camera
from ..scene.light import Light
from .atlas import Atlas, make_atlas
from .maps import FinishedMaps
from .pictures import draw_points, draw_wireframe
from .preview import over, statistical_maps

FloatImage = NDArray[np.float32]
ByteImage = NDArray[np.uint8]

MAP_SIZE = 512
DEPTH = 3


@dataclass(frozen=True)
class Quality:
    """How a picture is made: ``panel`` pixels a side, ``samples`` per pixel."""

    panel: int = 384
    samples: int = 16


@dataclass(frozen=True)
class StagePainter:
    """Draws one photo's stages.

    Attributes:
        model: the face model.
        photo: (H, W, 3) linear, the crop that the fit looked at; cameras are this picture's.
        irises: (2, 2) pixels of the irises' centres in it.
        quality: of the pictures.
        check: called now and then; may raise to end the work.
    """

    model: FaceModel
    photo: FloatImage
    irises: FloatImage
    quality: Quality = Quality()
    check: Callable[[], None] = nothing

    @cached_property
    def _shown(self) -> ByteImage:
        return np.asarray(displayed(self.photo), np.uint8)

    @cached_property
    def _atlas(self) -> Atlas:
        return make_atlas(self.model, MAP_SIZE)

    def stage1(
        self, vertices: FloatImage, camera: Camera, seen: NDArray[np.floating[Any]], fitted: NDArray[np.floating[Any]]
    ) -> ByteImage:
        """The mesh (V, 3) over the photo, and its landmarks ``fitted`` (L, 2) on those ``seen`` (L, 2), in pixels."""
        return self._sheet(
            {
                "Input": self._shown,
                "Mesh": draw_wireframe(self._shown, self.model, vertices, camera, 0.6),
                "Landmarks": draw_points(self._shown, seen, fitted),
            }
        )

    def stage2(self, vertices: FloatImage, camera: Camera, fields: FloatImage, light: FloatImage) -> ByteImage:
        """The head with per-vertex reflectance ``fields`` (V, 5) under ``light`` (B, 3)."""
        return self._lit(vertices, camera, self.statistical(vertices, camera, fields), light)

    def statistical(self, vertices: FloatImage, camera: Camera, fields: FloatImage) -> FinishedMaps:
        """Per-vertex reflectance ``fields`` (V, 5) as maps, with typical eyes."""
        channels = statistical_maps(self.model, self._atlas, vertices, fields, camera, self.irises)
        return FinishedMaps(channels[:, :, :3], channels[:, :, 3], channels[:, :, 4], channels[:1, :1, :3])

    def stage3(self, vertices: FloatImage, camera: Camera, maps: FinishedMaps, light: FloatImage) -> ByteImage:
        """The head with ``maps`` of any size."""
        return self._lit(vertices, camera, maps, light)

    def _lit(self, vertices: FloatImage, camera: Camera, maps: FinishedMaps, light: FloatImage) -> ByteImage:
        picture = self.render(vertices, camera, maps, light)
        panels = {
            "Input": self._shown,
            "Mesh": draw_wireframe(self._shown, self.model, vertices, camera, 0.6),
            "Overlay": np.asarray(displayed(over(picture, self.photo, 1.0)), np.uint8),
            "Reconstruction": np.asarray(displayed(picture[:, :, :3]), np.uint8),
            "Diffuse": np.asarray(displayed(maps.diffuse), np.uint8),
            "Specular": np.asarray(quantised(maps.specular), np.uint8),
            "Roughness": np.asarray(quantised(maps.roughness), np.uint8),
        }
        if maps.normal is not None:
            panels["Normals"] = np.asarray(quantised(maps.normal), np.uint8)
        return self._sheet(panels)

    def render(self, vertices: FloatImage, camera: Camera, maps: FinishedMaps, light: FloatImage) -> FloatImage:
        """(H, W, 4) linear path-traced picture with its coverage."""
        found = render(
            vertices,
            self.model,
            maps.diffuse,
            maps.specular,
            maps.roughness,
            Light(light),
            camera,
            samples=self.quality.samples,
            depth=DEPTH,
            between_passes=self.check,
            normal_map=maps.normal,
        )
        return np.dstack([found.image, found.coverage]).astype(np.float32)

    def _sheet(self, panels: dict[str, ByteImage]) -> ByteImage:
        return contact_sheet(panels, self.quality.panel)
