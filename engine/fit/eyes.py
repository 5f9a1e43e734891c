"""Eyes: where they look, and a plain iris in the photo's colour painted on the eyeball."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..faces.model import PART_NAMES, FaceModel
from ..scene.camera import Camera

# Mean visible iris diameter of adults, mm (Caroline and Andre 2002, corneal diameters: 11.7 mm horizontally).
IRIS_RADIUS_MM = 5.85
# Half the usual 24 mm from front to back.
USUAL_RADIUS_MM = 12.0
PUPIL_SHARE = 0.36
PUPIL_ALBEDO = 0.01
TYPICAL_IRIS = (0.075, 0.045, 0.028)
# Below the albedo of a bare sclera: lashes and lid shade it, which the mesh has not.
TYPICAL_SCLERA = (0.46, 0.41, 0.38)
# Of the samples of an iris, from dark to bright, those that tell its colour. A wet eye mirrors what is around it, which adds light
# and takes colour away: a brown iris looks grey below a sky. The darkest samples lie in the shadow of lashes.
IRIS_SAMPLES = (0.05, 0.3)
# How far the level of a white that is painted may be from the typical one's, and the logarithm of its red and blue against green: beyond
# that a lid, a lash or the background was seen, not a white.
SCLERA_LEVELS, SCLERA_TINT = (0.5, 1.3), 0.2
SIDES = ("eye_left", "eye_right")
# A wet eye mirrors with F0 = 0.025 (cornea, n = 1.376), level 0.31. But a light of nine bands smears a lamp over 25
# degrees, and mirrored so strongly it would lie on the whole iris as a grey veil, where the photo has one small catchlight.
EYE_SPECULAR = 0.06
EYE_ROUGHNESS = 0.15
# Widths, in the iris's radius, over which the pupil turns into the iris, and the iris into the white: the limbus is no sharp line. And
# the least of either in texels, below which a circle becomes a staircase.
PUPIL_BLUR, LIMBUS, LEAST_TEXELS = 0.08, 0.16, 3.0
# The iris's stroma: fibres that run from the pupil outwards, as waves of so many around, each by so much, as far as a wave has four
# texels. Their places are nobody's.
FIBRES = (7, 11, 16, 23, 31, 43)
FIBRE_DEPTH, FEWEST_TEXELS = 0.09, 4.0


@dataclass(frozen=True)
class Eyeball:
    """A sphere in the head frame: ``centre`` (3,) mm, ``radius`` mm; ``gaze`` (3,) unit vector towards the iris."""

    centre: NDArray[np.float64]
    radius: float
    gaze: NDArray[np.float64]

    @property
    def iris_angle(self) -> float:
        """Radians between the gaze and the iris's edge."""
        return float(np.arcsin(min(0.9, IRIS_RADIUS_MM / self.radius)))

    def angle(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N,) radians between the gaze and each of (N, 3) points of the surface."""
        away = points - self.centre
        cosine = away @ self.gaze / np.maximum(np.linalg.norm(away, axis=1), 1e-6)
        return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)), np.float32)

    def around(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N,) radians by which each of (N, 3) points lies around the gaze, from the subject's left upwards."""
        right = np.cross([0.0, 1.0, 0.0], self.gaze)
        right /= max(1e-6, float(np.linalg.norm(right)))
        away = points - self.centre
        return np.asarray(np.arctan2(away @ np.cross(self.gaze, right), away @ right), np.float32)


def fit_sphere(points: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Centre (3,) and radius of the sphere nearest to (N, 3) points, by linear least squares of |p|^2 = 2 c.p + (r^2 -
    |c|^2).
    """
    exact = points.astype(np.float64)
    design = np.concatenate([2.0 * exact, np.ones((len(exact), 1))], 1)
    solution, *_ = np.linalg.lstsq(design, (exact**2).sum(1), rcond=None)
    centre = solution[:3]
    return centre, float(np.sqrt(solution[3] + centre @ centre))


def find_eyeball(
    model: FaceModel, vertices: NDArray[np.float32], side: str, camera: Camera, irises: NDArray[np.float32]
) -> Eyeball:
    """The eyeball ``side`` ("eye_left" or "eye_right") of ``vertices`` (V, 3), looking at where the photo shows its
    iris.

    ``irises`` (2, 2) are the pixels of both irises' centres in any order; an iris that lies off the ball leaves the
    gaze straight ahead. A model without eyeballs gets one at the origin, which has no texels to be painted.
    """
    polygons = model.quads[model.face_part == PART_NAMES.index(side)]
    if not len(polygons):
        return Eyeball(np.zeros(3), USUAL_RADIUS_MM, np.array([0.0, 0.0, 1.0]))
    centre, radius = fit_sphere(vertices[np.unique(polygons[polygons >= 0])])
    seen = camera.project(centre[None])[0]
    iris = irises[np.argmin(np.linalg.norm(irises - seen, axis=1))]
    direction = camera.rays(iris.astype(np.float64))
    towards = centre - camera.centre
    along = float(towards @ direction)
    off = float(towards @ towards) - along**2
    gaze = np.array([0.0, 0.0, 1.0])
    # Beyond 60 degrees the point found is no iris.
    if off < (0.87 * radius) ** 2:
        hit = camera.centre + direction * (along - np.sqrt(radius**2 - off))
        gaze = (hit - centre) / radius
    return Eyeball(centre, radius, gaze)


def paint_eye(
    share: NDArray[np.float32],
    iris: NDArray[np.float32],
    sclera: NDArray[np.float32],
    around: NDArray[np.float32] | None = None,
    texel: float = 0.0,
) -> NDArray[np.float32]:
    """(N, 3) linear albedo at angles from the gaze given as ``share`` (N,) of the iris's: pupil, iris, limbus, sclera.

    ``around``: (N,) radians around the gaze, for the iris's fibres; None: it has none. ``texel``: the side of a texel as a share of the
    iris's radius.
    """
    pupil = _step(share, PUPIL_SHARE, max(PUPIL_BLUR, LEAST_TEXELS * texel))
    edge = _step(share, 1.0, max(LIMBUS, LEAST_TEXELS * texel))
    # The iris is darkest at its rim (limbal ring) and lightest around the pupil's collarette.
    ring = np.interp(share, (PUPIL_SHARE, 0.5, 0.8, 1.0), (0.8, 1.25, 1.0, 0.45))
    if around is not None:
        ring = ring * _fibres(share, around, texel)
    blush = np.interp(share, (1.0, 2.6), (0.0, 1.0))
    white = sclera[None] * (1.0 - blush[:, None] * np.array([0.08, 0.22, 0.24]))
    coloured = (
        np.full((len(share), 3), PUPIL_ALBEDO) * (1.0 - pupil[:, None]) + pupil[:, None] * ring[:, None] * iris[None]
    )
    return np.asarray(coloured * (1.0 - edge[:, None]) + white * edge[:, None], np.float32)


def texel_share(model: FaceModel, vertices: NDArray[np.float32], side: str, ball: Eyeball, size: int) -> float:
    """The side of a texel of maps of ``size`` texels as a share of the iris's radius, where ``vertices`` (V, 3) have the iris of an eye."""
    own = model.face_part[model.triangle_face] == PART_NAMES.index(side)
    corners, flat = vertices[model.triangles[own]], model.triangle_uv[own].astype(np.float64)
    iris = ball.angle(corners.mean(1)) < ball.iris_angle
    chosen = iris if iris.any() else np.ones_like(iris)
    solid = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    first, second = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    drawn = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    millimetres = np.sqrt(solid[chosen].sum() / max(1e-12, drawn[chosen].sum())) / size
    return float(millimetres / (ball.radius * ball.iris_angle))


def _fibres(share: NDArray[np.float32], around: NDArray[np.float32], texel: float) -> NDArray[np.float32]:
    """(N,) factors of the stroma's brightness, 1 in the mean."""
    result = np.ones_like(share)
    for number, count in enumerate(FIBRES):
        texels = 2.0 * np.pi * share / (count * max(texel, 1e-6))
        depth = FIBRE_DEPTH * np.clip(texels / FEWEST_TEXELS - 1.0, 0.0, 1.0)
        # Fibres bend a little on their way, and no two waves begin together.
        bend = 2.0 * np.sin(5.0 * share + 1.7 * number) + 2.4 * number
        result += depth * np.cos(count * around + bend)
    return np.asarray(result, np.float32)


def eye_colours(
    share: NDArray[np.float32], albedo: NDArray[np.float32], weight: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Linear colours (3,) of iris and of the white as it is seen, from what the photo shows: ``albedo`` (N, 3) at ``share`` of the iris's
    angle.

    Medians over the ring between pupil and limbus, where it mirrors least, and over the white beside it, kept within what eyes
    are; typical ones without evidence.
    """
    iris = _median(albedo, weight * ((share > 0.5) & (share < 0.85)), TYPICAL_IRIS, IRIS_SAMPLES)
    sclera = _median(albedo, weight * ((share > 1.2) & (share < 2.0)), TYPICAL_SCLERA)
    return _within(iris, TYPICAL_IRIS, 0.35, 3.0), _within(sclera, TYPICAL_SCLERA, 0.35, 1.3)


def sclera_colour(
    share: NDArray[np.float32], albedo: NDArray[np.float32], weight: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(3,) linear: what to paint the white of an eye with; arguments as in `eye_colours`."""
    _, white = eye_colours(share, albedo, weight)
    typical = np.array(TYPICAL_SCLERA, np.float32)
    tint = np.log(np.maximum(white, 1e-4) / max(1e-4, float(white[1]))) - np.log(typical / typical[1])
    held = typical * np.exp(np.clip(tint, -SCLERA_TINT, SCLERA_TINT))
    return _within(held * (float(white.mean()) / float(held.mean())), TYPICAL_SCLERA, *SCLERA_LEVELS)


def _median(
    albedo: NDArray[np.float32],
    weight: NDArray[np.float32],
    otherwise: tuple[float, ...],
    shares: tuple[float, float] = (0.0, 1.0),
) -> NDArray[np.float32]:
    """(3,) of the trusted samples between two ``shares`` of all of them, from dark to bright; ``otherwise`` of too few."""
    chosen = albedo[weight > 0.5]
    if len(chosen) < 12:
        return np.array(otherwise, np.float32)
    first, last = (round(share * len(chosen)) for share in shares)
    ordered = chosen[np.argsort(chosen.mean(1), kind="stable")]
    return np.asarray(np.median(ordered[first:last], 0), np.float32)


def _within(colour: NDArray[np.float32], typical: tuple[float, ...], low: float, high: float) -> NDArray[np.float32]:
    """``colour`` with its luminance kept between ``low`` and ``high`` times the typical one's."""
    mean = max(1e-4, float(colour.mean()))
    return np.asarray(colour * (np.clip(mean, low * np.mean(typical), high * np.mean(typical)) / mean), np.float32)


def _step(value: NDArray[np.float32], edge: float, width: float) -> NDArray[np.float32]:
    place = np.clip((value - edge) / width + 0.5, 0.0, 1.0)
    return np.asarray(place * place * (3.0 - 2.0 * place), np.float32)
