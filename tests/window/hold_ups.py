"""Measures how long the add-on holds up Blender's window: its ticks, its panels' drawing, and building.

Imported inside Blender, before the package.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections import defaultdict


class HoldUps:
    """Milliseconds by what took them."""

    def __init__(self):
        self.times = defaultdict(list)
        self._built = 0.0

    def watch(self):
        """Measure from now on: the press of a button, what modal operators do with each event, every panel, every build."""
        from nextgenface.operators.pump import PumpMixin
        from nextgenface.operators.reconstruct import JobMixin
        from nextgenface.registration import CLASSES

        JobMixin._build = self._build(JobMixin._build)
        PumpMixin.modal = self._event("tick", PumpMixin.modal)
        PumpMixin.invoke = self._event("press", PumpMixin.invoke)
        for kind in CLASSES:
            if "_PT_" in kind.__name__:
                kind.draw = self._draw(kind.__name__, kind.draw)

    @contextlib.contextmanager
    def _measured(self, name):
        begin, built = time.perf_counter(), self._built
        try:
            yield
        finally:
            # A tick that builds is told without that: building has its own bar.
            seconds = time.perf_counter() - begin - (self._built - built)
            self.times[name].append(1000.0 * seconds)

    # Blender counts the arguments of what it calls, so each has them all.

    def _build(self, function):
        def build(operator, context):
            with self._measured("build"):
                end = function(operator, context)
            self._built += self.times["build"][-1] / 1000.0
            return end

        return build

    def _event(self, name, function):
        def take_event(operator, context, event):
            with self._measured(name):
                return function(operator, context, event)

        return take_event

    def _draw(self, name, function):
        def draw(panel, context):
            with self._measured(f"draw {name}"):
                return function(panel, context)

        return draw

    def summary(self):
        """Count, median and worst of each, in milliseconds."""
        return {
            name: {"count": len(times), "median": statistics.median(times), "worst": max(times)}
            for name, times in sorted(self.times.items())
        }
