# SPDX-License-Identifier: GPL-3.0-or-later
"""How near stages 1 and 2 come to the truth of drawn portraits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from nextgenface.engine.errors import EngineError
from nextgenface.engine.faces.model import FaceModel
from nextgenface.engine.faces.skin_optics import ita_degrees
from nextgenface.engine.fit.photo_run import PhotoRun
from nextgenface.engine.fit.prepare import prepare_photo
from nextgenface.engine.fit.stage1 import fit_landmarks, observe
from nextgenface.engine.fit.stage2 import fit_statistical
from nextgenface.engine.reporter import SilentReporter
from nextgenface.engine.settings import Settings
from numpy.typing import NDArray

from .portrait import PHOTO, TRUTH

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """Of one portrait: true and found ITA in degrees, the median distance of corresponding vertices of the face after a similarity, mm,
    the power of the tone curve, the light's kind, the kind of spectacles worn ("": none), and whether any were found.
    """

    name: str
    true_ita: float
    ita: float
    shape_mm: float
    power: float
    light: str
    worn: str
    found: bool


def score(folder: Path, model: FaceModel, settings: Settings) -> Score:
    """Fit ``folder``'s portrait. Raises EngineError where no face is found."""
    reporter = SilentReporter()
    prepared = prepare_photo(folder / PHOTO, settings, reporter)
    first = fit_landmarks(model, [observe(prepared.photo, prepared.face, settings, 0.0)], settings, reporter)
    identity, photo = first.identity.astype(np.float32), PhotoRun(model, prepared, settings, reporter)
    (seen,) = first.photos
    photo.look_for_spectacles(model.vertices(identity, seen.expression.astype(np.float32)), seen.camera)
    found = photo.spectacles is not None
    (second,) = fit_statistical(model, identity, [photo.observation(seen)], settings, reporter)
    face = model.regions["face"] > 0.5
    albedo = second.reflectance.albedo()[torch.from_numpy(face)].mean(0).double().numpy()
    with np.load(folder / TRUTH) as truth:
        return Score(
            name=folder.name,
            true_ita=float(truth["ita"]),
            ita=float(ita_degrees(albedo)),
            shape_mm=distance(second.vertices[face].astype(np.float64), truth["vertices"][face].astype(np.float64)),
            power=second.tone_curve,
            light=str(truth["light"]),
            worn=str(truth["spectacles"]),
            found=found,
        )


def distance(found: Floats, true: Floats) -> float:
    """Median mm between corresponding points (N, 3), once ``found`` is laid on ``true`` by the best similarity (Umeyama 1991)."""
    moved, there = found - found.mean(0), true - true.mean(0)
    left, spread, right = np.linalg.svd(moved.T @ there)
    handed = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    scale = float((spread * handed).sum() / (moved**2).sum())
    laid = scale * moved @ (left * handed) @ right
    return float(np.median(np.linalg.norm(laid - there, axis=1)))


def score_all(folders: Sequence[Path], model: FaceModel, settings: Settings, say: Callable[[str], None]) -> list[Score]:
    """Of every portrait that shows a face; the others are told."""
    scores = []
    for folder in folders:
        try:
            scores.append(score(folder, model, settings))
        except EngineError as error:
            say(f"{folder.name}: {error.message}")
            continue
        last = scores[-1]
        say(
            f"{last.name}: ITA {last.ita:.0f} for {last.true_ita:.0f} degrees, shape {last.shape_mm:.2f} mm, power {last.power:.2f}"
        )
    return scores


def summary(scores: Sequence[Score]) -> list[str]:
    """Lines of text that tell the figures of all ``scores``, at least two."""
    true, found = np.array([s.true_ita for s in scores]), np.array([s.ita for s in scores])
    error = np.abs(found - true)
    slope = float(np.polyfit(true, found, 1)[0])
    lines = [
        f"{len(scores)} portraits",
        f"Tone: ITA error of {error.mean():.1f} degrees in the mean, {np.median(error):.1f} at the median, {error.max():.0f} at worst; "
        f"{(found - true).mean():+.1f} on average; factor {slope:.2f}.",
        f"Shape: {np.mean([s.shape_mm for s in scores]):.2f} mm in the mean of the medians.",
        f"Tone curve: powers of {min(s.power for s in scores):.2f} to {max(s.power for s in scores):.2f}, "
        f"{np.mean([s.power for s in scores]):.2f} in the mean.",
    ]
    for kind in sorted({s.light for s in scores}):
        lines.append(f"  {kind}: ITA error of {error[[s.light == kind for s in scores]].mean():.1f} degrees")
    worn = [s for s in scores if s.worn]
    bare = [s for s in scores if not s.worn]
    for part, name in ((worn, "wear spectacles"), (bare, "wear none")):
        if part:
            lines.append(f"Spectacles: found on {sum(s.found for s in part)} of {len(part)} that {name}.")
    for kind in sorted({s.worn for s in worn}):
        of_kind = [s for s in worn if s.worn == kind]
        lines.append(f"  {kind}: {sum(s.found for s in of_kind)} of {len(of_kind)}")
    return lines
