# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving the points of one photo by hand: what events do, with a history of its own. Knows no Blender."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from ..engine.hints import PlacedPoint
from .landmark_maths import View, falloff, nearest

# How near the mouse must be, in pixels at UI scale 1.
REACH = 14.0
# How far neighbours follow, in heights of the face.
RADIUS, LEAST_RADIUS, MOST_RADIUS, STEP = 0.12, 0.01, 0.6, 1.15
# Who follows less does not count as placed, or the whole face would in the end.
_LEAST_SURE = 0.05


class Answer(Enum):
    """What became of an event."""

    PASS = "pass"
    USED = "used"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Points:
    """Places (N, 2) and sureness (N,): 0 where the detector's place is kept. Never changed, only replaced."""

    places: np.ndarray
    sureness: np.ndarray


class Editing:
    """The points of one photo while they are moved.

    Attributes:
        found: (N, 2) where the detector has them.
        now: where they are.
        radius: within which neighbours follow, in heights of the face.
    """

    def __init__(self, found: np.ndarray, placed: dict[int, PlacedPoint], width: int, height: int) -> None:
        """Begin with what was ``placed`` before, in a photo of ``width`` x ``height`` pixels."""
        self.found, self.radius = found, RADIUS
        self._size = np.array([width, height], np.float64)
        places, sureness = found.copy(), np.zeros(len(found))
        for number, point in placed.items():
            if number < len(found):
                places[number], sureness[number] = (point.x, point.y), point.sureness
        self.now = Points(places, sureness)
        self._past: list[Points] = []
        self._future: list[Points] = []
        self._start: Points | None = None
        self._grabbed, self._offset = -1, np.zeros(2)

    @property
    def is_dragging(self) -> bool:
        """While a point is held."""
        return self._start is not None

    @property
    def is_changed(self) -> bool:
        """Whether there is something to take back."""
        return bool(self._past)

    @property
    def reach(self) -> float:
        """The radius in pixels of the photo."""
        return self.radius * float(np.ptp(self.found[:, 1] * self._size[1]))

    def placed(self) -> dict[int, PlacedPoint]:
        """All points that were moved."""
        return {
            int(n): PlacedPoint(*map(float, self.now.places[n]), float(self.now.sureness[n]))
            for n in np.flatnonzero(self.now.sureness)
        }

    def around(self, number: int) -> np.ndarray:
        """(N,) how far each point follows the point ``number``."""
        start = self._start or self.now
        gap = (start.places - start.places[number]) * self._size
        weight = falloff(np.linalg.norm(gap, axis=1), self.reach)
        return np.where(weight >= _LEAST_SURE, weight, 0.0)

    def grab(self, number: int) -> None:
        """Take hold of a point."""
        self._start, self._grabbed, self._offset = self.now, number, np.zeros(2)

    def drag(self, offset: np.ndarray) -> None:
        """Hold it ``offset`` (2,) from where it was; neighbours follow."""
        assert self._start is not None
        self._offset = np.asarray(offset, np.float64)
        weight = self.around(self._grabbed)
        places = np.clip(self._start.places + weight[:, None] * self._offset, -0.99, 1.99)
        self.now = Points(places, np.maximum(self._start.sureness, weight))

    def widen(self, factor: float) -> None:
        """Change the radius, also of the drag that is going on."""
        self.radius = float(np.clip(self.radius * factor, LEAST_RADIUS, MOST_RADIUS))
        if self._start is not None and self._offset.any():
            self.drag(self._offset)

    def drop(self) -> None:
        """Let go where it is; a point that was not moved has not been placed."""
        start, self._start = self._start, None
        if start is not None and self._offset.any():
            self._remember(start)
        elif start is not None:
            self.now = start

    def put_back(self) -> None:
        """Let go, as if nothing had been moved."""
        if self._start is not None:
            self.now, self._start = self._start, None

    def reset(self, which: np.ndarray) -> None:
        """Put the points ``which`` (N,) bool back to where the detector has them."""
        if not self.now.sureness[which].any():
            return
        self._remember(self.now)
        places = np.where(which[:, None], self.found, self.now.places)
        self.now = Points(places, np.where(which, 0.0, self.now.sureness))

    def undo(self) -> bool:
        """Take back the latest change; False where there is none."""
        return self._step(self._past, self._future)

    def redo(self) -> bool:
        """Make it again."""
        return self._step(self._future, self._past)

    def _step(self, source: list[Points], target: list[Points]) -> bool:
        if not source or self.is_dragging:
            return False
        target.append(self.now)
        self.now = source.pop()
        return True

    def _remember(self, before: Points) -> None:
        self._past.append(before)
        self._future.clear()


class Editor:
    """What mouse and keyboard do to an `Editing`.

    Attributes:
        hovered: the point under the mouse, -1: none.
        visible: whether all points are shown, or the contours alone.
    """

    def __init__(self, editing: Editing, scale: float = 1.0) -> None:
        """``scale`` is the interface's."""
        self.editing, self.hovered, self.visible = editing, -1, True
        self._reach = REACH * scale
        self._from = np.zeros(2)

    def handle(self, event: Any, view: View, inside: bool) -> Answer:
        """React to one of Blender's events, seen in ``view``; ``inside``: the mouse is over the region."""
        mouse = np.array([event.mouse_region_x, event.mouse_region_y], np.float64)
        if self.editing.is_dragging:
            return self._while_dragging(event, view, mouse)
        if not inside:
            return Answer.PASS
        if event.type == "MOUSEMOVE":
            self.hovered = nearest(view.to_region(self.editing.now.places), mouse, self._reach)
            return Answer.PASS
        if event.type == "LEFTMOUSE" and event.value == "PRESS" and self.hovered >= 0:
            self._from = mouse
            self.editing.grab(self.hovered)
            return Answer.USED
        return self._key(event) if event.value == "PRESS" else Answer.PASS

    def _while_dragging(self, event: Any, view: View, mouse: np.ndarray) -> Answer:
        if event.type == "MOUSEMOVE":
            self.editing.drag(view.to_photo(mouse) - view.to_photo(self._from))
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            self.editing.drop()
        elif event.type in ("ESC", "RIGHTMOUSE") and event.value == "PRESS":
            self.editing.put_back()
        elif event.type in ("WHEELUPMOUSE", "NUMPAD_PLUS", "PAGE_UP"):
            self.editing.widen(1.0 / STEP)
        elif event.type in ("WHEELDOWNMOUSE", "NUMPAD_MINUS", "PAGE_DOWN"):
            self.editing.widen(STEP)
        return Answer.USED

    def _key(self, event: Any) -> Answer:
        if event.type in ("RET", "NUMPAD_ENTER"):
            return Answer.DONE
        if event.type in ("ESC", "RIGHTMOUSE"):
            return Answer.CANCELLED
        if event.type == "Z" and (event.ctrl or event.oskey):
            _ = self.editing.redo() if event.shift else self.editing.undo()
        elif event.type == "H":
            self.visible = not self.visible
        elif event.type in ("BACK_SPACE", "DEL"):
            self._reset(everything=event.shift)
        else:
            return Answer.PASS
        return Answer.USED

    def _reset(self, everything: bool) -> None:
        """All points, or the one under the mouse and those that would follow it."""
        if everything:
            self.editing.reset(np.ones(len(self.editing.found), bool))
        elif self.hovered >= 0:
            self.editing.reset(self.editing.around(self.hovered) > 0.0)
