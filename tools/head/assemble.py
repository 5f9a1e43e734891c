"""The build's main line: from the source's data to the files that the engine reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nextgenface.engine.faces.bundled import read
from nextgenface.engine.faces.model import PART_NAMES, FaceModel, LandmarkEmbedding
from nextgenface.engine.faces.topology import split_quads

from .cut import Cut, cut_head
from .embedding import embed
from .expressions import arkit_basis, mirrored_names
from .landmarks import point
from .modes import Modes, align, symmetric_modes
from .named import slider_basis
from .regions import region_masks
from .sampling import Generator, make_generator
from .source import Array, Source
from .storage import write

MODES = 100
# In the alignment only the face counts; in the statistics the rest of the head counts this much, what is inside it less.
OUTSIDE_FACE, INSIDE = 0.25, 0.05
# How far the jaw is opened (part of jawOpen) to tell the lips' inner edges apart.
PARTED = 0.25


def build(source: Source, output: Path, samples: int, embedding: Path | None) -> FaceModel:
    """Build the head and write its files into ``output``; returns what was written."""
    base = source.base()
    cut = cut_head(base, source, PART_NAMES)
    generator = make_generator(base, source, cut)
    generator.scale = 1.09
    frame = _to_frame(cut, generator.average())
    regions = region_masks(cut, frame, source)
    modes = statistics(cut, generator, frame, regions, samples)
    model = _model(source, cut, generator, modes, regions)
    open_mouth = PARTED * model.expression_basis[model.expression_names.index("jawOpen")].astype(np.float64)
    spots = read(embedding).landmarks["mediapipe"] if embedding else embed(cut, modes.mean, regions, open_mouth)
    model = replace(model, landmarks={"mediapipe": spots})
    output.mkdir(parents=True, exist_ok=True)
    size = write(output / "head.npz", model, modes.parity)
    print(
        f"{output / 'head.npz'}: {size / 1e6:.2f} MB, {100 * modes.kept:.2f} % of the variance in {len(modes.basis)} modes"
    )
    return model


def statistics(
    cut: Cut, generator: Generator, frame: Array, regions: dict[str, NDArray[np.float32]], samples: int
) -> Modes:
    """Draw heads, align them on the face to ``frame`` and find their modes."""
    heads = generator.heads(samples)
    face = regions["face"].astype(np.float64)
    align(heads, frame, face + 1e-9)
    skin = cut.vertices_of(cut.part == PART_NAMES.index("skin")) & ~cut.vertices_of(cut.socket)
    weight = np.where(skin, OUTSIDE_FACE + (1 - OUTSIDE_FACE) * face, INSIDE)
    return symmetric_modes(heads, cut.mirror, weight, MODES)


def _to_frame(cut: Cut, head: Array) -> Array:
    """``head`` moved to where the origin is between the ears."""
    return head - point(cut, head, "tragion") * (0.0, 1.0, 1.0)


def _model(
    source: Source, cut: Cut, generator: Generator, modes: Modes, regions: dict[str, NDArray[np.float32]]
) -> FaceModel:
    """The model without landmarks."""
    names, expressions, missing = arkit_basis(source, cut, generator.scale)
    print(f"ARKit units: {len(names)}, missing: {missing or 'none'}")
    slider_names, sliders = slider_basis(source, cut, generator.macro, generator.scale)
    quads = cut.quads.astype(np.int32)
    triangles, triangle_face, corner = split_quads(quads)
    uv = cut.uvs.astype(np.float32)
    nowhere: dict[str, LandmarkEmbedding] = {}
    return FaceModel(
        name="bundled",
        mean=modes.mean.astype(np.float32),
        quads=quads,
        triangles=triangles,
        triangle_face=triangle_face,
        uv_face=uv,
        uv_original=uv,
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
