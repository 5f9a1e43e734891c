"""What stage 2 starts from, where it is left out: the head as stage 1 has it, likely skin, and a typical light."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..faces.model import FaceModel
from ..settings import Settings
from .lighting import TYPICAL_EXPOSURE, LightPrior
from .reflectance import Reflectance
from .stage1 import Stage1Result
from .stage2 import Observation, Stage2Result


def starting_values(
    model: FaceModel, first: Stage1Result, seen: Sequence[Observation], settings: Settings
) -> list[Stage2Result]:
    """A result of stage 2 for each photo in ``seen`` without any search.

    The skin's tone is that which the photos' mean colour has in a typical light; that light is neutral, comes from the
    camera's side, and is as bright as in a well exposed photo.
    """
    means = [np.average(photo.view.image.reshape(-1, 3), axis=0, weights=_weights(photo)) for photo in seen]
    reflectance = Reflectance.average(model).guessed(torch.from_numpy(np.mean(means, 0).astype(np.float32)))
    identity = first.identity.astype(np.float32)
    results = []
    for photo in seen:
        centre = photo.view.camera.centre
        prior = LightPrior.neutral(settings.bands, torch.from_numpy(centre / np.linalg.norm(centre)))
        light = (TYPICAL_EXPOSURE * prior.middle).float().numpy()
        vertices = model.vertices(identity, photo.expression)
        results.append(Stage2Result(identity, photo.expression, photo.view.camera, light, reflectance, vertices))
    return results


def _weights(photo: Observation) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """(H W,) trust in the pixels; even where none is trusted."""
    weight = photo.view.weight.reshape(-1)
    return weight if weight.sum() > 0.0 else np.ones_like(weight)
