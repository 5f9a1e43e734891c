# SPDX-License-Identifier: GPL-3.0-or-later
"""Lay pictures beside each other, at the height of the first. Needs Pillow.

python tools/side_by_side.py photo.png render.png -o both.png
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

GAP = 8
PAPER = (255, 255, 255)


def side_by_side(paths: Sequence[Path]) -> Image.Image:
    """One 8-bit sRGB picture of all, left to right, scaled to the first one's height, transparent parts on white."""
    pictures = [_flat(path) for path in paths]
    height = pictures[0].height
    scaled = [picture.resize((round(picture.width * height / picture.height), height)) for picture in pictures]
    sheet = Image.new("RGB", (sum(picture.width for picture in scaled) + GAP * (len(scaled) - 1), height), PAPER)
    left = 0
    for picture in scaled:
        sheet.paste(picture, (left, 0))
        left += picture.width + GAP
    return sheet


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
    arguments = parser.parse_args()
    side_by_side(arguments.pictures).save(arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
