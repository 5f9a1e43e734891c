"""The whole way, with less where memory runs out: what the worker and the Python interface call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..frugal import frugally
from ..reporter import Reporter
from ..settings import Settings
from . import pipeline


def reconstruct(photos: list[Path], output: Path, settings: Settings, reporter: Reporter, *others: Any) -> Path:
    """`pipeline.reconstruct`, begun again with a size halved each time that memory runs out; the report says so.

    ``others`` are its further arguments.
    """

    def fit(asked: Settings, told: Reporter, notes: Sequence[str]) -> Path:
        return pipeline.reconstruct(photos, output, asked, told, *others, notes=notes)

    return frugally(fit, settings, reporter)
