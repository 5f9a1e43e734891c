"""How something may look on while a stage works. The state is put together only when it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..scene.camera import Camera

State = TypeVar("State")
# Called after every step with a function that gives the state; must not change it.
Watch = Callable[[Callable[[], State]], None]


def nobody(state: Callable[[], Any]) -> None:
    """Does not look."""


@dataclass(frozen=True)
class Stage2State:
    """Stage 2 after a step.

    Attributes:
        vertices: of each photo, (V, 3) mm. cameras: of each photo's crop.
        fields: (V, 5) albedo, specular level, roughness. lights: of each photo, (B, 3).
    """

    vertices: list[NDArray[np.float32]]
    cameras: list[Camera]
    fields: NDArray[np.float32]
    lights: list[NDArray[np.float32]]
