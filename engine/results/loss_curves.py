"""The losses of a fit as one picture: a row for each stage, a plot for each of its searches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Losses = Mapping[str, Sequence[Sequence[float]]]

TITLES = {
    "stage1": "Stage 1: points as detected, then with the detector's habits",
    "stage2": "Stage 2: light and skin, shape, in turn from coarse to fine",
    "stage3": "Stage 3: maps from coarse to fine",
}
WIDTH, ROW = 1600, 300
_BACKGROUND, _PLOT, _FRAME = (34, 34, 36), (24, 24, 26), (80, 80, 84)
_TEXT, _CURVES = (222, 222, 222), ((90, 200, 255), (255, 190, 90))
_GAP, _TITLE, _LABEL = 24, 40, 26
# Drawn so many times larger and made smaller, for smooth lines.
_SMOOTH = 2


def loss_curves(losses: Losses) -> NDArray[np.uint8] | None:
    """(H, W, 3) sRGB; None where there is no loss.

    Each search minimises another function, so each has a scale of its own: its highest and lowest loss stand beside it,
    and below it the number of its steps.
    """
    rows = {stage: [run for run in losses.get(stage, ()) if len(run)] for stage in TITLES}
    rows = {stage: runs for stage, runs in rows.items() if runs}
    if not rows:
        return None
    sheet = Image.new("RGB", (WIDTH * _SMOOTH, (len(rows) * ROW + _GAP) * _SMOOTH), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for number, (stage, runs) in enumerate(rows.items()):
        _text(draw, (_GAP, number * ROW + _GAP + _TITLE / 2), TITLES[stage], 22, "lm")
        width = (WIDTH - _GAP) / len(runs)
        for place, run in enumerate(runs):
            box = (_GAP + place * width, number * ROW + _GAP + _TITLE, width - _GAP, ROW - _GAP - _TITLE)
            _plot(draw, box, run, _CURVES[place % len(_CURVES)])
    return np.asarray(sheet.reduce(_SMOOTH), np.uint8)


def _plot(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], run: Sequence[float], colour: tuple[int, ...]
) -> None:
    """One curve in ``box`` (left, top, width, height)."""
    left, top, width, height = box
    bottom = top + height - 2 * _LABEL
    draw.rectangle(_scaled(left, top + _LABEL, left + width, bottom), _PLOT, _FRAME, _SMOOTH)
    values = [value if math.isfinite(value) else math.nan for value in run]
    known = [value for value in values if not math.isnan(value)]
    high, low = (max(known), min(known)) if known else (1.0, 0.0)
    span = (high - low) or 1.0
    inner = 8
    room = (width - 2 * inner, bottom - top - _LABEL - 2 * inner)
    across = [left + inner + room[0] * i / max(1, len(values) - 1) for i in range(len(values))]
    down = [top + _LABEL + inner + room[1] * (high - value) / span for value in values]
    points = [(x * _SMOOTH, y * _SMOOTH) for x, y in zip(across, down, strict=True) if not math.isnan(y)]
    if len(points) > 1:
        draw.line(points, colour, 2 * _SMOOTH, "curve")
    for x, y in points[-1:] if len(points) > 40 else points:
        draw.ellipse((x - 3 * _SMOOTH, y - 3 * _SMOOTH, x + 3 * _SMOOTH, y + 3 * _SMOOTH), colour)
    _text(draw, (left, top + _LABEL / 2), f"{high:.5g}", 16, "lm")
    _text(draw, (left, bottom + _LABEL / 2), f"{low:.5g}", 16, "lm")
    _text(draw, (left + width, bottom + _LABEL / 2), f"{len(values)} step{'s' * (len(values) != 1)}", 16, "rm")


def _scaled(*places: float) -> tuple[float, ...]:
    return tuple(place * _SMOOTH for place in places)


def _text(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int, anchor: str) -> None:
    font = ImageFont.load_default(size * _SMOOTH)
    draw.text((place[0] * _SMOOTH, place[1] * _SMOOTH), text, _TEXT, font, anchor)
