# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw portraits of which everything is known, and tell how near the fit comes, in the engine's environment:

    .venv/bin/python tools/portraits.py draw --output FOLDER [--count 40] [--seed 1] [--spectacles] [--tone-curve]
    .venv/bin/python tools/portraits.py score FOLDER [NAME ...]

They are path-traced heads of the bundled model, with bumps beyond its modes, tones spread evenly from very light to very dark,
textures, lenses and lights (windows, suns, rings, overcast skies, lamps) at random; with spectacles, and as a camera with a tone
curve shows them, if that is asked for. The same seed draws the same people in the same light, whatever they wear.

Each gets a folder with ``photo.png`` and the truth, ``truth.npz``; ``sheet.jpg`` shows all of them. ``score`` runs stages 1 and 2 on
each and prints tone, shape, tone curve, and on whom spectacles were found. They are the bundled model's own heads, so shapes
come out better than on people: what holds here is to be tried on the benchmark and on photos.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from drawing.people import Population
from drawing.portrait import PHOTO, draw, random_curve
from drawing.score import score_all, summary
from environments import say
from nextgenface.engine.faces.choose import load_model
from nextgenface.engine.render.variant import activate
from nextgenface.engine.settings import Settings

SHEET, COLUMNS, SMALL = "sheet.jpg", 8, 200


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; 0, or 1 where there is nothing to score."""
    options = _parse(arguments)
    return _draw(options) if options.what == "draw" else _score(options)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="what", required=True)
    drawn = parts.add_parser("draw", help="draw portraits")
    drawn.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    drawn.add_argument("--count", type=int, default=40, help="how many; tones are spread over all of them")
    drawn.add_argument("--seed", type=int, default=1)
    drawn.add_argument("--spectacles", action="store_true", help="all of them wear some")
    drawn.add_argument(
        "--tone-curve", action="store_true", help="as cameras show them: steeper in the middle, and more vivid"
    )
    scored = parts.add_parser("score", help="fit portraits, and compare with the truth")
    scored.add_argument("folder", type=Path, metavar="FOLDER", help="what 'draw' has made")
    scored.add_argument("names", nargs="*", metavar="NAME", help="of portraits; all where none is named")
    return parser.parse_args(arguments)


def _draw(options: argparse.Namespace) -> int:
    activate("cpu")
    population = Population(load_model("bundled"))
    folders = []
    for number in range(options.count):
        portrait = draw(population, number, options.count, options.seed, options.spectacles)
        folders.append(options.output / f"{number:03d}")
        curve = random_curve(number, options.seed) if options.tone_curve else (None, 1.0)
        portrait.save(folders[-1], *curve)
        say(f"{folders[-1].name}: ITA {portrait.ita:.0f} degrees, {portrait.light} {portrait.spectacles}".rstrip())
    _sheet(folders, options.output / SHEET)
    return 0


def _sheet(folders: Sequence[Path], path: Path) -> None:
    """All portraits, small, in one picture."""
    small = [cv2.resize(cv2.imread(str(f / PHOTO)), (SMALL, SMALL), interpolation=cv2.INTER_AREA) for f in folders]
    small += [np.zeros_like(small[0])] * (-len(small) % COLUMNS)
    rows = [np.hstack(small[start : start + COLUMNS]) for start in range(0, len(small), COLUMNS)]
    cv2.imwrite(str(path), np.vstack(rows))


def _score(options: argparse.Namespace) -> int:
    folders = [options.folder / name for name in options.names] or sorted(
        p.parent for p in options.folder.glob(f"*/{PHOTO}")
    )
    missing = [folder for folder in folders if not (folder / PHOTO).is_file()]
    if missing or len(folders) < 2:
        say(
            f"There is no portrait in {missing[0]}."
            if missing
            else f"Fewer than two portraits are in {options.folder}."
        )
        return 1
    settings = Settings()
    scores = score_all(folders, load_model("bundled", settings), settings, say)
    if len(scores) < 2:
        return 1
    for line in summary(scores):
        say(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
