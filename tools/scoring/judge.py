# SPDX-License-Identifier: GPL-3.0-or-later
"""Scores fitted photos, step by step; a step that fails does not keep the others from being taken."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environments import say
from nextgenface.engine.blend import find_builder
from nextgenface.engine.errors import EngineError

from . import scorers
from .cases import Benchmark, BenchmarkError, Case, Group
from .results import FittedPhoto

Scores = dict[str, Any]
Step = Callable[[], Scores]
TIMING, SCORES = "timing.json", "scores.json"
ALBEDO, DISTANCES = "albedo.png", "distances.npz"
# What is drawn and measured anew with each scoring.
PICTURES = (ALBEDO, DISTANCES, *(scorers.shown(name) for name in scorers.RENDERS))


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

    def clear(self) -> None:
        """Remove what an earlier run measured and drew, so that nothing old is taken for new."""
        (self.folder / TIMING).unlink(missing_ok=True)
        for case in self.group.cases:
            for name in (SCORES, *PICTURES):
                (self.scores(case) / name).unlink(missing_ok=True)


def attempt(scores: Scores, name: str, step: Step) -> None:
    """Add what ``step`` finds to ``scores``; where it fails, a line in ``errors``."""
    try:
        scores.update(step())
    except (BenchmarkError, EngineError, OSError) as error:
        scores["errors"][name] = str(error)
    except Exception as error:
        # A fault of this program in one case must not cost the hour that the others take.
        traceback.print_exc()
        scores["errors"][name] = f"{type(error).__name__}: {error}"
    else:
        return
    say(f"    {name}: {scores['errors'][name]}")


@dataclass(frozen=True)
class Scorer:
    """Scores fitted photos."""

    benchmark: Benchmark
    cache: Path
    samples: int
    blender: Path | None

    def described(self, place: Place, case: Case) -> Scores:
        """What is known of a photo without its fit, and an empty list of errors."""
        trivial = self.benchmark.baselines.get(case.name, {})
        return {
            "case": case.name,
            "head": case.head,
            "photos": len(place.group.cases),
            "trivial": trivial,
            "errors": {},
        }

    def score(self, place: Place, number: int) -> Scores:
        """All scores of photo ``number``; a step that fails leaves a line in ``errors``."""
        case = place.group.cases[number]
        folder = place.scores(case)
        folder.mkdir(parents=True, exist_ok=True)
        for name in PICTURES:
            (folder / name).unlink(missing_ok=True)
        scores = self.described(place, case)
        attempt(scores, "result", lambda: self._fit(place, number))
        for name, step in self._steps(place, case, number).items():
            attempt(scores, name, step)
        return scores

    def _steps(self, place: Place, case: Case, number: int) -> dict[str, Step]:
        fitted = FittedPhoto(place.result, number)
        folder = place.scores(case)
        steps: dict[str, Step] = {
            "shape": lambda: self._shape(case, fitted, folder),
            "albedo": lambda: self._albedo(case, fitted, folder),
        }
        if self.blender is not None:
            blender = self.blender
            steps["Cycles"] = lambda: self._cycles(case, fitted, folder, blender)
        return steps

    def _fit(self, place: Place, number: int) -> Scores:
        report = FittedPhoto(place.result, number).report
        return {
            "timing": json.loads((place.folder / TIMING).read_text("utf-8")),
            "stage_seconds": report["seconds"],
            "engine_psnr_db": report["reproduction_psnr_db"],
        }

    def _shape(self, case: Case, fitted: FittedPhoto, folder: Path) -> Scores:
        landmarks = folder / "landmarks.json"
        fitted.write_landmarks(landmarks)
        scores = scorers.geometry(self.benchmark, case, fitted.mesh, landmarks, folder / DISTANCES)
        mean = scorers.mean_face(self.benchmark, case, fitted.result.face_model, self.cache)
        return {"geometry": scores, "bundled_mean_face": mean}

    def _albedo(self, case: Case, fitted: FittedPhoto, folder: Path) -> Scores:
        picture = folder / ALBEDO
        fitted.write_albedo(picture)
        return {"albedo": scorers.albedo(self.benchmark, case, picture)}

    def _cycles(self, case: Case, fitted: FittedPhoto, folder: Path, blender: Path) -> Scores:
        file = folder / "head.blend"
        find_builder(blender).build(fitted.alone(), file)
        scorers.render(self.benchmark, case, file, folder, self.samples, blender)
        return {name: scorers.picture(self.benchmark, case, name, folder) for name in scorers.RENDERS}
