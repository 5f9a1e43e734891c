"""Traces the transfer of surface points as the fit wants it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..render.geometry import TracedScene
from ..render.interreflection import form_factors
from ..render.transfer import diffuse_transfer, glossy_transfer
from ..settings import Settings
from .shading import Transfer

ROUGHNESS_NODES = (0.2, 0.35, 0.5, 0.7)


def trace_transfer(
    scene: TracedScene,
    points: Tensor,
    normals: Tensor,
    centre: NDArray[np.float64],
    settings: Settings,
    seed: int,
    check: Callable[[], None],
    bounce: Tensor | None = None,
    nodes: tuple[float, ...] = ROUGHNESS_NODES,
) -> Transfer:
    """The transfer of points (N, 3) mm with unit normals (N, 3), seen from the camera's ``centre`` (3,); may be ended
    by ``check``. ``bounce`` (N, B) is `trace_bounce` at the points.
    """
    towards = torch.nn.functional.normalize(torch.from_numpy(centre).float() - points, dim=1)
    diffuse = diffuse_transfer(
        scene, points, normals, settings.transfer_directions, settings.bands, seed, between_blocks=check
    )
    glossy = glossy_transfer(
        scene, points, normals, towards, nodes, bands=settings.bands, seed=seed, between_blocks=check
    )
    cosine = (towards * normals).sum(1).clamp(0.0, 1.0)
    return Transfer(diffuse, glossy, torch.tensor(nodes), cosine, bounce)


def trace_bounce(
    scene: TracedScene, normals: Tensor, settings: Settings, seed: int, check: Callable[[], None]
) -> Tensor:
    """(V, B) what `Transfer.bounce` says, at the vertices of ``scene`` with unit normals (V, 3): it is smooth enough."""
    rays = max(32, settings.transfer_directions // 4)
    vertices = torch.from_numpy(scene.vertices)
    direct = diffuse_transfer(scene, vertices, normals, rays, settings.bands, seed, between_blocks=check)
    return torch.from_numpy(form_factors(scene, normals.numpy(), rays, seed) @ direct.numpy())
