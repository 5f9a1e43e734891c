# SPDX-License-Identifier: GPL-3.0-or-later
"""The scores of one photo as one row of numbers, and what is told of many rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Scores = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One photo's scores; None where something was not scored.

    Lengths are mm, ITA is in degrees, PSNR in dB, albedo errors are RMSE of linear values, ``covered`` and the ratio are
    shares. ``benchmark_mean`` and ``bundled_mean`` are the medians of two mean faces, aligned with scale like ``shape``.
    ``photos`` were fitted together; ``seconds`` are a warm worker's, ``stages`` those of the parts of the fit.
    """

    case: str
    head: str
    photos: int = 1
    seconds: float | None = None
    started_seconds: float | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    peak_memory_mb: float | None = None
    shape: float | None = None
    shape_metric: float | None = None
    benchmark_mean: float | None = None
    bundled_mean: float | None = None
    albedo: float | None = None
    albedo_photo: float | None = None
    albedo_constant: float | None = None
    ita_true: float | None = None
    ita_error: float | None = None
    ita_photo: float | None = None
    ita_constant: float | None = None
    engine: float | None = None
    reproduction: float | None = None
    relit: float | None = None
    relit_photo: float | None = None
    relit_constant: float | None = None
    covered: float | None = None

    @property
    def label(self) -> str:
        """The case, and how many photos were fitted together where it was not the only one."""
        return self.case if self.photos == 1 else f"{self.case} of {self.photos}"

    @property
    def best_mean(self) -> float | None:
        """The better of the two mean faces."""
        known = [value for value in (self.benchmark_mean, self.bundled_mean) if value is not None]
        return min(known, default=None)

    @property
    def ratio(self) -> float | None:
        """Median distance as a share of the better mean face's."""
        return None if self.shape is None or not self.best_mean else self.shape / self.best_mean

    @property
    def albedo_beats(self) -> bool | None:
        """Whether the albedo is nearer than both trivial answers."""
        return _below(self.albedo, self.albedo_photo, self.albedo_constant)

    @property
    def relit_beats(self) -> bool | None:
        """Whether the relit picture is nearer than the right constant colour."""
        return _below(self.relit_constant, self.relit)


def _below(value: float | None, *others: float | None) -> bool | None:
    if value is None or any(other is None for other in others):
        return None
    return all(value < other for other in others if other is not None)


def row_of(scores: Scores) -> Row:
    """The row of a scores.json's content; what is missing in it is None."""
    trivial, timing, stages = (_part(scores, name) for name in ("trivial", "timing", "stage_seconds"))
    return Row(
        case=str(scores["case"]),
        head=str(scores.get("head", scores["case"])),
        photos=int(scores.get("photos", 1)),
        seconds=_number(timing, "seconds"),
        started_seconds=_number(timing, "started_seconds"),
        stages={name: float(seconds) for name, seconds in stages.items()},
        peak_memory_mb=_number(timing, "peak_memory_mb"),
        shape=_number(scores, "geometry", "scaled", "median_mm"),
        shape_metric=_number(scores, "geometry", "metric", "median_mm"),
        benchmark_mean=_number(trivial, "mean_face_scale", "median_mm"),
        bundled_mean=_number(scores, "bundled_mean_face", "scaled", "median_mm"),
        albedo=_number(scores, "albedo", "rmse_linear"),
        albedo_photo=_number(trivial, "photo_as_albedo", "rmse_linear"),
        albedo_constant=_number(trivial, "constant_albedo", "rmse_linear"),
        ita_true=_number(scores, "albedo", "ita_gt_deg"),
        ita_error=_number(scores, "albedo", "ita_signed_deg"),
        ita_photo=_number(trivial, "photo_as_albedo", "ita_error_deg"),
        ita_constant=_number(trivial, "constant_albedo", "ita_error_deg"),
        engine=_number(scores, "engine_psnr_db"),
        reproduction=_number(scores, "reproduction", "psnr_db"),
        relit=_number(scores, "relit", "psnr_db"),
        relit_photo=_number(trivial, "photo_as_relit", "psnr_db"),
        relit_constant=_number(trivial, "constant_relit", "psnr_db"),
        covered=_number(scores, "reproduction", "covered"),
    )


def _part(scores: Scores, name: str) -> Scores:
    part = scores.get(name)
    return part if isinstance(part, Mapping) else {}


def _number(scores: Scores, *path: str) -> float | None:
    """The finite number at the end of ``path``; None where the path or the number ends before."""
    value: Any = scores
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def known(values: Iterable[float | None]) -> list[float]:
    """The values that are there."""
    return [value for value in values if value is not None]


def by_head(rows: Iterable[Row], value: Callable[[Row], float | None]) -> dict[str, float]:
    """Head -> median over its photos, for heads of which something is known."""
    heads: dict[str, list[float]] = {}
    for row in rows:
        heads.setdefault(row.head, []).extend(known([value(row)]))
    return {head: float(np.median(found)) for head, found in heads.items() if found}


@dataclass(frozen=True)
class Line:
    """``fitted = slope * true + offset`` by least squares, degrees; ``slope`` is 1 where nothing drifts with the tone."""

    slope: float
    offset: float
    correlation: float


def tone_line(rows: Sequence[Row]) -> Line | None:
    """Fitted ITA against the true one; None unless the rows show two tones at least."""
    pairs = [(r.ita_true, r.ita_true + r.ita_error) for r in rows if r.ita_true is not None and r.ita_error is not None]
    true, fitted = np.array(pairs, float).reshape(-1, 2).T
    # A degree apart at least: two pictures of one skin make no line.
    if len(pairs) < 2 or np.ptp(true) < 1.0:
        return None
    slope, offset = np.polyfit(true, fitted, 1)
    together = float(np.corrcoef(true, fitted)[0, 1]) if np.ptp(fitted) > 0 else 0.0
    return Line(float(slope), float(offset), together)
