"""Lengths, and the bend of the profile, that surveys measure on people, measured on heads, and what the surveys found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .cut import Cut
from .landmarks import part_centre, point
from .source import Array

ZHUANG = "Zhuang & Bradtmiller 2005 (NIOSH survey of 3,997 U.S. workers)"
BOUHADANA = "Bouhadana et al. 2022 (pooled review of 67 studies; equal parts African, Asian, White)"
FARKAS = "Farkas 1994, Anthropometry of the Head and Face (North American White adults)"
PROFILES = "profile photographs of Turkish (The Scientific World Journal 2013, 806203) and Croatian adults (Anić-Milošević et al. 2008)"
ANIC = "Anić-Milošević, Lapter-Varga & Šlaj 2008 (110 young Croatian adults, by profile photographs)"
# The solver has to be told, or it makes the angle above by a hump.
STRAIGHT = "no survey: a ridge that is straight in the mean is assumed"
JAYARATNE = "Jayaratne, Deutsch & Zwahlen 2013 (103 young Chinese adults of Hong Kong, by stereophotography)"


@dataclass(frozen=True)
class Survey:
    """Mean and standard deviation of men and of women, in mm or, where it is an angle, degrees; ``source`` says whose."""

    men: tuple[float, float]
    women: tuple[float, float]
    source: str

    @property
    def mean(self) -> float:
        """Of a population of as many men as women."""
        return (self.men[0] + self.women[0]) / 2

    @property
    def spread(self) -> float:
        """Standard deviation of that population: within the sexes, and between them."""
        within = (self.men[1] ** 2 + self.women[1] ** 2) / 2
        return float(np.sqrt(within + ((self.men[0] - self.women[0]) / 2) ** 2))


# Zhuang and Bradtmiller, "Head-and-Face Anthropometric Survey of U.S. Respirator Users", J. Occup. Environ. Hyg. 2(11) (2005);
# Bouhadana et al., "Expanding the Classic Facial Canons", PRS Global Open 10(4) (2022), e4268; Jayaratne et al., "Normative
# Findings for Periocular Anthropometric Measurements among Chinese Young Adults", BioMed Res. Int. (2013), 821428. The convexity is the
# mean of 13.6 (4.2) and 14.7 (5.1) degrees of Turkish men and women and of 11.2 (5.0) and 11.0 (4.7) of Croatian ones: 180 less the angle
# G-Sn-Pg of Anić-Milošević, Lapter-Varga and Šlaj, "Analysis of the soft tissue facial profile by means of angular measurements", Eur. J.
# Orthod. 30(2) (2008).
SURVEYS = {
    "bizygomatic breadth": Survey((143.5, 6.9), (135.1, 6.5), ZHUANG),
    "bigonial breadth": Survey((120.4, 10.4), (110.1, 8.9), ZHUANG),
    "menton-sellion length": Survey((122.7, 7.0), (113.4, 6.1), ZHUANG),
    "subnasale-sellion length": Survey((52.0, 4.1), (48.2, 3.8), ZHUANG),
    "subnasale-menton length": Survey((72.6, 4.5), (64.3, 4.0), FARKAS),
    "subnasale-stomion length": Survey((22.3, 2.1), (20.1, 2.0), FARKAS),
    "nose breadth": Survey((36.6, 4.1), (33.2, 3.9), ZHUANG),
    "nose protrusion": Survey((21.1, 2.7), (19.8, 2.7), ZHUANG),
    "lip length": Survey((51.1, 4.2), (48.0, 4.0), ZHUANG),
    "interpupillary breadth": Survey((64.5, 3.6), (61.9, 3.5), ZHUANG),
    "head breadth": Survey((153.0, 6.0), (146.8, 5.6), ZHUANG),
    "head length": Survey((197.3, 7.4), (187.5, 7.2), ZHUANG),
    "intercanthal breadth": Survey((35.4, 3.9), (35.4, 3.9), BOUHADANA),
    "biocular breadth": Survey((93.0, 5.6), (88.4, 3.7), JAYARATNE),
    "facial convexity": Survey((12.4, 4.6), (12.8, 4.9), PROFILES),
    "nasofrontal angle": Survey((136.4, 6.7), (139.1, 6.4), ANIC),
    "nasal dorsum angle": Survey((180.0, 6.0), (180.0, 6.0), STRAIGHT),
}


class Tape:
    """Measures heads of one topology. ``frame`` (V, 3) is a head with its origin between the ears, to choose vertices on."""

    def __init__(self, cut: Cut, frame: Array) -> None:
        self.cut = cut
        outer = cut.outer_skin
        tragion, eye = point(cut, frame, "tragion"), part_centre(cut, frame, "eye_left")
        y, z = frame[:, 1], frame[:, 2]
        # The arch ends where the ear begins, and hm08's ear fades into the temple for about 20 mm.
        self.arch = outer & (np.abs(y - (tragion[1] + eye[1]) / 2) < 14) & (z > tragion[2] + 20) & (z < eye[2])
        self.vault = outer & (y > eye[1] + 12) & (z < eye[2])

    def measure(self, heads: Array) -> dict[str, Array]:
        """Name -> (n,) of (n, V, 3) heads: mm, and degrees for the angles."""

        def between(first: str, second: str) -> Array:
            gap = point(self.cut, heads, first) - point(self.cut, heads, second)
            return np.asarray(np.linalg.norm(gap, axis=-1))

        def across(name: str) -> Array:
            return np.asarray(
                np.abs(point(self.cut, heads, name) - point(self.cut, heads, name, mirrored=True))[..., 0]
            )

        eyes = part_centre(self.cut, heads, "eye_left") - part_centre(self.cut, heads, "eye_right")
        return {
            "bizygomatic breadth": np.ptp(heads[:, self.arch, 0], axis=1),
            "bigonial breadth": across("gonion"),
            "menton-sellion length": between("menton", "sellion"),
            "subnasale-sellion length": between("subnasale", "sellion"),
            "subnasale-menton length": between("subnasale", "menton"),
            "subnasale-stomion length": between("subnasale", "stomion"),
            "nose breadth": across("alare"),
            "nose protrusion": between("pronasale", "subnasale"),
            "lip length": across("cheilion"),
            "interpupillary breadth": np.linalg.norm(eyes, axis=-1),
            "head breadth": np.ptp(heads[:, self.vault, 0], axis=1),
            "head length": between("glabella", "opisthocranion"),
            "intercanthal breadth": across("endocanthion"),
            "biocular breadth": across("exocanthion"),
            "facial convexity": -self._hollow(heads, "glabella", "subnasale", "pogonion"),
            "nasofrontal angle": 180.0 - self._hollow(heads, "glabella", "sellion", "nasal dorsum"),
            "nasal dorsum angle": 180.0 - self._hollow(heads, "sellion", "nasal dorsum", "pronasale"),
        }

    def _hollow(self, heads: Array, above: str, corner: str, below: str) -> Array:
        """(n,) degrees by which the profile bends forward at a corner between two other points of it."""
        middle = point(self.cut, heads, corner)
        up, down = (point(self.cut, heads, name)[..., 1:] - middle[..., 1:] for name in (above, below))
        return np.asarray(np.degrees(np.arctan2(up[..., 1], up[..., 0]) + np.arctan2(down[..., 1], -down[..., 0])))

    def table(self, heads: Array) -> Array:
        """(n, measures) in the order of `SURVEYS`."""
        found = self.measure(heads)
        return np.stack([found[name] for name in SURVEYS], 1)


def report(tape: Tape, heads: Array) -> str:
    """A table of the measures of ``heads`` beside the surveys', in Markdown."""
    found = tape.table(heads)
    rows = [
        "| length in mm, angle in degrees | model: mean, sd | people: mean, sd | source |",
        "| --- | --- | --- | --- |",
    ]
    for (name, survey), values in zip(SURVEYS.items(), found.T, strict=True):
        people = f"{survey.mean:.1f}, {survey.spread:.1f}"
        rows.append(f"| {name} | {values.mean():.1f}, {values.std():.1f} | {people} | {survey.source} |")
    return "\n".join(rows)
