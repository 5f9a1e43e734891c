"""What every morphable face model gives, whatever its source."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]

# Indices of `FaceModel.face_part`; a model may lack some. Lashes are in no triangle: light is not traced to them.
PART_NAMES = ("skin", "mouth", "eye_left", "eye_right", "teeth_upper", "teeth_lower", "tongue", "lashes")


@dataclass(frozen=True)
class LandmarkEmbedding:
    """Where the detector's points lie on the surface.

    Attributes:
        index: (L,) int32, the point's number in the detector's own list, ascending.
        triangle: (L,) int32, rows of `FaceModel.triangles`.
        barycentric: (L, 3) float32, weights of the triangle's corners, sum 1.
        contour: (L,) bool, True for points of the face's outline, which slide with the view.
    """

    index: IntArray
    triangle: IntArray
    barycentric: FloatArray
    contour: NDArray[np.bool_]


@dataclass(frozen=True)
class AlbedoBasis:
    """A face model's own statistical skin: linear Rec. 709 albedo per vertex, by coefficients with a standard normal prior.

    Attributes:
        diffuse_mean: (V, 3). diffuse_basis: (A, V, 3) per standard deviation.
        specular_mean: (V,), of the specular albedo's luminance. specular_basis: (A, V); the same coefficients drive it.
    """

    diffuse_mean: FloatArray
    diffuse_basis: FloatArray
    specular_mean: FloatArray
    specular_basis: FloatArray


@dataclass(frozen=True)
class FaceModel:
    """A linear face model: ``vertices = mean + identity . identity_basis + expression . expression_basis``.

    Head frame: right-handed, millimetres, y up, z out of the face; x > 0 is the subject's left. The origin lies inside
        the head, between the ears.

    Attributes:
        name: the name by which it is chosen.
        mean: (V, 3) float32, mm.
        quads: (F, 4) int32 polygons; a triangle repeats -1 in its last column.
        triangles: (T, 3) int32, the polygons split, those of lashes left out; counter-clockwise seen from outside.
        triangle_face: (T,) int32, the polygon each triangle comes from.
        uv_face: (F, 4, 2) float32 in [0, 1], v upwards: the layout for faces, per polygon corner.
        uv_original: (F, 4, 2) float32: the source's own layout.
        triangle_uv: (T, 3, 2) float32: ``uv_face`` at the corners of ``triangles``.
        identity_basis: (K, V, 3) float32, mm per standard deviation (so identity coefficients have unit variance).
        expression_basis: (E, V, 3) float32, mm at weight 1.
        expression_names: E names. Weights are boxed to [0, 1] where ``expression_is_blendshape``.
        slider_basis: (S, V, 3) float32, mm at weight 1, named shape changes for tweaking; weights in [-1, 1].
        slider_names: S names.
        mirror_vertex: (V,) int32, the vertex at the mirrored place (x -> -x); itself on the midline.
        mirror_expression: (E,) int32, the expression with left and right exchanged; itself if it has no side.
        face_part: (F,) uint8, indices into `PART_NAMES`.
        regions: name -> (V,) float32 soft masks in [0, 1]: "face" (what the fit may look at), "lips", "nose", "cheeks",
            "brows", "beard", "eye_sockets", "eyelids", "ears", "neck", "scalp", "forehead", ...
        landmarks: detector's name -> embedding.
        original_index: (V,) int32, vertex number in the source's mesh.
        albedo: statistical skin of the model's own, where it has one; else `skin_colour` makes it from pigments.
    """

    name: str
    mean: FloatArray
    quads: IntArray
    triangles: IntArray
    triangle_face: IntArray
    uv_face: FloatArray
    uv_original: FloatArray
    triangle_uv: FloatArray
    identity_basis: FloatArray
    expression_basis: FloatArray
    expression_names: tuple[str, ...]
    expression_is_blendshape: bool
    slider_basis: FloatArray
    slider_names: tuple[str, ...]
    mirror_vertex: IntArray
    mirror_expression: IntArray
    face_part: NDArray[np.uint8]
    regions: dict[str, FloatArray]
    landmarks: dict[str, LandmarkEmbedding]
    original_index: IntArray
    provenance: str = field(default="", repr=False)
    albedo: AlbedoBasis | None = None

    @property
    def vertex_count(self) -> int:
        """V."""
        return len(self.mean)

    @property
    def identity_count(self) -> int:
        """K."""
        return len(self.identity_basis)

    @property
    def expression_count(self) -> int:
        """E."""
        return len(self.expression_basis)

    def vertices(self, identity: FloatArray | None = None, expression: FloatArray | None = None) -> FloatArray:
        """(V, 3) mm for identity coefficients (K,) in standard deviations and expression weights (E,)."""
        result = self.mean.copy()
        if identity is not None:
            result += np.tensordot(identity.astype(np.float32), self.identity_basis, 1)
        if expression is not None:
            result += np.tensordot(expression.astype(np.float32), self.expression_basis, 1)
        return result
