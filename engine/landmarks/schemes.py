"""Which of a detector's points mean what: the only place where points are known by their numbers."""

from __future__ import annotations

from dataclasses import dataclass

from . import ibug

Ring = tuple[int, ...]


@dataclass(frozen=True)
class Iris:
    """The numbers of the centre of an iris and of four points on its edge."""

    centre: int
    edge: Ring


@dataclass(frozen=True)
class Scheme:
    """The points that a detector gives, by what they mean. Right and left are the person's.

    Attributes:
        detector: its name in the settings and in `FaceModel.landmarks`.
        seen: so many points are the detector's own; those behind them are estimates for masks, and are not fitted.
        count: of all points.
        has_depth: whether the third coordinate says something.
        height_share: the face's height, chin to hairline, over the height that the points span which are fitted.
        closed_contour: whether the points of the outline run all around the face, or only along the jaw.
        chin, forehead_top: tip of the chin; top of the forehead at the hairline.
        eye_corners: outer corners of the right and the left eye.
        oval: ring around the face, from the top of the forehead over its left side.
        temples: where the part of ``oval`` over the forehead begins on the right side and ends on the left.
        right_eye, left_eye, inner_lips: rings around their openings.
        above_brows: from temple to temple over the upper edges of the brows.
        below_brows: the lower edges, point for point.
        core: skin that is seldom covered, from the middle of a cheek to the other over the nose, and between the brows.
        irises: right, left.
    """

    detector: str
    seen: int
    count: int
    has_depth: bool
    height_share: float
    closed_contour: bool
    chin: int
    forehead_top: int
    eye_corners: tuple[int, int]
    oval: Ring
    temples: tuple[int, int]
    right_eye: Ring
    left_eye: Ring
    inner_lips: Ring
    above_brows: Ring
    below_brows: Ring
    core: Ring
    irises: tuple[Iris, Iris]

    @property
    def iris_centres(self) -> list[int]:
        """The numbers of both irises' centres."""
        return [iris.centre for iris in self.irises]


# MediaPipe's face mesh: 468 points (canonical_face_model.obj), then 5 of each iris. Rings from
# mediapipe/python/solutions/face_mesh_connections.py, put in order.
MEDIAPIPE = Scheme(
    detector="mediapipe",
    seen=478,
    count=478,
    has_depth=True,
    height_share=1.0,
    closed_contour=True,
    chin=152,
    forehead_top=10,
    eye_corners=(33, 263),
    oval=(
        10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
        152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
    ),
    temples=(127, 356),
    right_eye=(33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    left_eye=(263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
    inner_lips=(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191),
    above_brows=(127, 70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 356),
    below_brows=(46, 53, 52, 65, 55, 285, 295, 282, 283, 276),
    core=(118, 101, 36, 205, 187, 50, 347, 330, 266, 425, 411, 280, 6, 197, 195, 5, 4, 9, 151),
    irises=(Iris(468, (469, 470, 471, 472)), Iris(473, (474, 475, 476, 477))),
)  # fmt: skip

# What is estimated of the rest of the face behind the 68 points (`estimates`): irises, forehead, lower edges of the brows, and
# skin. The last three are told by the numbers of MediaPipe's points at the same places.
_IRISES = ibug.COUNT
_FOREHEAD = _IRISES + 10
FOREHEAD_ON_MESH = (10, 338, 297, 332, 284, 251, 389, 162, 21, 54, 103, 67, 109)
_BELOW_BROWS = _FOREHEAD + len(FOREHEAD_ON_MESH)
_SKIN = _BELOW_BROWS + len(MEDIAPIPE.below_brows)
SKIN_ON_MESH = (118, 101, 36, 205, 187, 50, 347, 330, 266, 425, 411, 280, 9, 151)


def _run(first: int, count: int) -> Ring:
    return tuple(range(first, first + count))


IBUG = Scheme(
    detector="fan",
    seen=ibug.COUNT,
    count=_SKIN + len(SKIN_ON_MESH),
    has_depth=False,
    # As on the bundled mean head.
    height_share=1.18,
    closed_contour=False,
    chin=8,
    forehead_top=_FOREHEAD,
    eye_corners=(36, 45),
    oval=(*_run(_FOREHEAD, 7), *reversed(ibug.JAW), *_run(_FOREHEAD + 7, 6)),
    temples=(0, 16),
    right_eye=_run(36, 6),
    left_eye=_run(42, 6),
    inner_lips=_run(60, 8),
    above_brows=(0, *_run(17, 10), 16),
    below_brows=_run(_BELOW_BROWS, 10),
    core=(*_run(27, 4), *_run(_SKIN, len(SKIN_ON_MESH))),
    irises=(Iris(_IRISES, _run(_IRISES + 1, 4)), Iris(_IRISES + 5, _run(_IRISES + 6, 4))),
)
SCHEMES = {scheme.detector: scheme for scheme in (MEDIAPIPE, IBUG)}
