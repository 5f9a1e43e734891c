"""From "step 30 of 160 of stage 2" to a fraction of the whole, the seconds left, and words. Standard library only."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

# Shares of a run's time with the default preset, of thirteen photos on two processor cores (docs/benchmark.md). A stage that is
# not here counts with the share below.
STAGE_SHARES: Mapping[str, float] = {
    "start": 0.03,
    "photos": 0.01,
    "landmarks": 0.01,
    "stage1": 0.01,
    "stage2": 0.24,
    "stage3": 0.37,
    "textures": 0.06,
    "render": 0.25,
    "write": 0.02,
}
_UNKNOWN_SHARE = 0.02
# What each stage does, for people.
STAGE_NAMES: Mapping[str, str] = {
    "start": "Starting the engine",
    "check": "Checking the engine",
    "photos": "Reading the photo",
    "landmarks": "Finding the face",
    "stage1": "Head and pose",
    "stage2": "Light, skin and shape",
    "stage3": "Fine textures",
    "textures": "Making the maps",
    "render": "Final render",
    "write": "Writing files",
}
# Before this much has happened a forecast is a guess and is not told.
_LEAST_SECONDS, _LEAST_FRACTION = 2.0, 0.02


def stage_name(stage: str) -> str:
    """What a stage does, for people; an unknown one's own name."""
    return STAGE_NAMES.get(stage, stage.replace("_", " ").capitalize())


def duration(seconds: float) -> str:
    """A time for people, such as "12 s" or "3 min 5 s"; nothing is shorter than 0 s."""
    whole = round(max(seconds, 0.0))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


class ProgressMeter:
    """Fraction and time left of one job. The fraction never falls, whatever order the stages come in."""

    def __init__(self, shares: Mapping[str, float] = STAGE_SHARES, clock: Callable[[], float] = time.monotonic) -> None:
        self._shares = dict(shares)
        self._clock = clock
        self._begin = clock()
        self._done: dict[str, float] = {}
        self._stage = ""
        self._fraction = 0.0

    def update(self, stage: str, step: int, steps: int) -> float:
        """Note that ``step`` of ``steps`` of ``stage`` is done; the fraction of the whole in [0, 1].

        Stages that come before ``stage`` in the list of shares count as done: they were skipped or have ended.
        """
        if stage not in self._shares:
            self._insert(stage)
        self._stage = stage
        for earlier in self._shares:
            if earlier == stage:
                break
            self._done[earlier] = 1.0
        within = min(max(step / steps, 0.0), 1.0) if steps > 0 else 0.0
        self._done[stage] = max(within, self._done.get(stage, 0.0))
        total = sum(self._shares.values())
        done = sum(share * self._done.get(name, 0.0) for name, share in self._shares.items())
        self._fraction = min(max(self._fraction, done / total), 1.0)
        return self._fraction

    def _insert(self, stage: str) -> None:
        """Give an unknown stage its place behind the present one."""
        order = list(self._shares)
        order.insert(order.index(self._stage) + 1 if self._stage else 0, stage)
        self._shares = {name: self._shares.get(name, _UNKNOWN_SHARE) for name in order}

    def seconds_left(self) -> float:
        """Seconds until the end at the mean pace so far; -1 while it is too early to say."""
        elapsed = self._clock() - self._begin
        if elapsed < _LEAST_SECONDS or self._fraction < _LEAST_FRACTION:
            return -1.0
        return elapsed * (1.0 - self._fraction) / self._fraction
