"""MakeHuman's macro targets: how ancestry, sex, age, muscle, weight and height add up to a head."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from .cut import Cut
from .source import Array, Source

ANCESTRIES = ("african", "asian", "caucasian")
SEXES = ("female", "male")
AGES = ("young", "old")
LEVELS = ("min", "average", "max")
HEIGHTS = ("minheight", "maxheight")
# MakeHuman's anchors: 'young' is 25 years, 'old' is 90. Adults under 25 are taken as 'young'.
YOUNG_YEARS, OLD_YEARS = 25.0, 90.0


@dataclass(frozen=True)
class People:
    """What macro targets need to know of n people: all (n,), ``ancestry`` (n, 3) with rows that sum to 1.

    ``male``, ``muscle``, ``weight`` and ``height`` run from 0 to 1 with the average at 0.5, ``years`` is the age.
    """

    ancestry: Array
    male: Array
    years: Array
    muscle: Array
    weight: Array
    height: Array


def average_person() -> People:
    """The adult that the sampling is centred on: equal ancestries and sexes, about 43 years."""
    half = np.array([0.5])
    return People(np.full((1, 3), 1 / 3), half, np.array([43.0]), half, half, half)


class MacroTargets:
    """All macro targets of adults, cut to the head."""

    def __init__(self, source: Source, cut: Cut) -> None:
        names = ["-".join(n) for n in product(ANCESTRIES, SEXES, AGES)]
        bodies = [f"{s}-{a}-{m}muscle-{w}weight" for s, a, m, w in product(SEXES, AGES, LEVELS, LEVELS)]
        names += [f"universal-{body}" for body in bodies]
        names += [f"height/{body}-{height}" for body, height in product(bodies, HEIGHTS)]
        self.basis = np.stack([cut.gather(source.target(f"macrodetails/{name}")) for name in names])

    def weights(self, people: People) -> Array:
        """(n, targets): each target's weight is the product of its words' weights, as in MakeHuman."""
        old = np.clip((people.years - YOUNG_YEARS) / (OLD_YEARS - YOUNG_YEARS), 0.0, 1.0)
        sex = np.stack([1.0 - people.male, people.male], 1)
        age = np.stack([1.0 - old, old], 1)
        muscle, weight = _levels(people.muscle), _levels(people.weight)
        body = np.einsum("ns,na,nm,nw->nsamw", sex, age, muscle, weight).reshape(len(sex), -1)
        height = np.stack([np.clip(1.0 - 2.0 * people.height, 0, 1), np.clip(2.0 * people.height - 1.0, 0, 1)], 1)
        ancestral = np.einsum("nr,ns,na->nrsa", people.ancestry, sex, age).reshape(len(sex), -1)
        tall = np.einsum("nb,nh->nbh", body, height).reshape(len(sex), -1)
        return np.concatenate([ancestral, body, tall], 1)

    def deltas(self, people: People) -> Array:
        """(n, V, 3) mm to add to hm08."""
        return np.tensordot(self.weights(people), self.basis, 1)


def _levels(value: Array) -> Array:
    """(n, 3) weights of minimum, average, maximum for values in [0, 1]."""
    low = np.clip(1.0 - 2.0 * value, 0.0, 1.0)
    high = np.clip(2.0 * value - 1.0, 0.0, 1.0)
    return np.stack([low, 1.0 - low - high, high], 1)
