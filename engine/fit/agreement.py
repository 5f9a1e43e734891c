"""What several photos of one person say of each other: a point of the skin looks alike in all of them, however its light differs.

Brows, moles, the rims of nose and lips lie where they lie on one head. The photos' ratios to what the model expects of each leave
its light aside; where they part at a point, the point is not seen where the shape and the cameras have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..faces.model import PART_NAMES, FaceModel
from .head import DifferentiableCamera, DifferentiableHead
from .photometric import DARK, DISPLAY_POWER, DISPLAY_SLOPE, OBSERVATION_SPREAD, ROBUST_SCALE, sample_image

POINT_COUNT = 10000
# Neighbouring pixels err alike; so many of them count as one independent observation of what photos have in common.
PIXELS_PER_OBSERVATION = 10.0
# Differences that are smoother than a Gaussian of this standard deviation, mm, are light that was not found, and how many points tell
# them.
REACH_MM = 12.0
SMOOTHED_POINTS = 1500
# A point counts as part of the face where the model's soft mask says so.
LEAST_FACE = 0.3


@dataclass(frozen=True)
class Sight:
    """What one photo has at N points of the head's surface.

    Attributes:
        image: (H, W, 3) linear. expected: (N, 3) radiance that the model expects there, linear.
        weight: (N,) trust in [0, 1], 0 where the photo does not show the point.
        area: pixels of the image that show skin.
    """

    image: Tensor
    expected: Tensor
    weight: Tensor
    area: float

    def ratio(self, pixel: Tensor) -> Tensor:
        """(N, 3) logarithm of the image at pixels (N, 2) over what is expected there."""
        seen = sample_image(self.image, pixel).clamp(min=0.0)
        return torch.log((seen + DARK) / (self.expected + DARK))

    def gain(self) -> Tensor:
        """(N, 3) how much a ratio's logarithm changes in sRGB-like units."""
        level = self.expected.clamp(min=0.0)
        return level * DISPLAY_SLOPE * (level + DARK) ** DISPLAY_POWER


@dataclass
class Agreement:
    """Points of the surface as several photos see them.

    Attributes:
        head: the model. triangle: (N,) int64. barycentric: (N, 3). sights: of each photo.
        offsets: (P, N, 3) smooth differences of the photos' ratios from their mean, which are none of the shape's.
    """

    head: DifferentiableHead
    triangle: Tensor
    barycentric: Tensor
    sights: Sequence[Sight]
    offsets: Tensor | None = None

    def __post_init__(self) -> None:
        self.weight = torch.stack([sight.weight for sight in self.sights])[:, :, None]
        self.gain = torch.stack([sight.gain() for sight in self.sights])
        # A point that one photo alone shows tells nothing.
        self.shared = ((self.weight > 0.0).sum(0) > 1).float()
        total = float((self.weight * self.shared).sum())
        observations = sum(sight.area for sight in self.sights) / PIXELS_PER_OBSERVATION
        self.share = min(1.0, observations / max(1.0, total))

    def levelled(self, vertices: Sequence[Tensor], cameras: Sequence[DifferentiableCamera]) -> Agreement:
        """The same without the smooth differences that are seen with ``vertices`` (V, 3) and ``cameras``, one for each photo."""
        with torch.no_grad():
            away = self._away(vertices, cameras)
            place = self.head.interpolate(vertices[0], self.triangle, self.barycentric)
            step = max(1, len(place) // SMOOTHED_POINTS)
            near = torch.exp(-0.5 * (torch.cdist(place, place[::step]) / REACH_MM) ** 2)
            weight = (self.weight * self.shared)[:, ::step]
            sums, total = near @ (weight * away[:, ::step]), near @ weight
        return Agreement(self.head, self.triangle, self.barycentric, self.sights, sums / total.clamp(min=1e-3))

    def loss(self, vertices: Sequence[Tensor], cameras: Sequence[DifferentiableCamera]) -> Tensor:
        """() minus the log likelihood of what the photos show at ``vertices`` (V, 3) by ``cameras``, one for each photo, up to a constant.

        Charbonnier's loss: points that are far off are the ones to be moved, and what is hidden in one photo pulls no harder.
        """
        away = self._away(vertices, cameras)
        if self.offsets is not None:
            away = away - self.offsets
        square = (self.gain * away / OBSERVATION_SPREAD).square().mean(2, keepdim=True)
        robust = ROBUST_SCALE**2 * (torch.sqrt(1.0 + square / ROBUST_SCALE**2) - 1.0)
        return self.share * (self.weight * self.shared * robust).sum()

    def _away(self, vertices: Sequence[Tensor], cameras: Sequence[DifferentiableCamera]) -> Tensor:
        """(P, N, 3) the photos' ratios less their mean."""
        ratios = []
        for sight, own, camera in zip(self.sights, vertices, cameras, strict=True):
            place = self.head.interpolate(own, self.triangle, self.barycentric)
            ratios.append(sight.ratio(camera.project(place)))
        ratio = torch.stack(ratios)
        return ratio - (self.weight * ratio).sum(0) / self.weight.sum(0).clamp(min=1e-6)


def surface_points(
    model: FaceModel, vertices: NDArray[np.float32], count: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """``count`` random points of the face's skin, even over its surface: triangles (N,), barycentric weights (N, 3)."""
    chance = np.random.default_rng(seed)
    corners = vertices[model.triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    face = model.regions["face"][model.triangles].mean(1)
    skin = model.face_part[model.triangle_face] == PART_NAMES.index("skin")
    chances = area * skin * (face > LEAST_FACE)
    triangle = chance.choice(len(area), count, p=chances / chances.sum())
    # Uniform in a triangle: Turk, "Generating random points in triangles" (1990).
    first, second = np.sqrt(chance.random(count)), chance.random(count)
    weights = np.stack([1.0 - first, first * (1.0 - second), first * second], 1)
    return triangle.astype(np.int64), weights.astype(np.float32)
