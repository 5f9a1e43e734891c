"""How the fit tells of its progress and learns of a cancel, whoever runs it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Reporter(Protocol):
    """Given to the fit by the worker, the shell or a test."""

    def progress(self, stage: str, step: int, steps: int, loss: float | None = None) -> None:
        """Tell that ``step`` of ``steps`` of ``stage`` is done. Raises `Cancelled` if the person asked for the end."""

    def preview(self, image: NDArray[np.uint8]) -> None:
        """Show a picture of the current fit, (H, W, 3) 8-bit sRGB."""

    def warn(self, message: str) -> None:
        """Tell something that does not end the job."""

    def check(self) -> None:
        """Raise `Cancelled` if the person asked for the end. Cheap: call it often."""


class SilentReporter:
    """Reports nothing and is never cancelled."""

    def progress(self, stage: str, step: int, steps: int, loss: float | None = None) -> None:
        """Nothing."""

    def preview(self, image: NDArray[np.uint8]) -> None:
        """Nothing."""

    def warn(self, message: str) -> None:
        """Nothing."""

    def check(self) -> None:
        """Never cancelled."""


class RememberingReporter:
    """Passes everything on and keeps the warnings and the losses, for the written report.

    ``losses``: stage -> its searches -> the loss after each step.
    """

    def __init__(self, told: Reporter) -> None:
        self._told = told
        self._step = 0
        self.warnings: list[str] = []
        self.losses: dict[str, list[list[float]]] = {}

    def progress(self, stage: str, step: int, steps: int, loss: float | None = None) -> None:
        """Passed on; a loss is kept. Where the steps begin anew, so does a search."""
        if loss is not None:
            searches = self.losses.setdefault(stage, [])
            if not searches or step <= self._step:
                searches.append([])
            searches[-1].append(float(loss))
            self._step = step
        self._told.progress(stage, step, steps, loss)

    def preview(self, image: NDArray[np.uint8]) -> None:
        """Passed on."""
        self._told.preview(image)

    def warn(self, message: str) -> None:
        """Kept and passed on."""
        self.warnings.append(message)
        self._told.warn(message)

    def check(self) -> None:
        """Passed on."""
        self._told.check()
