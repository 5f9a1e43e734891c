# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how the fit's time and memory grow with the photo's size, the maps' size and the number of photos:

    .venv/bin/python tools/scaling.py PHOTO [PHOTO ...] [--sizes 256 512 1024] [--textures 512 1024 2048 4096]
        [--photos 1 2 4 8] [--output out/scaling]

Each measurement is one fit of a warm worker. A series has a worker of its own, which first fits its smallest member once
without being measured. For the sizes, the first photo is scaled down, and the fit looks at as many pixels as the photo
has; for the number of photos, the given ones are taken in turn. Writes ``scaling.json`` and ``scaling.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
from environments import ROOT, say
from nextgenface.engine import presets
from nextgenface.engine.errors import EngineError
from nextgenface.engine.photos.reading import read_photo
from nextgenface.engine.reporter import SilentReporter
from nextgenface.engine.results.png import write_png
from nextgenface.engine.settings import Settings
from scoring.cases import BenchmarkError
from scoring.fitting import FitError, Fitter, Timing
from scoring.table import markdown

SIZES, TEXTURES = (256, 512, 1024), (512, 1024, 2048, 4096)


@dataclass(frozen=True)
class Job:
    """One member of a series: ``value`` is what grows, ``amount`` how much work is expected to grow with it."""

    value: int
    amount: float
    photos: tuple[Path, ...]
    changes: dict[str, Any]


@dataclass(frozen=True)
class Series:
    """Fits that differ in one thing."""

    title: str
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Measured:
    """A member of a series and what it took; ``error`` says why it took nothing."""

    value: int
    amount: float
    timing: Timing | None
    error: str = ""


def size_series(photo: Path, sizes: Sequence[int], folder: Path) -> Series:
    """The same photo in several sizes, fitted at its own size.

    Raises:
        BenchmarkError: the photo is smaller than the largest of them.
    """
    picture = read_photo(photo, SilentReporter()).srgb8
    if max(picture.shape[:2]) < max(sizes):
        raise BenchmarkError(f"{photo.name} has only {max(picture.shape[:2])} pixels. Give a photo of {max(sizes)}.")
    jobs = []
    for size in sorted(sizes):
        path = folder / f"{photo.stem}_{size}.png"
        scale = size / max(picture.shape[:2])
        write_png(path, cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
        jobs.append(Job(size, float(size) ** 2, (path,), {"fit_size": size}))
    return Series("photo and fit, pixels", tuple(jobs))


def texture_series(photo: Path, sizes: Sequence[int]) -> Series:
    """One photo with maps of several sizes."""
    jobs = (Job(size, float(size) ** 2, (photo,), {"texture_size": size}) for size in sorted(sizes))
    return Series("maps, texels", tuple(jobs))


def photo_series(photos: Sequence[Path], counts: Sequence[int]) -> Series:
    """Several photos at once, the given ones in turn."""
    jobs = (Job(count, float(count), tuple(islice(cycle(photos), count)), {}) for count in sorted(counts))
    return Series("photos", tuple(jobs))


def measure(series: Series, settings: Settings, python: Path, scratch: Path) -> list[Measured]:
    """Fit every member; one that fails says why."""
    say(f"{series.title}: warming up")
    with Fitter(python, settings.to_dict(), lambda stage: None) as fitter:
        first = series.jobs[0]
        _attempt(fitter, first, scratch)
        found = []
        for job in series.jobs:
            found.append(_attempt(fitter, job, scratch))
            say(f"{series.title}: {job.value}: {found[-1].error or found[-1].timing}")
    return found


def _attempt(fitter: Fitter, job: Job, scratch: Path) -> Measured:
    try:
        timing = fitter.fit(job.photos, scratch / "result", job.changes)
    except (FitError, EngineError) as error:
        return Measured(job.value, job.amount, None, str(error))
    return Measured(job.value, job.amount, timing)


def table(title: str, found: Sequence[Measured]) -> str:
    """A Markdown table; growth is against the line above."""
    cells = [[title, "seconds", "peak memory, MB", "times the work", "times the seconds"]]
    before: Measured | None = None
    for member in found:
        cells.append([str(member.value), *_cells(member, before)])
        before = member
    return markdown(cells)


def _cells(member: Measured, before: Measured | None) -> list[str]:
    seconds, memory = _taken(member)
    if seconds is None:
        return [member.error or "-", "-", "-", "-"]
    told = [f"{seconds:.1f}", "-" if memory is None else f"{memory:.0f}"]
    last = _taken(before)[0] if before is not None else None
    if before is None or not last:
        return [*told, "-", "-"]
    return [*told, f"{member.amount / before.amount:.1f}", f"{seconds / last:.2f}"]


def _taken(member: Measured) -> tuple[float | None, float | None]:
    """Seconds and MB; a worker that had to be started anew tells the seconds with its start."""
    timing = member.timing
    return (None, None) if timing is None else (timing.seconds or timing.started_seconds, timing.peak_memory_mb)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("pictures", nargs="+", type=Path, metavar="PHOTO", help="photos of one person; the first is scaled")
    add("--sizes", nargs="*", type=int, default=SIZES, metavar="N", help="pixels of the photo's longer side")
    add("--textures", nargs="*", type=int, default=TEXTURES, metavar="N", help="texels of the maps' side")
    add("--photos", nargs="*", type=int, default=(), metavar="N", help="numbers of photos; default: not measured")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="one setting; may be given again")
    add("--output", type=Path, default=ROOT / "out/scaling", metavar="FOLDER", help="default: out/scaling")
    return parser.parse_args(arguments)


def wanted(options: argparse.Namespace, scratch: Path) -> list[Series]:
    """The series that the command asks for."""
    photos: list[Path] = options.pictures
    makers: list[tuple[Sequence[int], Callable[[], Series]]] = [
        (options.sizes, lambda: size_series(photos[0], options.sizes, scratch)),
        (options.textures, lambda: texture_series(photos[0], options.textures)),
        (options.photos, lambda: photo_series(photos, options.photos)),
    ]
    return [make() for values, make in makers if values]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write; the exit code: 0 when every fit succeeded."""
    options = parse(arguments)
    with tempfile.TemporaryDirectory(prefix="nextgenface-scaling-") as folder:
        scratch = Path(folder)
        try:
            settings = Settings.from_dict(presets.parse_assignments(options.set))
            every = wanted(options, scratch)
        except (BenchmarkError, EngineError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        found = {series.title: measure(series, settings, Path(sys.executable), scratch) for series in every}
    options.output.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join(table(title, members) for title, members in found.items()) + "\n"
    (options.output / "scaling.md").write_text(text, "utf-8")
    account = {title: [asdict(member) for member in members] for title, members in found.items()}
    (options.output / "scaling.json").write_text(
        json.dumps({"processors": os.cpu_count(), "settings": settings.to_dict(), **account}, indent=1), "utf-8"
    )
    say(f"\n{text}")
    return 1 if any(member.error for members in found.values() for member in members) else 0


if __name__ == "__main__":
    sys.exit(main())
