# SPDX-License-Identifier: GPL-3.0-or-later
"""One picture of many cases: what was given, what came out, what is true, and where the shape is off."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from nextgenface.engine.scene.camera import Camera
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from .cases import Case
from .judge import ALBEDO, DISTANCES
from .rows import Row
from .scorers import shown

TITLES = ("Photo", "In Cycles", "Albedo", "True albedo", "Relit", "True relit", "Shape's error: blue 0, red 5 mm")
PANEL, GAP, CAPTION = 256, 6, 22
PAPER, INK = (30, 30, 32), (225, 225, 225)
# Distance in mm at the end of the colours.
FAR_MM = 5.0
# Side in pixels of a dot, of a picture of 512 pixels.
DOT = 5.0


@dataclass(frozen=True)
class Shown:
    """One row of the sheet: a case, its numbers, and the folder of its scores."""

    case: Case
    row: Row
    folder: Path

    def pictures(self) -> list[Image.Image | None]:
        """In the order of `TITLES`; None for what is not there."""
        files = [
            self.case.photo,
            self.folder / shown("reproduction"),
            self.folder / ALBEDO,
            self.case.folder / "gt_albedo.png",
            self.folder / shown("relit"),
            self.case.folder / "relit.png",
        ]
        distances = self.folder / DISTANCES
        return [
            *(_read(file) if file.is_file() else None for file in files),
            error_picture(self.case, distances) if distances.is_file() else None,
        ]

    def captions(self) -> list[str]:
        """Under the pictures, in the order of `TITLES`."""
        row = self.row
        return [
            row.label,
            _worded("{:.1f} dB", row.reproduction),
            _joined(_worded("RMSE {:.3f}", row.albedo), _worded("ITA {:+.0f}", row.ita_error)),
            _worded("ITA {:.0f}", row.ita_true),
            _worded("{:.1f} dB", row.relit),
            _worded("constant {:.1f} dB", row.relit_constant),
            _joined(_worded("{:.2f} mm", row.shape), _worded("a mean face {:.2f}", row.best_mean)),
        ]


def _worded(words: str, value: float | None) -> str:
    return "" if value is None else words.format(value)


def _joined(*words: str) -> str:
    return ", ".join(word for word in words if word)


def sheet(rows: Sequence[Shown]) -> Image.Image:
    """All rows under one line of titles."""
    step, line = PANEL + GAP, PANEL + CAPTION + GAP
    image = Image.new("RGB", (GAP + len(TITLES) * step, CAPTION + GAP + len(rows) * line), PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(CAPTION * 0.65)
    for column, title in enumerate(TITLES):
        draw.text((GAP + column * step, CAPTION / 2 + GAP / 2), title, INK, font, "lm")
    for number, row in enumerate(rows):
        top = CAPTION + GAP + number * line
        for column, (picture, caption) in enumerate(zip(row.pictures(), row.captions(), strict=True)):
            if picture is not None:
                image.paste(ImageOps.pad(picture, (PANEL, PANEL), color=PAPER), (GAP + column * step, top))
            draw.text((GAP + column * step, top + PANEL + CAPTION / 2), caption, INK, font, "lm")
    return image


def _read(path: Path) -> Image.Image:
    """8 bits of a picture of 8 or 16, which Pillow does not read in colour."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return Image.fromarray(np.ascontiguousarray(image[:, :, ::-1]))


def error_picture(case: Case, distances: Path) -> Image.Image:
    """The true head's points on the photo, from blue (0 mm) to red (`FAR_MM` and more), by their distance to ours."""
    with np.load(distances) as data:
        points, distance = data["points"], data["dist"]
    camera = true_camera(case)
    photo = cv2.imread(str(case.photo), cv2.IMREAD_GRAYSCALE)
    canvas = np.repeat(photo[:, :, None] // 3, 3, 2)
    # The far ones first: what lies nearer covers them.
    order = np.argsort(camera.to_camera(points)[:, 2])
    share = np.clip(distance[order] / FAR_MM, 0.0, 1.0)
    colours = cv2.applyColorMap(np.round(share * 255.0).astype(np.uint8)[:, None], cv2.COLORMAP_TURBO)[:, 0]
    half = max(1, round(DOT / 2 * max(canvas.shape) / 512))
    for (x, y), colour in zip(np.round(camera.project(points[order])).astype(int), colours, strict=True):
        canvas[max(0, y - half) : y + half, max(0, x - half) : x + half] = colour
    return Image.fromarray(np.ascontiguousarray(canvas[:, :, ::-1]))


def true_camera(case: Case) -> Camera:
    """The camera that took the case's photo, in the case's world.

    Its file follows OpenCV (y down, z forward); ours looks along -z with y up.
    """
    known = json.loads((case.folder / "gt_camera.json").read_text("utf-8"))
    turn: NDArray[np.float64] = np.diag([1.0, -1.0, -1.0])
    rotation, translation = turn @ np.array(known["R"]), turn @ np.array(known["t_mm"])
    return Camera(known["width"], known["height"], known["fx"], known["cx"], known["cy"], rotation, translation)
