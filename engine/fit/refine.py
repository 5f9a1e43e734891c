"""Geometry and camera from shading, colour and landmarks, for a light and a reflectance that stand still.

Points stay fixed on the surface; the photo is read where they project. The shading's change with the normal is that of
the unshadowed irradiance, whose shadows come from the traced transfer: exact for small moves, and rays are traced again
afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..faces.model import LandmarkEmbedding
from .agreement import Agreement
from .head import DifferentiableCamera, DifferentiableHead
from .photometric import Samples, independent_share, observation_precision, sample_image
from .shading import Transfer, unshadowed
from .silhouette import Silhouette
from .watch import Watch, nobody

# Landmarks are a detector's opinion: their deviation as a share of the face's height, and how many of them at most are
# independent.
LANDMARK_SPREAD = 0.008
# The deviation of points that a person placed.
PLACED_SPREAD = 0.004
INDEPENDENT_LANDMARKS = 80.0
EXPRESSION_SPREAD = 0.25
OUTSIDE_SPREAD = 0.03
# What the photo's shading counts of the shape, as independent observations: more than it counts of light and skin. Rendered heads
# get better with more, photos of people worse (docs/benchmark.md).
SHADING_OBSERVATIONS = 800.0
# What stage 1 found holds the camera by these deviations. It does not hold the identity: it has the prior in it, which would
# count twice where landmarks say nothing, as of depth.
TURN_HOLD = 0.05
SHIFT_HOLD = 2.0
ZOOM_HOLD = 0.03
# What moves the face by a millimetre or so: identity, expression, turn, shift, zoom. Counted in these, the problem is about
# as steep in every direction, and L-BFGS needs a tenth of the steps.
STEPS = (0.6, 0.15, 0.01, 0.1, 0.01)


@dataclass
class ShapeProblem:
    """One photo's evidence on the shape.

    Attributes:
        head: the model. image: (H, W, 3) linear photo, blurred to the scale of this pass.
        samples: points of the surface, with their trust. radiance: (N, 3) what the model says of them now.
        body: (N, 3) albedo times what the specular layer lets through. light: (B, 3). openness: (N,) share of light not
            shadowed.
        normal: (N, 3) normals that the transfer was traced with.
        embedding: landmarks. points: (L, 2) their observed pixels. face_height: pixels.
        anchor: (E,) stage 1's expression.
        silhouette: where the face ends before the background, if that is looked at.
        sureness: (L,) of the landmarks: 1 where a person placed them, 0 where they were detected; None: all were.
        counts: (L,) as how many points each of them counts; None: as one.
    """

    head: DifferentiableHead
    image: Tensor
    samples: Samples
    radiance: Tensor
    body: Tensor
    light: Tensor
    openness: Tensor
    normal: Tensor
    embedding: LandmarkEmbedding
    points: Tensor
    face_height: float
    anchor: Tensor
    silhouette: Silhouette | None = None
    sureness: Tensor | None = None
    counts: Tensor | None = None
    landmark_weight: float = 1.0
    identity_weight: float = 1.0
    expression_weight: float = 1.0

    def __post_init__(self) -> None:
        self.precision = observation_precision(self.samples.colour)
        self.share = independent_share(self.samples.weight, SHADING_OBSERVATIONS)
        self.base = unshadowed(self.normal, self.light)
        self.fixed = torch.from_numpy(np.flatnonzero(~self.embedding.contour))
        self.landmark_triangle = torch.from_numpy(self.embedding.triangle.astype(np.int64))[self.fixed]
        self.landmark_barycentric = torch.from_numpy(self.embedding.barycentric)[self.fixed]

    def evidence(self, vertices: Tensor, camera: DifferentiableCamera) -> Tensor:
        """() minus the log likelihood of the photo and its landmarks for ``vertices`` (V, 3), up to a constant."""
        loss = self._photo_loss(vertices, camera) + self.landmark_weight * self._landmark_loss(vertices, camera)
        return loss if self.silhouette is None else loss + self.silhouette.loss(vertices, camera)

    def _photo_loss(self, vertices: Tensor, camera: DifferentiableCamera) -> Tensor:
        place = self.head.interpolate(vertices, self.samples.triangle, self.samples.barycentric)
        seen = sample_image(self.image, camera.project(place))
        normals = self.head.interpolate(
            self.head.vertex_normals(vertices), self.samples.triangle, self.samples.barycentric
        )
        change = unshadowed(torch.nn.functional.normalize(normals, dim=1), self.light) - self.base
        expected = self.radiance + self.body * self.openness[:, None] * change
        square = (self.precision * (seen - expected) ** 2).sum(1)
        return 0.5 * self.share * (self.samples.weight * square).sum()

    def _landmark_loss(self, vertices: Tensor, camera: DifferentiableCamera) -> Tensor:
        place = self.head.interpolate(vertices, self.landmark_triangle, self.landmark_barycentric)
        distance = (camera.project(place) - self.points[self.fixed]) / (LANDMARK_SPREAD * self.face_height)
        square = (distance**2).sum(1)
        # Geman-McClure: a point that is far off (hidden, mistaken) pulls no more.
        robust = 9.0 * square / (9.0 + square)
        if self.sureness is not None:
            # What a person placed is no mistake, however far off it is.
            placed = (LANDMARK_SPREAD / PLACED_SPREAD) ** 2 * square
            robust = robust + self.sureness[self.fixed] * (placed - robust)
        if self.counts is not None:
            robust = self.counts[self.fixed] * robust
        return 0.5 * min(INDEPENDENT_LANDMARKS, float(len(self.fixed))) * robust.mean()

    def allowed(self, expression: Tensor) -> Tensor:
        """(E,) ``expression`` within what the model's weights may be."""
        return expression.clamp(0.0, 1.0) if self.head.model.expression_is_blendshape else expression

    def identity_prior(self, identity: Tensor) -> Tensor:
        """() minus the log prior of identity coefficients (K,), up to a constant."""
        return self.identity_weight * 0.5 * (identity**2).sum()

    def expression_prior(self, weight: Tensor) -> Tensor:
        """() the same of expression weights (E,), held near stage 1's."""
        expression = 0.5 * (((weight - self.anchor) / EXPRESSION_SPREAD) ** 2).sum()
        if self.head.model.expression_is_blendshape:
            outside = torch.relu(-weight) + torch.relu(weight - 1.0)
            expression = expression + 0.5 * ((outside / OUTSIDE_SPREAD) ** 2).sum()
        return self.expression_weight * expression

    @staticmethod
    def camera_prior(camera: DifferentiableCamera) -> Tensor:
        """() the same of a camera's moves."""
        turn, shift, zoom = camera.parameters
        return (
            0.5 * ((turn / TURN_HOLD) ** 2).sum()
            + 0.5 * ((shift / SHIFT_HOLD) ** 2).sum()
            + 0.5 * (zoom / ZOOM_HOLD) ** 2
        )


@dataclass(frozen=True)
class Posed:
    """One photo's expression (E,) and camera."""

    expression: Tensor
    camera: DifferentiableCamera


def solve_shape(
    photos: Sequence[ShapeProblem],
    identity: Tensor,
    posed: Sequence[Posed],
    steps: int,
    tick: Callable[[float], None],
    watch: Watch[tuple[Tensor, list[Posed]]] = nobody,
    agreement: Agreement | None = None,
) -> tuple[Tensor, list[Posed]]:
    """The one identity (K,) and each photo's expression and camera after ``steps`` of L-BFGS from the given ones.

    ``agreement`` is what the photos say of each other. ``tick`` is called with each evaluation's loss, ``watch`` is offered what it
    was evaluated at.
    """
    first, scales = [identity], [STEPS[0]]
    for photo in posed:
        first += [photo.expression, *(p.detach() for p in photo.camera.parameters)]
        scales += STEPS[1:]
    moves = [torch.zeros_like(value).requires_grad_(True) for value in first]

    def moved() -> tuple[Tensor, list[Posed]]:
        places = [value + step * move for value, step, move in zip(first, scales, moves, strict=True)]
        own = [places[start : start + len(STEPS) - 1] for start in range(1, len(places), len(STEPS) - 1)]
        return places[0], [
            Posed(values[0], DifferentiableCamera(photo.camera.start, *values[1:]))
            for values, photo in zip(own, posed, strict=True)
        ]

    optimiser = torch.optim.LBFGS(
        moves, max_iter=steps, max_eval=2 * steps, history_size=15, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = shape_loss(photos, *moved(), agreement)
        torch.autograd.backward(loss)
        tick(float(loss.detach()))
        watch(moved)
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        found, stopped = moved()
    return found, [
        Posed(photo.allowed(place.expression), place.camera) for photo, place in zip(photos, stopped, strict=True)
    ]


def shape_loss(
    photos: Sequence[ShapeProblem], identity: Tensor, posed: Sequence[Posed], agreement: Agreement | None = None
) -> Tensor:
    """() minus the log posterior of the identity and all expressions and cameras, up to a constant."""
    pairs = list(zip(photos, posed, strict=True))
    vertices = [photo.head.vertices(identity, place.expression) for photo, place in pairs]
    evidence = [photo.evidence(own, place.camera) for own, (photo, place) in zip(vertices, pairs, strict=True)]
    if agreement is not None:
        evidence.append(agreement.loss(vertices, [place.camera for place in posed]))
    expressions = [photo.expression_prior(place.expression) for photo, place in pairs]
    prior = photos[0].identity_prior(identity) + torch.stack(expressions).sum()
    cameras = torch.stack([photo.camera_prior(place.camera) for photo, place in pairs])
    return torch.stack(evidence).sum() + prior + cameras.sum()


def openness(transfer: Transfer, normal: Tensor) -> Tensor:
    """(N,) share of a constant light that reaches each point: its traced band 0 over that of an unshadowed one."""
    free = unshadowed(normal, torch.eye(1, 3))[:, 0]
    return (transfer.diffuse[:, 0] / free).clamp(0.0, 1.0)


def face_height(points: NDArray[np.float32], share: float = 1.0) -> float:
    """Pixels between the lowest and the highest landmark (L, 2), times ``share``: `Scheme.height_share`."""
    return float(np.ptp(points[:, 1])) * share
