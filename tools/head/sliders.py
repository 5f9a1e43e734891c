"""MakeHuman's detail targets as sliders: one to each pair of opposites, left and right apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .cut import Cut
from .source import Array, Source

FOLDERS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "chin", "cheek", "ears", "neck")
# The word that ends a target's name -> the one that ends its opposite's.
OPPOSITE = {
    "incr": "decr",
    "up": "down",
    "out": "in",
    "forward": "backward",
    "convex": "concave",
    "uncompress": "compress",
}
# These move or turn the head as a whole on the neck; the rigid alignment would take them out again.
RIGID = ("head-trans", "head-angle", "neck-trans")


@dataclass(frozen=True)
class Slider:
    """One degree of freedom: value v adds v x ``more`` where v > 0 and -v x ``less`` where v < 0.

    ``name`` is that of the target ``more`` without its folder. ``less`` is None for a target without an opposite, whose value
    is never negative. ``side`` is "l", "r" or "".
    """

    name: str
    more: str
    less: str | None
    side: str


def detail_sliders(source: Source) -> list[Slider]:
    """All sliders of the head's detail targets, by folder and name."""
    return [slider for folder in FOLDERS for slider in _folder_sliders(folder, source.names(folder))]


def asymmetry_sliders(source: Source) -> list[Slider]:
    """MakeHuman's asymmetry targets of the head: each pulls one side, and its -l and -r are opposites."""
    names = [n for n in source.names("asym") if n.startswith("asym-") and n.endswith("-l")]
    return [Slider(n[:-2], f"asym/{n}", f"asym/{n[:-2]}-r", "") for n in names]


class SliderTargets:
    """The targets of a list of sliders, cut to the head: ``more`` and ``less`` are (S, V, 3) mm."""

    def __init__(self, sliders: list[Slider], source: Source, cut: Cut) -> None:
        self.sliders = sliders
        self.more = np.stack([cut.gather(source.target(s.more)) for s in sliders])
        zero = np.zeros_like(self.more[0])
        self.less = np.stack([zero if s.less is None else cut.gather(source.target(s.less)) for s in sliders])

    def deltas(self, values: Array) -> Array:
        """(n, V, 3) mm for (n, S) slider values."""
        return np.tensordot(np.maximum(values, 0), self.more, 1) + np.tensordot(np.maximum(-values, 0), self.less, 1)

    def slopes(self) -> Array:
        """(S, V, 3) mm per unit: the mean slope of the two sides."""
        sided = np.array([s.less is not None for s in self.sliders])[:, None, None]
        return np.where(sided, (self.more - self.less) / 2, self.more)


def _folder_sliders(folder: str, names: list[str]) -> list[Slider]:
    """Sliders of one folder of targets."""
    found = []
    negatives = set(OPPOSITE.values())
    for name in names:
        stem, _, end = name.rpartition("-")
        if name.startswith(RIGID) or end in negatives:
            continue
        side = name[0] if name[:2] in ("l-", "r-") else ""
        other = f"{stem}-{OPPOSITE[end]}" if end in OPPOSITE else None
        found.append(Slider(name, f"{folder}/{name}", other and f"{folder}/{other}", side))
    return found
