"""Stage 3 with Mitsuba's own differentiable integrators: slow, with all bounces, and without transfer's simplifications.

Starts from the maps that the fast path found. The photo's gradient comes from path-traced pictures by radiative
backpropagation; the regularisers are those of the fast path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..faces.model import FaceModel
from .photometric import View, display_weight
from .stage3 import PHOTO_SPREAD, Maps, Texels, Weights, regulariser_loss

# A step costs about a second, so it is one of few, on a small picture.
STEP_SHARE = 0.2
PICTURE_SIZE = 256
SAMPLES = 16
DEPTH = 3
LEARNING_RATE = 0.02


@dataclass(frozen=True)
class LitPicture:
    """A photo to be rendered: ``view`` with the head's ``vertices`` (V, 3) mm under ``light`` (B, 3)."""

    view: View
    vertices: NDArray[np.float32]
    light: NDArray[np.float32]


def refine_by_rendering(
    maps: Maps,
    texels: Texels,
    model: FaceModel,
    pictures: Sequence[LitPicture],
    weights: Weights,
    steps: int,
    tick: Callable[[int, float], None],
) -> Maps:
    """``maps`` after ``steps`` of Adam on path-traced ``pictures`` of the head, at least one."""
    losses = [_PictureLoss(picture, model, texels.size) for picture in pictures]
    change = maps.change.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([change], lr=LEARNING_RATE)
    share = texels.weight.sum() / texels.skin.sum()
    for step in range(steps):
        optimiser.zero_grad()
        values = Maps(change).values(texels)
        evidence = torch.stack([loss(values, step) for loss in losses]).mean()
        loss = share * evidence + regulariser_loss(change, texels, weights)
        torch.autograd.backward(loss)
        optimiser.step()
        tick(step + 1, float(loss.detach()))
    return Maps(change.detach())


class _PictureLoss:
    """One photo's difference to its path-traced picture."""

    def __init__(self, picture: LitPicture, model: FaceModel, size: int) -> None:
        # Imported here because Mitsuba must not be before its variant is chosen.
        from ..render.bridge import ReferenceRenderer

        view = picture.view
        self.renderer = ReferenceRenderer(model, view.camera, picture.vertices, (size, size), "prb", DEPTH)
        self.photo, self.weight = torch.from_numpy(view.image), torch.from_numpy(view.weight)
        self.fixed = torch.from_numpy(picture.vertices), torch.from_numpy(picture.light)

    def __call__(self, values: tuple[Tensor, Tensor, Tensor], step: int) -> Tensor:
        from ..render.bridge import ReferenceParameters

        picture = self.renderer(ReferenceParameters(*self.fixed, *values), SAMPLES, seed=step)
        return picture_loss(picture[..., :3], self.photo, self.weight)


def picture_loss(picture: Tensor, photo: Tensor, weight: Tensor) -> Tensor:
    """() mean robust squared difference of linear pictures (H, W, 3) in sRGB-like units, over ``weight`` (H, W)."""
    slope = display_weight(photo.mean(2, keepdim=True))
    square = (slope * (picture - photo) ** 2).sum(2) / PHOTO_SPREAD**2
    return (weight * 2.0 * (torch.sqrt(1.0 + square) - 1.0)).sum() / weight.sum()
