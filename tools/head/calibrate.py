"""Sets the generator's scale, average and spreads so that its heads measure like people."""

from __future__ import annotations

import numpy as np
from scipy.optimize import lsq_linear

from .measures import SURVEYS, Tape
from .sampling import SEED, SIDE_SHARE, SIDEWAYS, Generator
from .source import Array

ROUNDS, HEADS = 4, 600
# Sliders' offsets and variances are free within these, as parts of the first spread and its square.
OFFSET_LIMIT, VARIANCE_LOW, VARIANCE_HIGH = 3.0, 0.3, 4.0
# Weight of staying with the first guess, against lengths in parts of people's standard deviation.
OFFSET_PULL, VARIANCE_PULL = 0.05, 0.1
PEOPLE_MEAN = np.array([survey.mean for survey in SURVEYS.values()])
PEOPLE_SD = np.array([survey.spread for survey in SURVEYS.values()])


def calibrate(generator: Generator, tape: Tape) -> None:
    """Fit scale, offsets and spreads to the surveys, in place.

    Lengths are nearly linear in the sliders. So the mean is a ridge least squares problem for the offsets, and each length's
    variance is that of everything else plus a sum of slider variances times squared slopes: bounded least squares. Both are
    repeated on fresh samples, since the macro targets and clipped sliders shift what was linear.
    """
    generator.scale = float(np.median(PEOPLE_MEAN / tape.table(generator.average()[None])[0]))
    first = generator.spread.copy()
    slopes = slider_slopes(generator, tape)
    for turn in range(ROUNDS):
        lengths = tape.table(generator.heads(HEADS, SEED + 1 + turn))
        _shift_mean(generator, slopes, lengths.mean(0), first)
        _fit_spread(generator, slopes, lengths.var(0), first)


def slider_slopes(generator: Generator, tape: Tape) -> Array:
    """(D, lengths) mm by which each detail slider changes each length, per unit."""
    head = generator.average()
    small = 0.1
    moved = head + small * generator.scale * generator.details.slopes()
    # Ears and neck touch a few of the vertices that breadths are taken from, but are not what makes a face broad.
    of_face = np.array([not s.more.startswith(("ears/", "neck/")) for s in generator.details.sliders])
    return np.asarray((tape.table(moved) - tape.table(head[None])) / small * of_face[:, None])


def _shift_mean(generator: Generator, slopes: Array, mean: Array, first: Array) -> None:
    """Change the offsets so that the sampled mean comes to people's."""
    paired = np.array([s.less is not None and s.name not in SIDEWAYS for s in generator.details.sliders])
    unit = np.where(paired, first, 0.0)
    # The pull is on the whole offset, so what the earlier rounds did is put back on the other side.
    lengths = slopes.T * unit / PEOPLE_SD[:, None]
    goal = (PEOPLE_MEAN - mean) / PEOPLE_SD + lengths @ (generator.offset / first)
    system = np.concatenate([lengths, OFFSET_PULL * np.eye(len(unit))])
    found = lsq_linear(system, np.concatenate([goal, np.zeros(len(unit))]), (-OFFSET_LIMIT, OFFSET_LIMIT)).x
    generator.offset = found * unit


def _fit_spread(generator: Generator, slopes: Array, variance: Array, first: Array) -> None:
    """Change the spreads so that the sampled variances come to people's."""
    squared = _variance_slopes(generator, slopes)
    people = PEOPLE_SD**2
    rest = variance - generator.spread**2 @ squared
    share = squared.T * first**2 / people[:, None]
    goal = 1.0 - np.maximum(rest, 0.0) / people
    system = np.concatenate([share, VARIANCE_PULL * np.eye(len(first))])
    target = np.concatenate([goal, np.full(len(first), VARIANCE_PULL)])
    found = lsq_linear(system, target, (VARIANCE_LOW, VARIANCE_HIGH)).x
    generator.spread = first * np.sqrt(found)


def _variance_slopes(generator: Generator, slopes: Array) -> Array:
    """(D, lengths) mm^2 that each slider adds to each length's variance, per unit of the slider's own variance."""
    sliders = generator.details.sliders
    place = {s.name: i for i, s in enumerate(sliders)}
    result = slopes**2
    for i, slider in enumerate(sliders):
        if slider.side:
            other = place[("r" if slider.side == "l" else "l") + slider.name[1:]]
            # Half of the covariance that the two sides share is counted on each of them.
            result[i] = slopes[i] ** 2 + (1 - SIDE_SHARE**2) * slopes[i] * slopes[other]
        if slider.less is None:
            result[i] *= 1 - 2 / np.pi
    return result
