"""ICT-FaceKit's face model as a `FaceModel`: its own parts, quads and UVs, ARKit's names, and skin by pigments."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..caches import MODELS
from ..settings import Settings
from ..user_folders import cache_folder
from .bfm import centred
from .computed import Arrays, computed_once, fingerprint
from .embedding import embedded_points
from .ict_files import EXPRESSIONS, PARTS, VERTICES, Checkout, Obj, Part, arkit_name, checkout_files, read_checkout
from .ict_layout import packed_uv
from .mediapipe_embedding import embed_mediapipe
from .model import PART_NAMES, FaceModel, LandmarkEmbedding
from .places import model_folder
from .regions import carried_regions
from .surface import mirror_vertices
from .topology import split_quads

NAME = "ict"
READ = ("vertices", "uv", "quads", "corners", "identities", "expressions")
FOUND = ("triangle", "barycentric", "contour")
# Linear Rec. 709, for the detector: skin of medium tone, lips, brows; sclera, iris, pupil; what is behind the lips.
SKIN, LIPS, HAIR = (0.45, 0.26, 0.18), (0.33, 0.11, 0.10), (0.035, 0.025, 0.02)
SCLERA, IRIS, PUPIL, INNER = (0.65, 0.6, 0.58), (0.09, 0.05, 0.03), (0.01, 0.01, 0.01), (0.25, 0.07, 0.06)
IRIS_MM, PUPIL_MM = 6.0, 2.3
# Height of the face that the detector is shown; a head with its neck would be small in the picture.
SHOWN_MM = 200.0
# Shapes that ARKit has for both sides at once.
BOTH_SIDES = ("browInnerUp", "cheekPuff")


def load(settings: Settings) -> FaceModel:
    """The model from ``settings.face_model_folder``, a checkout's FaceXModel, or from its own folder.

    Raises:
        FaceModelError: files are missing or are others, or the landmark detector sees no face in it.
    """
    files = checkout_files(model_folder(NAME, settings.face_model_folder))
    # Half a gigabyte: reading all of it only to see whether it has changed would take as long as loading it.
    stamps = [f"{path.name} {(stat := path.stat()).st_size} {stat.st_mtime_ns}" for path in files]
    return _load(tuple(files), fingerprint(files[:1], *stamps), settings)


@lru_cache(maxsize=1)
def _load(files: tuple[Path, ...], mark: str, settings: Settings) -> FaceModel:
    return make_model(_checkout(list(files), mark), PARTS, mark, settings)


def _checkout(files: list[Path], mark: str) -> Checkout:
    def read() -> Arrays:
        found = read_checkout(files, VERTICES, PARTS[-1].end)
        return {**vars(found.neutral), "identities": found.identities, "expressions": found.expressions}

    kept = computed_once(cache_folder() / MODELS, f"{NAME}-files-{mark}", READ, read)
    neutral = Obj(kept["vertices"], kept["uv"], kept["quads"], kept["corners"])
    return Checkout(neutral, kept["identities"], kept["expressions"])


def make_model(checkout: Checkout, parts: tuple[Part, ...], mark: str, settings: Settings) -> FaceModel:
    """The model of a checkout whose polygons come in ``parts``; landmarks are kept under ``mark``."""
    model = _bare_model(checkout, parts)
    found = computed_once(cache_folder() / MODELS, f"{NAME}-{mark}", FOUND, lambda: vars_of(_embed(model, settings)))
    index = np.arange(len(found["triangle"]), dtype=np.int32)
    embedding = LandmarkEmbedding(index, found["triangle"], found["barycentric"], found["contour"])
    return _with_points(model, embedding)


def vars_of(embedding: LandmarkEmbedding) -> Arrays:
    """What is kept of an embedding."""
    return {name: getattr(embedding, name) for name in FOUND}


def _bare_model(checkout: Checkout, parts: tuple[Part, ...]) -> FaceModel:
    """All but landmarks and regions."""
    number = np.repeat(np.arange(len(parts)), np.diff([0, *(part.end for part in parts)]))
    kept = np.flatnonzero(np.array([bool(part.part) for part in parts])[number])
    quads, used, face_part = _kept_mesh(checkout.neutral, parts, number, kept)
    mean = centred(checkout.neutral.vertices[used])
    uv_face = packed_uv(checkout.neutral, parts, number, kept)
    uv_original = checkout.neutral.uv[checkout.neutral.corners[kept]]
    # Lashes are cards whose pictures have holes; rays would stop at the cards.
    triangles, triangle_face, corner = split_quads(quads)
    traced = face_part[triangle_face] != PART_NAMES.index("lashes")
    triangles, triangle_face, corner = triangles[traced], triangle_face[traced], corner[traced]
    expressions, names = checkout.expressions[:, used], tuple(arkit_name(name) for name in EXPRESSIONS)
    return FaceModel(
        name=NAME,
        mean=mean,
        quads=quads,
        triangles=triangles,
        triangle_face=triangle_face,
        uv_face=uv_face,
        uv_original=uv_original,
        triangle_uv=uv_face[triangle_face[:, None], corner],
        identity_basis=checkout.identities[:, used],
        expression_basis=expressions,
        expression_names=names,
        expression_is_blendshape=True,
        slider_basis=np.array([_sum(expressions, names, name) for name in BOTH_SIDES]),
        slider_names=BOTH_SIDES,
        mirror_vertex=mirror_vertices(mean),
        mirror_expression=np.array([names.index(_other_side(name)) for name in names], np.int32),
        face_part=face_part,
        regions={},
        landmarks={},
        original_index=used.astype(np.int32),
        provenance="ICT-FaceKit (MIT), from the user's checkout.",
    )


def _kept_mesh(
    neutral: Obj, parts: tuple[Part, ...], number: NDArray[np.int64], kept: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.uint8]]:
    """Polygons of the kept parts into the vertices that they use, these vertices, and each polygon's part."""
    quads = neutral.quads[kept]
    real = quads >= 0
    used = np.unique(quads[real]).astype(np.int64)
    renumbered = np.full(len(neutral.vertices), -1, np.int32)
    renumbered[used] = np.arange(len(used), dtype=np.int32)
    face_part = np.array([PART_NAMES.index(part.part) if part.part else 0 for part in parts], np.uint8)[number[kept]]
    return np.where(real, renumbered[quads], -1).astype(np.int32), used, face_part


def _with_points(model: FaceModel, embedding: LandmarkEmbedding) -> FaceModel:
    points = embedded_points(model.mean, model.triangles, embedding)
    skin = np.zeros(model.vertex_count, bool)
    skin[model.triangles[model.face_part[model.triangle_face] == 0]] = True
    return replace(model, landmarks={"mediapipe": embedding}, regions=carried_regions(model.mean, skin, points))


def _embed(model: FaceModel, settings: Settings) -> LandmarkEmbedding:
    """Found twice: lips, brows and hair can only be painted once the points of a face without them are known."""
    skin = model.face_part[model.triangle_face] == 0
    first = embed_mediapipe(model.mean, model.triangles, skin, _painted(model), settings, SHOWN_MM)
    painted = _painted(_with_points(model, first))
    return embed_mediapipe(model.mean, model.triangles, skin, painted, settings, SHOWN_MM)


def _painted(model: FaceModel) -> NDArray[np.float64]:
    """(V, 3) linear colours that make the head a face to a detector."""
    colour = np.tile(np.array(SKIN), (model.vertex_count, 1))
    for name, tone in (("lips", LIPS), ("brows", HAIR), ("scalp", HAIR)):
        if name in model.regions:
            mask = model.regions[name][:, None].astype(np.float64)
            colour = colour * (1.0 - mask) + np.array(tone) * mask
    for number, part in enumerate(PART_NAMES):
        polygons = model.quads[model.face_part == number]
        rows = np.unique(polygons[polygons >= 0])
        if part.startswith("eye_") and len(rows):
            colour[rows] = _eye(model.mean[rows])
        elif part != "skin":
            colour[rows] = INNER
    return colour


def _eye(ball: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N, 3) colours of an eyeball (N, 3) that looks ahead."""
    middle = (ball.min(0) + ball.max(0)) / 2.0
    off = np.where(ball[:, 2] > middle[2], np.hypot(*(ball[:, :2] - middle[:2]).T), np.inf)[:, None]
    return np.where(off < PUPIL_MM, np.array(PUPIL), np.where(off < IRIS_MM, np.array(IRIS), np.array(SCLERA)))


def _sum(expressions: NDArray[np.float32], names: tuple[str, ...], stem: str) -> NDArray[np.float32]:
    return np.asarray(expressions[names.index(f"{stem}Left")] + expressions[names.index(f"{stem}Right")])


def _other_side(name: str) -> str:
    if name.endswith("Left"):
        return f"{name.removesuffix('Left')}Right"
    return f"{name.removesuffix('Right')}Left" if name.endswith("Right") else name
