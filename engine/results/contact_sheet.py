"""The contact sheet: all that one needs to see of a fit in one picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

TITLES = (
    "Input",
    "Overlay",
    "Reconstruction",
    "Shading",
    "Diffuse",
    "Specular",
    "Roughness",
    "Coverage",
    "Normals",
)
_BACKGROUND = (34, 34, 36)
_PANEL = (24, 24, 26)
_TEXT = (222, 222, 222)
_MOST_COLUMNS = 4


def contact_sheet(panels: Mapping[str, NDArray[Any]], panel_size: int = 512) -> NDArray[np.uint8]:
    """(H, W, 3) sRGB: a grid of square panels with their titles above.

    Args:
        panels: title -> uint8 or uint16 sRGB, (H, W), (H, W, 3) or (H, W, 4); each is fitted into its panel, not
            cropped.
        panel_size: side of a panel in pixels.

    Raises:
        ValueError: there are no panels.
    """
    if not panels:
        raise ValueError("A contact sheet needs at least one panel.")
    rows = math.ceil(len(panels) / _MOST_COLUMNS)
    columns = math.ceil(len(panels) / rows)
    gap, title = max(panel_size // 32, 4), max(panel_size // 14, 16)
    size = (gap + columns * (panel_size + gap), gap + rows * (title + panel_size + gap))
    sheet = Image.new("RGB", size, _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(title * 0.62)
    for place, (name, picture) in enumerate(panels.items()):
        row, column = divmod(place, columns)
        # A last row that is not full stands in the middle.
        missing = rows * columns - len(panels) if row == rows - 1 else 0
        left = gap + column * (panel_size + gap) + missing * (panel_size + gap) // 2
        top = gap + row * (title + panel_size + gap)
        draw.text((left + 1, top + title * 0.38), name, fill=_TEXT, font=font, anchor="lm")
        sheet.paste(_fitted(picture, panel_size), (left, top + title))
    return np.asarray(sheet, np.uint8)


def _fitted(picture: NDArray[Any], size: int) -> Image.Image:
    """The picture in the middle of a square, scaled to touch its sides."""
    image = Image.fromarray(_eight_bit(picture)).convert("RGBA")
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    method = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    small = image.resize((width, height), method)
    panel = Image.new("RGB", (size, size), _PANEL)
    panel.paste(small, ((size - width) // 2, (size - height) // 2), small)
    return panel


def _eight_bit(picture: NDArray[Any]) -> NDArray[np.uint8]:
    plain = picture[..., 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture
    if plain.dtype == np.uint16:
        return ((plain.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return np.ascontiguousarray(plain, np.uint8)
