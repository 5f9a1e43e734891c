"""Stage 3 with Mitsuba's own differentiable integrators: slow, with all bounces, and without transfer's simplifications.

Starts from the maps that the fast path found. The photo's gradient comes from path-traced pictures by radiative
backpropagation; the regularisers are those of the fast path.
"""

from __future__ import annotations

from collections.abc import Callable

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


def refine_by_rendering(
    maps: Maps,
    texels: Texels,
    model: FaceModel,
    vertices: NDArray[np.float32],
    light: NDArray[np.float32],
    view: View,
    weights: Weights,
    steps: int,
    tick: Callable[[int, float], None],
) -> Maps:
    """``maps`` after ``steps`` of Adam on the path-traced picture of the head under ``light`` (B, 3) from ``view``."""
    # Imported here because Mitsuba must not be before its variant is chosen.
    from ..render.bridge import ReferenceParameters, ReferenceRenderer

    size = texels.size
    renderer = ReferenceRenderer(model, view.camera, vertices, (size, size), "prb", DEPTH)
    photo, weight = torch.from_numpy(view.image), torch.from_numpy(view.weight)
    fixed = torch.from_numpy(vertices), torch.from_numpy(light)
    change = maps.change.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([change], lr=LEARNING_RATE)
    for step in range(steps):
        optimiser.zero_grad()
        moving = Maps(change)
        picture = renderer(ReferenceParameters(*fixed, *moving.values(texels)), SAMPLES, seed=step)
        share = texels.weight.sum() / texels.skin.sum()
        loss = share * picture_loss(picture[..., :3], photo, weight) + regulariser_loss(change, texels, weights)
        torch.autograd.backward(loss)
        optimiser.step()
        tick(step + 1, float(loss.detach()))
    return Maps(change.detach())


def picture_loss(picture: Tensor, photo: Tensor, weight: Tensor) -> Tensor:
    """() mean robust squared difference of linear pictures (H, W, 3) in sRGB-like units, over ``weight`` (H, W)."""
    slope = display_weight(photo.mean(2, keepdim=True))
    square = (slope * (picture - photo) ** 2).sum(2) / PHOTO_SPREAD**2
    return (weight * 2.0 * (torch.sqrt(1.0 + square) - 1.0)).sum() / weight.sum()
