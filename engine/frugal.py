"""Does a fit again with less where memory runs out, and says so. Standard library only."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .memory import is_out_of_memory, release_memory
from .progress import stage_name
from .settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .reporter import Reporter

LEAST_FIT_SIZE, LEAST_TEXTURE_SIZE = 128, 256
# Where the maps are what takes the memory.
_MAP_STAGES = ("stage3", "textures", "render", "write")
# A fit with these settings, a reporter, and the sentences that its report begins with.
Fit = Callable[[Settings, "Reporter", Sequence[str]], Path]


def frugally(fit: Fit, settings: Settings, reporter: Reporter) -> Path:
    """What ``fit`` returns. Each time memory runs out it is called again with one size halved, down to the least ones.

    Raises:
        MemoryError: or another error of the same meaning, where the least sizes are too large still.
    """
    notes: list[str] = []
    while True:
        watched = _StageReporter(reporter)
        try:
            return fit(settings, watched, notes)
        except Exception as error:
            smaller = halved(settings, watched.stage) if is_out_of_memory(error) else None
            if smaller is None:
                raise
        # Only here: the error held on to all that the fit had.
        release_memory()
        notes.append(_told(settings, smaller, watched.stage))
        reporter.warn(notes[-1])
        settings = smaller


def halved(settings: Settings, stage: str) -> Settings | None:
    """``settings`` with the size halved that ``stage`` needs most memory for; None where nothing is left to halve."""
    least = {"fit_size": LEAST_FIT_SIZE, "texture_size": LEAST_TEXTURE_SIZE}
    order = ("texture_size", "fit_size") if stage in _MAP_STAGES else ("fit_size", "texture_size")
    for name in order:
        size = getattr(settings, name)
        if size > least[name]:
            return dataclasses.replace(settings, **{name: max(size // 2, least[name])})
    return None


def _told(before: Settings, after: Settings, stage: str) -> str:
    what, names = f"Memory ran out ({stage_name(stage)})", ("fit_size", "texture_size")
    (name,) = (name for name in names if getattr(before, name) != getattr(after, name))
    return f"{what}: {name} is halved from {getattr(before, name)} to {getattr(after, name)}, and it begins again."


class _StageReporter:
    """Passes everything on and knows the stage."""

    def __init__(self, told: Reporter) -> None:
        self._told = told
        self.stage = "start"

    def progress(self, stage: str, step: int, steps: int, loss: float | None = None) -> None:
        """Kept and passed on."""
        self.stage = stage
        self._told.progress(stage, step, steps, loss)

    def preview(self, image: NDArray[np.uint8]) -> None:
        """Passed on."""
        self._told.preview(image)

    def warn(self, message: str) -> None:
        """Passed on."""
        self._told.warn(message)

    def check(self) -> None:
        """Passed on."""
        self._told.check()
