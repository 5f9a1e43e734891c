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
import platform
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environments import ROOT, python_in, say
from nextgenface.engine import blend, presets
from nextgenface.engine.errors import EngineError
from nextgenface.engine.settings import Settings
from scoring import scorers, table
from scoring.cases import Benchmark, BenchmarkError, Case, Group
from scoring.fitting import FitError, Fitter
from scoring.results import RESULT, FittedPhoto
from scoring.rows import row_of
from scoring.sheet import Shown, sheet
from setup_engine import blender_folder, default_blender

Scores = dict[str, Any]
TIMING, SCORES = "timing.json", "scores.json"
# What a step of scoring may end with; anything else is a fault of this program.
STEP_ERRORS = (BenchmarkError, EngineError, OSError)


@dataclass(frozen=True)
class Place:
    """Where a group's files lie: ``result/`` of the fit, and a folder of scores for each of its photos."""

    folder: Path
    group: Group

    @property
    def result(self) -> Path:
        """The fit's own folder."""
        return self.folder / "result"

    def scores(self, case: Case) -> Path:
        """The folder of a photo's scores."""
        return self.folder if len(self.group.cases) == 1 else self.folder / case.name


@dataclass(frozen=True)
class Scorer:
    """Scores fitted photos."""

    benchmark: Benchmark
    cache: Path
    samples: int
    blender: Path | None

    def score(self, place: Place, number: int) -> Scores:
        """All scores of photo ``number``; a step that fails leaves a line in ``errors``."""
        case = place.group.cases[number]
        folder = place.scores(case)
        folder.mkdir(parents=True, exist_ok=True)
        fitted = FittedPhoto.read(place.result, number)
        scores: Scores = {
            "case": case.name if len(place.group.cases) == 1 else f"{case.name} of {place.group.name}",
            "head": case.head,
            "photos": len(place.group.cases),
            "timing": json.loads((place.folder / TIMING).read_text("utf-8")),
            "stage_seconds": fitted.report["seconds"],
            "engine_psnr_db": fitted.report["reproduction_psnr_db"],
            "trivial": self.benchmark.baselines.get(case.name, {}),
            "errors": {},
        }
        for name, step in self._steps(case, fitted, folder).items():
            try:
                scores.update(step())
            except STEP_ERRORS as error:
                scores["errors"][name] = str(error)
                say(f"    {name}: {error}")
        return scores

    def _steps(self, case: Case, fitted: FittedPhoto, folder: Path) -> dict[str, Callable[[], Scores]]:
        steps = {
            "shape": lambda: self._shape(case, fitted, folder),
            "albedo": lambda: self._albedo(case, fitted, folder),
        }
        if self.blender is not None:
            blender = self.blender
            steps["Cycles"] = lambda: self._cycles(case, fitted, folder, blender)
        return steps

    def _shape(self, case: Case, fitted: FittedPhoto, folder: Path) -> Scores:
        landmarks = folder / "landmarks.json"
        fitted.write_landmarks(landmarks)
        scores = scorers.geometry(self.benchmark, case, fitted.mesh, landmarks, folder / "distances.npz")
        mean = scorers.mean_face(self.benchmark, case, fitted.result.face_model, self.cache)
        return {"geometry": scores, "bundled_mean_face": mean}

    def _albedo(self, case: Case, fitted: FittedPhoto, folder: Path) -> Scores:
        picture = folder / "albedo.png"
        fitted.write_albedo(picture)
        return {"albedo": scorers.albedo(self.benchmark, case, picture)}

    def _cycles(self, case: Case, fitted: FittedPhoto, folder: Path, blender: Path) -> Scores:
        file = folder / "head.blend"
        blend.find_builder(blender).build(fitted.alone(), file)
        scorers.render(self.benchmark, case, file, folder, self.samples, blender)
        return {name: scorers.picture(self.benchmark, case, name, folder) for name in scorers.RENDERS}


def fit_all(places: Sequence[Place], settings: Settings, reuse: bool) -> dict[str, str]:
    """Fit every group; group -> why it failed."""
    failed: dict[str, str] = {}
    stage = _stage_printer()
    with Fitter(Path(sys.executable), settings.to_dict(), stage) as fitter:
        for number, place in enumerate(places, 1):
            name = place.group.name
            if reuse and (place.result / RESULT).is_file() and (place.folder / TIMING).is_file():
                say(f"[{number}/{len(places)}] {name}: the fit that is there")
                continue
            say(f"[{number}/{len(places)}] {name}: fitting")
            place.folder.mkdir(parents=True, exist_ok=True)
            try:
                timing = fitter.fit([case.photo for case in place.group.cases], place.result)
            except (FitError, EngineError) as error:
                failed[name] = str(error)
                say(f"    failed: {error}")
                continue
            (place.folder / TIMING).write_text(json.dumps(timing.to_dict()), "utf-8")
            say(f"    {timing.seconds:.1f} s, {timing.peak_memory_mb or 0:.0f} MB")
    return failed


def _stage_printer() -> Callable[[str], None]:
    return lambda stage: say(f"    {stage}")


def score_all(places: Sequence[Place], scorer: Scorer, reuse: bool, failed: dict[str, str]) -> list[Scores]:
    """The scores of every photo, of failed fits too, and each in its own file."""
    found: list[Scores] = []
    for number, place in enumerate(places, 1):
        for photo, case in enumerate(place.group.cases):
            path = place.scores(case) / SCORES
            say(f"[{number}/{len(places)}] {case.name}: scoring")
            if place.group.name in failed:
                found.append({"case": case.name, "head": case.head, "errors": {"fit": failed[place.group.name]}})
                continue
            scores = json.loads(path.read_text("utf-8")) if reuse and path.is_file() else scorer.score(place, photo)
            path.write_text(json.dumps(scores, indent=1), "utf-8")
            found.append(scores)
    return found


def write_tables(output: Path, found: Sequence[Scores]) -> str:
    """Write ``table.md`` and return it."""
    rows = [row_of(scores) for scores in found]
    alone = [row for row in rows if row.photos == 1]
    blocks = [table.case_table(alone, columns) for columns in (table.SHAPE, table.SKIN, table.LIGHT, table.COST)]
    blocks.insert(3, "\n".join(f"* {sentence}" for sentence in table.sentences(alone)))
    text = "\n\n".join(block for block in blocks if block) + "\n"
    (output / "table.md").write_text(text, "utf-8")
    return text


def write_sheet(output: Path, places: Sequence[Place], found: Sequence[Scores]) -> None:
    """Write ``sheet.jpg``; ``found`` are the scores of every photo of ``places``, in order."""
    shown = [(case, place.scores(case)) for place in places for case in place.group.cases]
    rows = [Shown(case, row_of(scores), folder) for (case, folder), scores in zip(shown, found, strict=True)]
    sheet(rows).save(output / "sheet.jpg", quality=90)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="cases, NAME+NAME for several photos of one person; default: all")
    add("--cases", type=Path, required=True, metavar="FOLDER", help="the benchmark's folder")
    add("--output", type=Path, default=ROOT / "out/benchmark", metavar="FOLDER", help="default: out/benchmark")
    add("--preset", default=presets.DEFAULT_PRESET, choices=presets.preset_names())
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="one setting; may be given again")
    add("--blender", type=Path, metavar="PATH", help="a Python with bpy, or a Blender; default: .venv-blender")
    add("--no-blender", action="store_true", help="no reproduction and no relighting in Cycles")
    add("--samples", type=int, default=64, help="of Cycles, per pixel")
    add("--reuse", choices=("fits", "scores"), help="take the fits, or fits and scores, that are in the output folder")
    return parser.parse_args()


def find_blender(options: argparse.Namespace) -> Path | None:
    """The Python with bpy, or the Blender, for Cycles; None where none is wanted."""
    if options.no_blender:
        return None
    path: Path = options.blender or python_in(ROOT / blender_folder(default_blender()))
    if not path.is_file():
        raise BenchmarkError(f"There is no {path}. Run tools/setup_engine.py --blender, or give --blender PATH.")
    return path


def main() -> int:
    """Fit, score, write; the exit code: 0 when everything was scored."""
    options = parse()
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
    described = {
        "command": shlex.join(sys.argv),
        "machine": f"{platform.system()} {platform.machine()}",
        "settings": settings.to_dict(),
        "cases": found,
    }
    (options.output / "benchmark.json").write_text(json.dumps(described, indent=1), "utf-8")
    say(write_tables(options.output, found))
    write_sheet(options.output, places, found)
    errors = [f"{scores['case']}: {name}: {why}" for scores in found for name, why in scores["errors"].items()]
    print(*errors, sep="\n", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
