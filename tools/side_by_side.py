# SPDX-License-Identifier: GPL-3.0-or-later
"""Lay pictures beside each other, at the height of the first. Needs Pillow.

python tools/side_by_side.py photo.png render.png -o both.png

``--around mask.png`` shows only the surroundings of what is bright in a mask of the pictures' size.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

GAP = 8
PAPER = (255, 255, 255)
MARGIN = 2.2
LEAST_HEIGHT = 512


def side_by_side(paths: Sequence[Path], around: Path | None = None) -> Image.Image:
    """One 8-bit sRGB picture of all, left to right, scaled to the first one's height, transparent parts on white.

    ``around``: a mask of their size; only the surroundings of what is bright in it are shown.
    """
    pictures = [_flat(path) for path in paths]
    if around is not None:
        box = surroundings(around)
        pictures = [_enlarged(picture.crop(box)) for picture in pictures]
    height = pictures[0].height
    scaled = [picture.resize((round(picture.width * height / picture.height), height)) for picture in pictures]
    sheet = Image.new("RGB", (sum(picture.width for picture in scaled) + GAP * (len(scaled) - 1), height), PAPER)
    left = 0
    for picture in scaled:
        sheet.paste(picture, (left, 0))
        left += picture.width + GAP
    return sheet


def surroundings(mask: Path) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a box `MARGIN` times as large as what is bright in ``mask``, within the picture."""
    with Image.open(mask) as opened:
        grey = opened.convert("L")
    left, top, right, bottom = grey.point(lambda value: 255 * (value > 127)).getbbox() or (0, 0, *grey.size)
    half = MARGIN * max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return (
        max(0, round(x - half)),
        max(0, round(y - half)),
        min(grey.width, round(x + half)),
        min(grey.height, round(y + half)),
    )


def _enlarged(picture: Image.Image) -> Image.Image:
    factor = max(1.0, LEAST_HEIGHT / picture.height)
    size = (round(picture.width * factor), round(picture.height * factor))
    return picture.resize(size, Image.Resampling.BICUBIC)


def _flat(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGBA")
    paper = Image.new("RGBA", picture.size, (*PAPER, 255))
    return Image.alpha_composite(paper, picture).convert("RGB")


def main() -> int:
    """Read the command line, write the picture, and return the exit code."""
    parser = argparse.ArgumentParser(description="Lay pictures beside each other.")
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--around", type=Path, help="a mask: show only the surroundings of what is bright in it")
    arguments = parser.parse_args()
    side_by_side(arguments.pictures, arguments.around).save(arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
