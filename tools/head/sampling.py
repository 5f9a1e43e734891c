"""Draws plausible adult heads."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .cut import Cut
from .macro import MacroTargets, People, average_person
from .sliders import Slider, SliderTargets, asymmetry_sliders, detail_sliders
from .source import Array, BaseMesh, Source

SEED = 20240901
# How far left and right sliders of one person go their own ways, as a part of their common standard deviation.
SIDE_SHARE = 0.25
# Sideways shifts of nose, mouth and neck are asymmetries too.
SIDEWAYS = ("nose-trans-out", "mouth-trans-out")
ASYMMETRY_SD = 0.12
# MakeHuman's macro targets let the head's size run far beyond people's, so it is taken out of them and drawn by itself. Lengths
# of the head correlate by about 0.4 at standard deviations of about 5 %: 0.05 x sqrt(0.4) is about 0.03, of which the difference
# between men and women, 5 % in the NIOSH survey's lengths, is a part.
SIZE_SD, SEX_SIZE = 0.026, 0.05
# By the sliders' folder. Mouth and nose have two dozen sliders each, so that each of theirs moves little.
FIRST_SPREAD = {
    "head": 0.14,
    "forehead": 0.12,
    "eyebrows": 0.25,
    "eyes": 0.2,
    "nose": 0.17,
    "mouth": 0.15,
    "chin": 0.22,
    "cheek": 0.25,
    "ears": 0.2,
    "neck": 0.15,
}
# No slider goes beyond this multiple of MakeHuman's own end.
LIMIT = 1.3


@dataclass
class Generator:
    """Everything that a head can be made of.

    ``scale`` takes hm08's size to people's, ``offset`` (D,) is the slider setting of the average head and ``spread`` (D,) the
    sliders' standard deviations. Heads also differ in size as a whole.
    """

    base: Array
    macro: MacroTargets
    details: SliderTargets
    asymmetry: SliderTargets
    scale: float = 1.0
    offset: Array = field(default_factory=lambda: np.zeros(0))
    spread: Array = field(default_factory=lambda: np.zeros(0))

    def heads(self, count: int, seed: int = SEED) -> Array:
        """(count, V, 3) float32 mm in hm08's place, of ``count`` people drawn at random."""
        rng = np.random.default_rng(seed)
        people, values, lopsided = self.draw(rng, count)
        size = np.exp(rng.normal(0.0, SIZE_SD, count) + SEX_SIZE * (people.male - 0.5)) * self.scale
        result = np.empty((count, *self.base.shape), np.float32)
        for start in range(0, count, 200):
            rows = slice(start, start + 200)
            some = People(**{name: getattr(people, name)[rows] for name in vars(people)})
            plain = self.plain(some)
            delta = self.details.deltas(values[rows]) + self.asymmetry.deltas(lopsided[rows])
            result[rows] = (plain + delta) * size[rows, None, None]
        return result

    def plain(self, people: People) -> Array:
        """(n, V, 3) mm from macro targets alone, all of the average person's size, before ``scale``."""
        heads = self.base + self.macro.deltas(people)
        heads *= (self.size / head_size(heads))[:, None, None]
        return np.asarray(heads)

    def draw(self, rng: np.random.Generator, count: int) -> tuple[People, Array, Array]:
        """Macro settings, detail slider values (count, D) and asymmetry values (count, A)."""
        people = _people(rng, count)
        values = _sided_values(rng, count, self.details.sliders) * self.spread
        single = np.array([s.less is None for s in self.details.sliders])
        values = np.where(single, np.abs(values), values) + self.offset
        lopsided = rng.normal(0.0, ASYMMETRY_SD, (count, len(self.asymmetry.sliders)))
        return people, np.clip(values, -LIMIT, LIMIT), np.clip(lopsided, -1.0, 1.0)

    def average(self) -> Array:
        """(V, 3) mm, the average person without any random part."""
        plain = self.base + self.macro.deltas(average_person())[0]
        return np.asarray((plain + self.details.deltas(self.offset[None])[0]) * self.scale)

    @cached_property
    def size(self) -> float:
        """`head_size` of the average person before ``scale``."""
        return float(head_size(self.base + self.macro.deltas(average_person()))[0])


def head_size(heads: Array) -> Array:
    """(n,) mm: the root mean square distance of (n, V, 3) heads' vertices from their centroid."""
    return np.asarray(np.sqrt(heads.var(1).sum(-1)))


def make_generator(base: BaseMesh, source: Source, cut: Cut) -> Generator:
    """A generator with the first guess of spreads."""
    details = SliderTargets(detail_sliders(source), source, cut)
    generator = Generator(
        base=base.vertices[cut.original],
        macro=MacroTargets(source, cut),
        details=details,
        asymmetry=SliderTargets(asymmetry_sliders(source), source, cut),
    )
    generator.offset = np.zeros(len(details.sliders))
    generator.spread = np.array([first_spread(s) for s in details.sliders])
    return generator


def first_spread(slider: Slider) -> float:
    """The standard deviation of a slider before calibration; 1 is the slider's end, far beyond common faces."""
    if slider.name in SIDEWAYS:
        return 0.05
    return FIRST_SPREAD[slider.more.split("/")[0]] * (0.6 if slider.less is None else 1.0)


def _people(rng: np.random.Generator, count: int) -> People:
    """Adults of 18 to 75 years; ancestry and sex are mixtures, since MakeHuman's corners are caricatures."""
    return People(
        ancestry=rng.dirichlet([0.6, 0.6, 0.6], count),
        male=rng.beta(0.7, 0.7, count),
        years=rng.uniform(18.0, 75.0, count),
        muscle=np.clip(rng.normal(0.5, 0.15, count), 0, 1),
        weight=np.clip(rng.normal(0.5, 0.18, count), 0, 1),
        height=np.clip(rng.normal(0.5, 0.15, count), 0, 1),
    )


def _sided_values(rng: np.random.Generator, count: int, sliders: list[Slider]) -> Array:
    """(count, S) values of unit variance; the l- and r- slider of one name share most of theirs."""
    values = rng.standard_normal((count, len(sliders)))
    place = {s.name: i for i, s in enumerate(sliders)}
    common, own = np.sqrt(1 - SIDE_SHARE**2), SIDE_SHARE
    for slider in sliders:
        if slider.side == "l":
            left, right = place[slider.name], place["r" + slider.name[1:]]
            shared = values[:, left].copy()
            values[:, left] = common * shared + own * rng.standard_normal(count)
            values[:, right] = common * shared + own * rng.standard_normal(count)
    return values
