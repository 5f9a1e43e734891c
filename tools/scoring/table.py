# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of scores as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from .rows import Row, by_head, known, tone_line

Value = Callable[[Row], float | None]
NOTHING = "-"
_ABSENT = Row("", "")


@dataclass(frozen=True)
class Column:
    """A column: its title, what stands in it, digits, and whether more is better (None: it is no score, so no mean)."""

    title: str
    value: Value
    digits: int = 2
    more_is_better: bool | None = False
    signed: bool = False
    factor: float = 1.0

    def text(self, value: float | None) -> str:
        """The value as it stands in the table."""
        if value is None:
            return NOTHING
        return f"{value * self.factor:{'+' if self.signed else ''}.{self.digits}f}"

    def worst(self, values: Sequence[float]) -> float:
        """The worst of some values; of a signed one, the furthest from 0."""
        if self.signed:
            return max(values, key=abs)
        return min(values) if self.more_is_better else max(values)


SHAPE = (
    Column("shape, mm", lambda row: row.shape),
    Column("benchmark's mean face", lambda row: row.benchmark_mean),
    Column("bundled mean face", lambda row: row.bundled_mean),
    Column("ratio to the better", lambda row: row.ratio),
    Column("shape without scale", lambda row: row.shape_metric),
)
SKIN = (
    Column("albedo RMSE", lambda row: row.albedo, 3),
    Column("photo as albedo", lambda row: row.albedo_photo, 3),
    Column("constant skin", lambda row: row.albedo_constant, 3),
    Column("true ITA", lambda row: row.ita_true, 0, None),
    Column("ITA error", lambda row: row.ita_error, 1, signed=True),
    Column("of the photo", lambda row: row.ita_photo, 0),
    Column("of the constant", lambda row: row.ita_constant, 0),
)
LIGHT = (
    Column("reproduction, dB", lambda row: row.reproduction, 1, more_is_better=True),
    Column("in the engine, its own mask", lambda row: row.engine, 1, more_is_better=True),
    Column("relit, dB", lambda row: row.relit, 1, more_is_better=True),
    Column("photo not relit", lambda row: row.relit_photo, 1, more_is_better=True),
    Column("right constant", lambda row: row.relit_constant, 1, more_is_better=True),
    Column("covered, %", lambda row: row.covered, 1, more_is_better=True, factor=100.0),
)
COST = (
    Column("seconds, warm", lambda row: row.seconds, 1),
    Column("with start-up", lambda row: row.started_seconds, 1),
    Column("peak memory, MB", lambda row: row.peak_memory_mb, 0),
)


def markdown(cells: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its head."""
    head, *body = ("| " + " | ".join(row) + " |" for row in cells)
    return "\n".join([head, "| " + " | ".join(["---"] * len(cells[0])) + " |", *body])


def case_table(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    """Every row, then median, mean and worst of each column of scores."""
    cells = [["case", *(column.title for column in columns)]]
    cells += [[row.label, *(column.text(column.value(row)) for column in columns)] for row in rows]
    told: dict[str, Callable[[Column, list[float]], float]] = {
        "median": lambda _, values: float(np.median(values)),
        "mean": lambda _, values: float(np.mean(values)),
        "worst": lambda column, values: column.worst(values),
    }
    cells += [[name, *(_told(column, rows, tell) for column in columns)] for name, tell in told.items()]
    return markdown(cells)


def _told(column: Column, rows: Sequence[Row], tell: Callable[[Column, list[float]], float]) -> str:
    values = known(column.value(row) for row in rows)
    return NOTHING if not values or column.more_is_better is None else column.text(tell(column, values))


def stage_columns(rows: Sequence[Row]) -> list[Column]:
    """A column of seconds for each part of the fit, in their order."""
    names = dict.fromkeys(name for row in rows for name in row.stages)
    return [Column(name, partial(_stage, name=name)) for name in names]


def _stage(row: Row, name: str) -> float | None:
    return row.stages.get(name)


def together_table(rows: Sequence[Row]) -> str:
    """Photos of one person fitted together, each beside the same photo fitted alone; empty where there are none."""
    alone = {row.case: row for row in rows if row.photos == 1}
    columns = (SHAPE[0], SHAPE[3], SKIN[0], SKIN[4], LIGHT[0], LIGHT[2], COST[0], COST[2])
    cells = [["case", *(f"{column.title}: together, alone" for column in columns)]]
    for row in (row for row in rows if row.photos > 1):
        both = [(column, column.value(row), column.value(alone.get(row.case, _ABSENT))) for column in columns]
        cells.append([row.label, *(f"{column.text(one)}, {column.text(other)}" for column, one, other in both)])
    return markdown(cells) if len(cells) > 1 else ""


def report(rows: Sequence[Row]) -> str:
    """All tables. Medians, means and sentences are of the photos that were fitted alone."""
    alone = [row for row in rows if row.photos == 1]
    blocks = [together_table(rows)]
    if alone:
        scores = [case_table(alone, columns) for columns in (SHAPE, SKIN, LIGHT)]
        told = "\n".join(f"* {sentence}" for sentence in sentences(alone))
        blocks = [*scores, told, *blocks, case_table(alone, (*COST, *stage_columns(alone)))]
    return "\n\n".join(block for block in blocks if block) + "\n"


def sentences(rows: Sequence[Row]) -> list[str]:
    """What the tables cannot say in a cell: medians over heads, counts, the drift with tone."""
    return [
        sentence
        for sentence in (
            _heads(rows),
            _albedo(rows),
            _tone(rows),
            _drift(rows),
            _relit(rows),
            _reproduction(rows),
        )
        if sentence
    ]


def _heads(rows: Sequence[Row]) -> str:
    ratios = by_head(rows, lambda row: row.ratio)
    if not ratios:
        return ""
    worst = max(ratios, key=lambda head: ratios[head])
    behind = sorted(row.case for row in rows if row.ratio is not None and row.ratio > 1.0)
    return (
        f"Shape: {np.median(list(ratios.values())):.2f} of the better mean face on the median head, "
        f"{ratios[worst]:.2f} on the worst ({worst}); worse than it: {', '.join(behind) or 'none'}."
    )


def _albedo(rows: Sequence[Row]) -> str:
    values, beats = known(row.albedo for row in rows), [row.albedo_beats for row in rows]
    if not values:
        return ""
    return (
        f"Albedo: mean RMSE {np.mean(values):.3f}; below both trivial answers in "
        f"{beats.count(True)} of {len(beats) - beats.count(None)} cases."
    )


def _tone(rows: Sequence[Row]) -> str:
    errors = known(row.ita_error for row in rows)
    if not errors:
        return ""
    sizes = np.abs(errors)
    return f"Tone: ITA error of {np.median(sizes):.1f} degrees at the median, {sizes.max():.1f} at worst."


def _drift(rows: Sequence[Row]) -> str:
    line = tone_line(rows)
    if line is None:
        return ""
    return (
        f"Drift with tone: fitted ITA = {line.slope:.2f} x true ITA {line.offset:+.1f} degrees "
        f"(correlation {line.correlation:.2f}; without drift the factor is 1)."
    )


def _relit(rows: Sequence[Row]) -> str:
    values, beats = known(row.relit for row in rows), [row.relit_beats for row in rows]
    if not values:
        return ""
    return (
        f"Relit: mean {np.mean(values):.1f} dB; above the right constant colour in "
        f"{beats.count(True)} of {len(beats) - beats.count(None)} cases."
    )


def _reproduction(rows: Sequence[Row]) -> str:
    values = known(row.reproduction for row in rows)
    return f"Reproduction: {min(values):.1f} dB at worst, {np.mean(values):.1f} dB on average." if values else ""
