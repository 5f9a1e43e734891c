"""Shading as a square picture of texels: packed into channels, and at other sizes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .shading import Lit

FloatImage = NDArray[np.float32]


def packed_lit(lit: Lit) -> Tensor:
    """(N, 3 + 6 R + 1) diffuse, glossy and cosine channels."""
    return torch.cat([lit.diffuse, lit.glossy.reshape(len(lit.cosine), -1), lit.cosine[:, None]], 1)


def unpack_lit(picture: FloatImage, node_count: int, nodes: Tensor) -> Lit:
    """The shading in a picture (S, S, 3 + 6 R + 1) of diffuse, glossy and cosine channels."""
    flat = torch.from_numpy(picture.reshape(-1, picture.shape[2]))
    return Lit(flat[:, :3], flat[:, 3:-1].reshape(len(flat), node_count, 2, 3), nodes, flat[:, -1])


def diffuse_picture(lit: Lit) -> FloatImage:
    """(S, S, 3) the diffuse light of a square picture's texels."""
    size = round(len(lit.cosine) ** 0.5)
    return np.asarray(lit.diffuse.reshape(size, size, 3).numpy())


def resized_lit(lit: Lit, size: int) -> Lit:
    """``lit`` of a square picture's texels, for a picture of ``size`` texels."""
    old = round(len(lit.cosine) ** 0.5)
    if old == size:
        return lit
    image = packed_lit(lit).reshape(old, old, -1).permute(2, 0, 1)[None]
    mode = "area" if size < old else "bilinear"
    corners = {} if mode == "area" else {"align_corners": False}
    changed = torch.nn.functional.interpolate(image, (size, size), mode=mode, **corners)
    return unpack_lit(changed[0].permute(1, 2, 0).contiguous().numpy(), len(lit.nodes), lit.nodes)
