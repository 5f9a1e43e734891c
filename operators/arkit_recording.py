# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads recordings of a face as Live Link Face and its likes write them: a .csv with a column for each ARKit expression."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..engine.errors import EngineError
from .arkit import ARKIT_NAMES

# An hour at 60 frames a second has about 100 MB.
MOST_BYTES = 200_000_000
_NAMES = {name.lower(): name for name in ARKIT_NAMES}
_WANTED = "Choose a .csv file of Live Link Face, whose first line names the ARKit expressions."


@dataclass(frozen=True)
class Recording:
    """A recorded face.

    Attributes:
        names: the ARKit expressions that were recorded, by Apple's names.
        values: (N, names) their values, a row for each recorded frame; 0 to 1.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]


def read_recording(path: Path) -> Recording:
    """The recording in a .csv file; its other columns (time, turns of head and eyes) are passed over.

    Raises:
        EngineError: the file cannot be read, or is no recording.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise EngineError(f"'{path.name}' is too large for a recording.", "Cut it into shorter ones.")
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EngineError(f"'{path.name}' cannot be read.", _WANTED) from error
    head = [_NAMES.get(word.strip().lower(), "") for word in rows[0]] if rows else []
    columns = {name: column for column, name in enumerate(head) if name}
    if not columns:
        raise EngineError(f"'{path.name}' is no recording of a face.", _WANTED)
    return Recording(tuple(columns), _values(path, rows[1:], list(columns.values())))


def _values(path: Path, rows: list[list[str]], columns: list[int]) -> NDArray[np.float32]:
    try:
        values = np.array([[float(row[column]) for column in columns] for row in rows if row], np.float32)
    except (ValueError, IndexError) as error:
        raise EngineError(f"'{path.name}' has a line without all values.", "Record or export it again.") from error
    if not len(values) or not np.isfinite(values).all():
        raise EngineError(f"'{path.name}' has no values that can be used.", "Record or export it again.")
    return np.clip(values, 0.0, 1.0)
