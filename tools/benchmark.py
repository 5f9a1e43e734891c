# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit and score the cases of a ground-truth benchmark, in the engine's environment with its test packages:

    .venv/bin/python tools/benchmark.py --cases FOLDER [NAME ...] [--preset default] [--output out/benchmark]

FOLDER is a ground-truth benchmark of this layout: ``cases/NAME/`` with ``photo.png``, ``gt_mesh.ply``, ``gt_albedo.png``, ``relit.png``
and so on, ``baselines/results.json``, and the scorers ``evaluate.py`` and ``relight.py``, which are called as programs.
``NAME+NAME`` fits several photos of one person in one run.

Each photo is fitted by the same worker as in Blender. Its shape, its albedo as the fitted camera sees it, its
reproduction and its look under another light in Cycles are scored. ``scores.json`` of each case, ``benchmark.json``,
``table.md`` and ``sheet.jpg`` are written into the output folder. A case that fails is told, the others go on, and the
exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from environments import ROOT, python_in, runs, say
from nextgenface import __version__
from nextgenface.engine import presets
from nextgenface.engine.errors import EngineError
from nextgenface.engine.settings import Settings
from scoring import table
from scoring.cases import Benchmark, BenchmarkError
from scoring.fitting import FitError, Fitter, Timing
from scoring.judge import SCORES, TIMING, Place, Scorer, Scores
from scoring.results import RESULT
from scoring.rows import row_of
from scoring.sheet import Shown, sheet
from setup_engine import blender_folder, default_blender

# Git's answer is no reason to wait.
GIT_SECONDS = 10.0


def fit_all(places: Sequence[Place], settings: Settings, reuse: bool) -> dict[str, str]:
    """Fit every group in one worker; group -> why it failed."""
    failed: dict[str, str] = {}
    with Fitter(Path(sys.executable), settings.to_dict(), lambda stage: say(f"    {stage}")) as fitter:
        for number, place in enumerate(places, 1):
            name = place.group.name
            if reuse and (place.result / RESULT).is_file() and (place.folder / TIMING).is_file():
                say(f"[{number}/{len(places)}] {name}: the fit that is there")
                continue
            say(f"[{number}/{len(places)}] {name}: fitting")
            try:
                timing = fit(fitter, place, warm=len(places) > 1)
            except (FitError, EngineError) as error:
                failed[name] = str(error)
                say(f"    failed: {error}")
                continue
            say(f"    {timing}")
    return failed


def fit(fitter: Fitter, place: Place, warm: bool) -> Timing:
    """Fit one group. ``warm``: once more where the worker was only started for it, so that both times are known."""
    place.folder.mkdir(parents=True, exist_ok=True)
    place.clear()
    photos = [case.photo for case in place.group.cases]
    timing = fitter.fit(photos, place.result)
    if warm and timing.seconds is None:
        again = fitter.fit(photos, place.result)
        timing = replace(again, started_seconds=timing.started_seconds)
    (place.folder / TIMING).write_text(json.dumps(asdict(timing)), "utf-8")
    return timing


def score_all(places: Sequence[Place], scorer: Scorer, reuse: bool, failed: dict[str, str]) -> list[Scores]:
    """The scores of every photo, of failed fits too, and each in its own file."""
    found: list[Scores] = []
    for number, place in enumerate(places, 1):
        for photo, case in enumerate(place.group.cases):
            say(f"[{number}/{len(places)}] {case.name}: scoring")
            if place.group.name in failed:
                scores = scorer.described(place, case) | {"errors": {"fit": failed[place.group.name]}}
            else:
                scores = scored(place, photo, scorer, reuse)
            found.append(scores)
    return found


def scored(place: Place, photo: int, scorer: Scorer, reuse: bool) -> Scores:
    """The scores of one photo, written into its file; taken from there where they may be."""
    path = place.scores(place.group.cases[photo]) / SCORES
    if reuse and path.is_file():
        known: Scores = json.loads(path.read_text("utf-8"))
        return known
    scores = scorer.score(place, photo)
    path.write_text(json.dumps(scores, indent=1), "utf-8")
    return scores


def write_sheet(output: Path, places: Sequence[Place], found: Sequence[Scores]) -> None:
    """Write ``sheet.jpg``; ``found`` are the scores of every photo of ``places``, in order."""
    shown = [(case, place.scores(case)) for place in places for case in place.group.cases]
    rows = [Shown(case, row_of(scores), folder) for (case, folder), scores in zip(shown, found, strict=True)]
    sheet(rows).save(output / "sheet.jpg", quality=90)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="cases, NAME+NAME for several photos of one person; default: all")
    add("--cases", type=Path, required=True, metavar="FOLDER", help="the benchmark's folder")
    add("--output", type=Path, default=ROOT / "out/benchmark", metavar="FOLDER", help="default: out/benchmark")
    add("--preset", default=presets.DEFAULT_PRESET, choices=presets.preset_names())
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="one setting; may be given again")
    add("--blender", type=Path, metavar="PATH", help="a Python with bpy; default: .venv-blender's")
    add("--no-blender", action="store_true", help="no reproduction and no relighting in Cycles")
    add("--samples", type=int, default=64, help="of Cycles, per pixel")
    add("--reuse", choices=("fits", "scores"), help="take the fits, or fits and scores, that are in the output folder")
    return parser.parse_args(arguments)


def find_blender(options: argparse.Namespace) -> Path | None:
    """The Python with bpy for Cycles; None where none is wanted."""
    if options.no_blender:
        return None
    path: Path = options.blender or python_in(ROOT / blender_folder(default_blender()))
    if not runs(path, "-c", "import bpy"):
        raise BenchmarkError(
            f"{path} is no Python with bpy. Run tools/setup_engine.py --blender, or give --blender PATH."
        )
    return path


def origin(options: argparse.Namespace) -> dict[str, Any]:
    """What the figures were measured with."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        git = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS).stdout.strip()
    except OSError:
        git = ""
    return {
        "version": __version__,
        "commit": git,
        "machine": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "preset": options.preset,
        "changed_settings": options.set,
        "cycles_samples": None if options.no_blender else options.samples,
    }


def write_all(output: Path, places: Sequence[Place], found: Sequence[Scores], measured: dict[str, Any]) -> None:
    """Write ``benchmark.json``, ``table.md`` (shown too) and ``sheet.jpg``; ``measured``: `origin`."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "benchmark.json").write_text(json.dumps({**measured, "cases": found}, indent=1), "utf-8")
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in measured.items() if value)
    text = f"Measured with {told}.\n\n{table.report([row_of(scores) for scores in found])}"
    (output / "table.md").write_text(text, "utf-8")
    say(f"\n{text}")
    write_sheet(output, places, found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, score, write; the exit code: 0 everything was scored, 1 something failed, 2 the command was wrong."""
    options = parse(arguments)
    try:
        benchmark = Benchmark(options.cases)
        groups = benchmark.groups(options.names)
        settings = Settings.from_dict({**presets.read_preset(options.preset), **presets.parse_assignments(options.set)})
        scorer = Scorer(benchmark, options.output / "mean_faces", options.samples, find_blender(options))
    except (BenchmarkError, EngineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    places = [Place(options.output / group.name, group) for group in groups]
    failed = fit_all(places, settings, options.reuse is not None)
    found = score_all(places, scorer, options.reuse == "scores", failed)
    write_all(options.output, places, found, origin(options))
    errors = [f"error: {scores['case']}: {name}: {why}" for scores in found for name, why in scores["errors"].items()]
    print(*errors, sep="\n", end="\n" if errors else "", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
