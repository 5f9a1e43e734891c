"""The build's main line: from the source's data to the files that the engine reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from nextgenface.engine.faces.bundled import read
from nextgenface.engine.faces.model import PART_NAMES, FaceModel, LandmarkEmbedding
from nextgenface.engine.faces.topology import split_quads
from numpy.typing import NDArray

from .calibrate import calibrate
from .cut import Cut, cut_head
from .embedding import embed
from .expressions import ARKIT, arkit_basis, fit_blinks, mirrored_names
from .landmarks import point
from .lips import Lips
from .measures import Tape, report
from .modes import Modes, align, symmetric_modes
from .named import slider_basis
from .provenance import facts_of, write_papers
from .regions import region_masks
from .sampling import Generator, make_generator
from .source import Array, Source
from .storage import write
from .teeth import with_teeth_in_place
from .uv_layout import face_layout

Masks = dict[str, NDArray[np.float32]]

MODES = 100
# In the alignment only the face counts; in the statistics the rest of the head counts this much, what is inside it less.
OUTSIDE_FACE, INSIDE = 0.25, 0.05


def build(source: Source, output: Path, samples: int, embedding: Path | None) -> FaceModel:
    """Build the head and write its files into ``output``; returns what was written, before it was rounded.

    ``embedding`` is a head.npz whose landmarks are taken over; without it they are found, which needs MediaPipe.
    """
    base = source.base()
    cut = cut_head(base, source, PART_NAMES)
    generator = make_generator(base, source, cut)
    tape = Tape(cut, to_frame(cut, generator.average()))
    calibrate(generator, tape)
    frame = to_frame(cut, generator.average())
    heads = aligned_heads(source, cut, generator, frame, region_masks(cut, frame, source), samples)
    modes = _modes(cut, heads, region_masks(cut, frame, source))
    regions = region_masks(cut, modes.mean, source)
    layout = face_layout(modes.mean, cut.quads, cut.part, cut.mirror)
    model = _model(source, cut, generator, modes, regions, layout.uv)
    model = replace(model, landmarks={"mediapipe": _landmarks(cut, modes, model, embedding)})
    # Last, because neither the statistics nor the map nor the landmarks should look at teeth.
    model = replace(model, mean=with_teeth_in_place(cut, modes.mean).astype(np.float32))
    output.mkdir(parents=True, exist_ok=True)
    size = write(output / "head.npz", model, modes.parity)
    write_papers(output, source, facts_of(samples, generator, modes, report(tape, heads), layout.figures, size))
    return model


def aligned_heads(
    source: Source, cut: Cut, generator: Generator, frame: Array, regions: Masks, samples: int
) -> NDArray[np.float32]:
    """(samples, V, 3) mm: heads drawn at random, mouths closed, laid rigidly on the face of ``frame`` (V, 3)."""
    heads = generator.heads(samples)
    Lips(cut, frame, -cut.gather(source.face_unit("jawOpen"))[:, 1]).close(heads)
    align(heads, frame, regions["face"].astype(np.float64) + 1e-9)
    return heads


def to_frame(cut: Cut, head: Array) -> Array:
    """``head`` (V, 3) moved to where the origin is between the ears."""
    return head - point(cut, head, "tragion") * (0.0, 1.0, 1.0)


def _modes(cut: Cut, heads: NDArray[np.float32], regions: Masks) -> Modes:
    """The heads' principal components, the face counting most."""
    weight = np.where(cut.outer_skin, OUTSIDE_FACE + (1 - OUTSIDE_FACE) * regions["face"], INSIDE)
    return symmetric_modes(heads, cut.mirror, weight, MODES)


def _landmarks(cut: Cut, modes: Modes, model: FaceModel, embedding: Path | None) -> LandmarkEmbedding:
    """MediaPipe's points, found or taken over."""
    if embedding is not None:
        return read(embedding).landmarks["mediapipe"]
    jaw_open = model.expression_basis[model.expression_names.index("jawOpen")].astype(np.float64)
    return embed(cut, modes.mean, model.regions, jaw_open)


def _model(
    source: Source, cut: Cut, generator: Generator, modes: Modes, regions: Masks, uv: NDArray[np.float32]
) -> FaceModel:
    """The model without landmarks."""
    names, expressions, missing = arkit_basis(source, cut, generator.scale)
    fit_blinks(cut, modes.mean, names, expressions)
    print(f"ARKit units: {len(names)} of {len(ARKIT)}, missing: {missing or 'none'}")
    slider_names, sliders = slider_basis(source, cut, generator, modes.mean, regions["face"].astype(np.float64))
    quads = cut.quads.astype(np.int32)
    triangles, triangle_face, corner = split_quads(quads)
    nowhere: dict[str, LandmarkEmbedding] = {}
    return FaceModel(
        name="bundled",
        mean=modes.mean.astype(np.float32),
        quads=quads,
        triangles=triangles,
        triangle_face=triangle_face,
        uv_face=uv,
        uv_original=cut.uvs.astype(np.float32),
        triangle_uv=uv[triangle_face[:, None], corner],
        identity_basis=modes.basis.astype(np.float32),
        expression_basis=expressions.astype(np.float32),
        expression_names=names,
        expression_is_blendshape=True,
        slider_basis=sliders.astype(np.float32),
        slider_names=slider_names,
        mirror_vertex=cut.mirror.astype(np.int32),
        mirror_expression=np.array(mirrored_names(names), np.int32),
        face_part=cut.part,
        regions=regions,
        landmarks=nowhere,
        original_index=cut.original.astype(np.int32),
    )
