"""What a finished fit hands over to be written: arrays only, no tensors, no renderer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..scene.camera import Camera

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class HeadData:
    """The fitted head, as ``head.npz`` stores it (see `engine.protocol.Result`).

    Attributes:
        vertices: (V, 3) the person's neutral head, millimetres, head frame.
        quads: (F, 4) polygons; a triangle has -1 in its last column.
        uv_face: (F, 4, 2) in [0, 1], v upwards: the layout of the maps.
        uv_original: (F, 4, 2) the source's own layout.
        face_part: (F,) indices into ``part_names``.
        part_names: names of the parts; part 0 is the skin.
        expression_names: E names.
        expression_deltas: (E, V, 3) mm at weight 1.
        slider_names: S names.
        slider_deltas: (S, V, 3) mm at weight 1.
        original_index: (V,) vertex of the source's base mesh.
    """

    vertices: FloatArray
    quads: IntArray
    uv_face: FloatArray
    uv_original: FloatArray
    face_part: NDArray[np.uint8]
    part_names: tuple[str, ...]
    expression_names: tuple[str, ...]
    expression_deltas: FloatArray
    slider_names: tuple[str, ...]
    slider_deltas: FloatArray
    original_index: IntArray

    def expressed(self, weights: Mapping[str, float]) -> FloatArray:
        """(V, 3) mm: the head with the expressions of ``weights`` (name -> weight); unknown names raise KeyError."""
        number = {name: row for row, name in enumerate(self.expression_names)}
        result = np.array(self.vertices, np.float32)
        for name, weight in weights.items():
            result += np.float32(weight) * self.expression_deltas[number[name]]
        return result


@dataclass(frozen=True)
class PhotoData:
    """One photo's camera, light and pictures.

    Pictures are (H, W, 3), row 0 at the top, of any size: uint8 and uint16 are taken as sRGB and stored as they are,
    floats as linear Rec. 709 in [0, 1] and encoded. Panels may be (H, W) too, and are shown as they are when
    ``data_panels`` names them.

    Attributes:
        source: the file that the person gave.
        picture: the photo, upright (EXIF orientation applied), at full size.
        camera: the camera of ``picture``, in its pixels.
        expression: name -> weight of the expressions on this photo; only names of `HeadData.expression_names`.
        environment: (h, 2h, 3) linear light as a lat-long image in the head's frame, row 0 is up (+y).
        render: the path-traced reconstruction seen by the photo's camera (the whole photo's frame or its crop); a
            fourth channel is taken as coverage (alpha).
        panels: title -> picture, of the contact sheet, in the order of display. `contact_sheet.TITLES` are the usual
            ones.
        mask: (H, W) in [0, 1] of ``picture``'s size: where the fit looked at skin; None: not written.
        data_panels: titles of panels that are data in [0, 1] and not light (specular, roughness, coverage, normals): shown
            without the sRGB curve.
        landmarks: (H, W, 3) uint8 sRGB: the points found and those of the fitted head; None: not written.
        window: left, top, width and height, in pixels of ``picture``, of what ``render`` shows; None: the whole photo.
    """

    source: Path
    picture: NDArray[Any]
    camera: Camera
    expression: Mapping[str, float]
    environment: FloatArray
    render: NDArray[Any]
    panels: Mapping[str, NDArray[Any]]
    data_panels: tuple[str, ...] = ("Specular", "Roughness", "Coverage", "Normals")
    mask: FloatArray | None = None
    landmarks: NDArray[np.uint8] | None = None
    window: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class ResultData:
    """All of one reconstruction. Maps are square, row 0 is v = 1.

    Attributes:
        name: the head's name, for people.
        face_model: the model's name.
        head: the mesh.
        diffuse: (T, T, 3) linear base colour in [0, 1]; stored with the sRGB curve.
        specular: (T, T) or (T, T, 3) in [0, 1]; stored as data.
        roughness: (T, T) in [0, 1]; stored as data.
        photos: at least one.
        report: content of ``report.json`` (see `report.build_report`).
        bits: 8 or 16 per channel of the diffuse, specular and roughness maps.
        coverage: (C, C, 3) in [0, 1], maybe of fewer texels than the maps: how much of a texel comes from the photos,
            from the mirror side and from the model; None: not written.
        normal: (T, T, 3) normal map in [0, 1], (0.5, 0.5, 1) is flat; always stored with 16 bits, because 8 show as steps
            in highlights. None: there is none.
        losses: stage -> its searches -> the loss after each step; drawn where there are any.
    """

    name: str
    face_model: str
    head: HeadData
    diffuse: FloatArray
    specular: FloatArray
    roughness: FloatArray
    photos: tuple[PhotoData, ...]
    report: dict[str, Any] = field(default_factory=dict)
    bits: int = 8
    coverage: FloatArray | None = None
    normal: FloatArray | None = None
    losses: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)
