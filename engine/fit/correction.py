"""What transfer leaves out, taken from a path-traced picture: light that skin throws on skin, and light beyond the
bands.

The head is rendered with the maps found so far; where the render is a little darker or lighter than the photo over
whole regions, the diffuse map is scaled accordingly. Only slow changes are taken over, so noise and misplaced edges are
not.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ..faces.model import FaceModel
from .atlas import make_atlas
from .fill import push_pull, smooth
from .maps import FinishedMaps, MapProblem
from .photometric import View, sample_image

FloatImage = NDArray[np.float32]

CORRECTION_SIZE = 256
# Blur in texels of the correction's map, and the largest change of the logarithm.
BLUR = 3.0
LARGEST = 0.35
DARK = 0.01


def corrected(maps: FinishedMaps, problem: MapProblem, render: FloatImage, view: View) -> FinishedMaps:
    """``maps`` with the diffuse one scaled so that ``render`` (H, W, 3; linear, of ``view``'s camera) comes nearer to
    the photo.
    """
    ratio = np.log((view.image + DARK) / (np.maximum(render, 0.0) + DARK))
    trusted = View(np.clip(ratio, -LARGEST, LARGEST).astype(np.float32), view.weight, view.camera)
    change, weight = _in_texels(problem, trusted)
    slow = push_pull(smooth(change, weight, BLUR), np.clip(weight * 4.0, 0.0, 1.0))
    size = maps.diffuse.shape[0]
    factor = np.exp(cv2.resize(slow, (size, size), interpolation=cv2.INTER_LINEAR))
    skin = make_skin_mask(problem.model, size)[:, :, None]
    diffuse = np.clip(maps.diffuse * (factor * skin + 1.0 - skin), 0.0, 1.0).astype(np.float32)
    return replace(maps, diffuse=diffuse)


def make_skin_mask(model: FaceModel, size: int) -> FloatImage:
    """(size, size): 0 on the islands of eyes, teeth, tongue and mouth, 1 elsewhere."""
    atlas = make_atlas(model, min(size, 2 * CORRECTION_SIZE))
    mask = np.ones((atlas.size, atlas.size), np.float32)
    other = ~atlas.is_part("skin")
    mask[atlas.rows[other], atlas.columns[other]] = 0.0
    return np.asarray(cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST), np.float32)


def _in_texels(problem: MapProblem, view: View) -> tuple[FloatImage, FloatImage]:
    """The picture of ``view`` taken to the atlas: (S, S, 3) and its weights (S, S)."""
    seen = problem.look(make_atlas(problem.model, CORRECTION_SIZE))
    points = seen.atlas.interpolate(problem.model, problem.vertices)
    pixel = torch.from_numpy(view.camera.project(points).astype(np.float32))
    values = sample_image(torch.from_numpy(view.image), pixel).numpy()
    weight = np.where(seen.atlas.is_part("skin"), seen.weight, 0.0).astype(np.float32)
    return seen.atlas.image(values), seen.atlas.image(weight[:, None])[:, :, 0]
