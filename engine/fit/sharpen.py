"""Maps larger than the fit's: the fitted maps carry the colours, the full-size photos the detail.

The light is smooth, so what a photo shows at a fine texel over what it shows at the fitted one is the skin's own
detail. Done in bands of rows: time grows with the texels, memory hardly.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from .atlas import Atlas, atlas_bands
from .map_view import MapView
from .maps import FinishedMaps, MapProblem

FloatImage = NDArray[np.float32]

# The largest logarithm of detail, and radiance below which it fades into noise.
LARGEST_DETAIL = 0.5
DARK = 1e-3
LEAST_SHARE = 0.01


def sharpened(maps: FinishedMaps, problem: MapProblem) -> FinishedMaps:
    """``maps`` at the size asked for. Skin seen from the mirror side only gets that side's detail; other skin none."""
    size = problem.settings.texture_size
    if size == len(maps.diffuse):
        return maps
    large = replace(
        maps,
        diffuse=np.empty((size, size, 3), np.float32),
        specular=np.empty((size, size), np.float32),
        roughness=np.empty((size, size), np.float32),
        normal=None if maps.normal is None else np.empty((size, size, 3), np.float32),
    )
    for rows, atlas in atlas_bands(problem.model, size):
        problem.reporter.check()
        diffuse = enlarged_rows(maps.diffuse, size, rows)
        diffuse *= np.exp(_detail(maps, problem, atlas, rows))
        large.diffuse[rows] = np.clip(diffuse, 0.0, 1.0)
        large.specular[rows] = enlarged_rows(maps.specular, size, rows)
        large.roughness[rows] = enlarged_rows(maps.roughness, size, rows)
        if maps.normal is not None and large.normal is not None:
            large.normal[rows] = _unit(enlarged_rows(maps.normal, size, rows))
        problem.paint_eyes(large, atlas)
    return large


def enlarged_rows(image: FloatImage, size: int, rows: slice) -> FloatImage:
    """The ``rows`` (h) of a map (T, T, C) or (T, T) enlarged to ``size`` texels, linearly: (h, size, C) or (h, size)."""
    scale = len(image) / size
    across, down = (
        ((np.arange(first, last, dtype=np.float32) + 0.5) * scale - 0.5)
        for first, last in ((0, size), (rows.start, rows.stop))
    )
    x, y = np.meshgrid(across, down)
    found = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def _unit(normal: FloatImage) -> FloatImage:
    """(h, w, 3) ``normal``, a normal map in [0, 1], with vectors of length 1."""
    vector = 2.0 * normal - 1.0
    return np.asarray(0.5 + 0.5 * vector / np.linalg.norm(vector, axis=2, keepdims=True), np.float32)


def _detail(maps: FinishedMaps, problem: MapProblem, atlas: Atlas, rows: slice) -> FloatImage:
    """(h, size, 3) logarithm of the detail in a band."""
    size = atlas.size
    shares = enlarged_rows(maps.coverage, size, rows)
    shown = atlas.only(atlas.is_part("skin") & (shares[atlas.rows - rows.start, atlas.columns, 0] > LEAST_SHARE))
    found = np.zeros((rows.stop - rows.start, size, 3), np.float32)
    for view in problem.views:
        share = shown.sample(view.share[:, :, None])
        counts = share[:, 0] > LEAST_SHARE
        part = shown.only(counts)
        if len(part.rows):
            found[part.rows - rows.start, part.columns] += share[counts] * _finer(view, part)
    return np.asarray(shares[:, :, :1] * found + shares[:, :, 1:2] * found[:, ::-1], np.float32)


def _finer(view: MapView, atlas: Atlas) -> FloatImage:
    """(N, 3) logarithm of what the full photo shows at the texels over what it shows at the fitted ones."""
    fine, coarse = view.photo_at(atlas), atlas.sample(view.shown)
    ratio = np.log(np.maximum(fine, 0.0) + DARK) - np.log(np.maximum(coarse, 0.0) + DARK)
    return np.asarray(np.clip(ratio, -LARGEST_DETAIL, LARGEST_DETAIL), np.float32)
