"""Stage 2: light, statistical reflectance, shape and camera together, from coarse to fine.

At each scale: trace the transfer at points of the skin that the photo shows, find light and reflectance, then let shape
    and camera follow the photo; at the end trace once more and settle light and reflectance for the final geometry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..faces.model import PART_NAMES, FaceModel
from ..render.geometry import TracedScene
from ..render.transfer import primary_hits
from ..reporter import Reporter
from ..scene.camera import Camera
from ..settings import Settings
from .head import DifferentiableCamera, DifferentiableHead
from .lighting import LightPrior
from .photometric import Samples, View, sample_image
from .refine import Shape, ShapeProblem, face_height, openness
from .reflectance import Reflectance, ReflectanceProblem
from .repeatable import make_repeatable
from .shading import Transfer
from .tracing import trace_bounce, trace_transfer

SCALES = (0.25, 0.5, 1.0)
SAMPLE_COUNT = 4000
REWEIGHTINGS = 2
# A point counts as part of the face where the model's soft mask says so, and less where it is seen from the side.
LEAST_FACE = 0.3
LEAST_COSINE = 0.15


@dataclass
class Stage2Result:
    """What stage 2 found.

    Attributes:
        identity: (K,) standard deviations. expression: (E,) weights. camera: of the view.
        light: (B, 3) coefficients in the head frame, linear radiance.
        reflectance: statistical reflectance. vertices: (V, 3) mm, with the expression.
        losses: (step, loss) in order.
    """

    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    camera: Camera
    light: NDArray[np.float32]
    reflectance: Reflectance
    vertices: NDArray[np.float32]
    losses: list[float] = field(default_factory=list)


@dataclass
class Observation:
    """What stage 2 starts from: the view, the landmarks in its pixels (L, 2), stage 1's shape, and the tint of the light
    (3,) where the whites of the eyes tell it.
    """

    view: View
    points: NDArray[np.float32]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    tint: NDArray[np.float64] | None = None


Show = Callable[[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], View], None]


class _Stage2:
    """The state of one run of stage 2."""

    def __init__(self, model: FaceModel, seen: Observation, settings: Settings, reporter: Reporter, show: Show) -> None:
        self.model, self.seen, self.settings = model, seen, settings
        self.reporter, self.show = reporter, show
        self.head = DifferentiableHead(model)
        self.anchor = Shape(torch.from_numpy(seen.identity).float(), torch.from_numpy(seen.expression).float())
        self.shape = self.anchor
        self.camera = seen.view.camera
        self.reflectance = Reflectance.average(model)
        towards = torch.from_numpy(self.camera.centre / np.linalg.norm(self.camera.centre))
        self.prior = LightPrior.neutral(settings.bands, towards, settings.light_weight, seen.tint)
        self.scene = TracedScene(model.mean, model.triangles)
        self.losses: list[float] = []
        self.rounds = 2 * len(SCALES) + 1
        self.round = 0

    def run(self) -> Stage2Result:
        for index, scale in enumerate(SCALES):
            view = View(self.seen.view.image, self.seen.view.weight, self.camera).scaled(scale)
            samples, transfer, normal = self._trace(view, self.settings.seed + index)
            light, trust = self._find_reflectance(samples, transfer)
            self.show(self._vertices().numpy(), torch.cat(self._fields(), 1).numpy(), light.numpy(), view)
            self._find_shape(view, scale, samples, transfer, normal, light, trust)
        view = View(self.seen.view.image, self.seen.view.weight, self.camera)
        samples, transfer, _ = self._trace(view, self.settings.seed + len(SCALES))
        light, _ = self._find_reflectance(samples, transfer)
        return Stage2Result(
            identity=self.shape.identity.numpy(),
            expression=self.shape.expression.numpy(),
            camera=self.camera,
            light=light.numpy(),
            reflectance=self.reflectance,
            vertices=self._vertices().numpy(),
            losses=self.losses,
        )

    def _vertices(self) -> Tensor:
        return self.head.vertices(self.shape.identity, self.shape.expression)

    def _trace(self, view: View, seed: int) -> tuple[Samples, Transfer, Tensor]:
        vertices = self._vertices()
        self.scene.update(vertices.numpy())
        samples = visible_samples(self.model, self.scene, view, SAMPLE_COUNT, seed)
        vertex_normals = self.head.vertex_normals(vertices)
        bounce = trace_bounce(self.scene, vertex_normals, self.settings, seed, self.reporter.check)
        normals, bounced = (
            self.head.interpolate(values, samples.triangle, samples.barycentric) for values in (vertex_normals, bounce)
        )
        normal = torch.nn.functional.normalize(normals, dim=1)
        points = self.head.interpolate(vertices, samples.triangle, samples.barycentric)
        transfer = trace_transfer(
            self.scene, points, normal, view.camera.centre, self.settings, seed, self.reporter.check, bounced
        )
        # A point that faces away from the camera says little, and its shading least.
        weight = samples.weight * ((transfer.cosine - LEAST_COSINE) / (0.5 - LEAST_COSINE)).clamp(0.0, 1.0)
        return Samples(samples.triangle, samples.barycentric, samples.pixel, samples.colour, weight), transfer, normal

    def _find_reflectance(self, samples: Samples, transfer: Transfer) -> tuple[Tensor, Tensor]:
        if self.round == 0:
            mean = (samples.colour * samples.weight[:, None]).sum(0) / samples.weight.sum()
            self.reflectance = self.reflectance.guessed(mean)
        problem = ReflectanceProblem(
            transfer=transfer,
            colour=samples.colour,
            weight=samples.weight,
            at_points=lambda values: self.head.interpolate(values, samples.triangle, samples.barycentric),
            prior=self.prior,
            albedo_weight=self.settings.albedo_weight,
        )
        steps = max(1, self.settings.stage2_iterations // (2 * (len(SCALES) + 1) * REWEIGHTINGS))
        self.reflectance, light, trust = problem.solve(self.reflectance, REWEIGHTINGS, steps, self._note)
        self._tell()
        return light, trust

    def _find_shape(
        self,
        view: View,
        scale: float,
        samples: Samples,
        transfer: Transfer,
        normal: Tensor,
        light: Tensor,
        trust: Tensor,
    ) -> None:
        at_points = [self.head.interpolate(v, samples.triangle, samples.barycentric) for v in self._fields()]
        albedo, surface = at_points
        specular, roughness = surface.unbind(1)
        lit = transfer.lit(light)
        problem = ShapeProblem(
            head=self.head,
            image=torch.from_numpy(view.image),
            samples=Samples(samples.triangle, samples.barycentric, samples.pixel, samples.colour, trust),
            radiance=lit.radiance(albedo, specular, roughness),
            body=albedo,
            light=light,
            openness=openness(transfer, normal),
            normal=normal,
            embedding=self.model.landmarks[self.settings.landmark_detector],
            points=torch.from_numpy(self.seen.points * np.float32(scale)).float(),
            face_height=face_height(self.seen.points) * scale,
            anchor=self.anchor,
            landmark_weight=self.settings.landmark_weight,
            identity_weight=self.settings.identity_weight,
            expression_weight=self.settings.expression_weight,
        )
        steps = max(1, self.settings.stage2_iterations // (2 * len(SCALES)))
        camera = DifferentiableCamera.at(view.camera)
        self.shape, camera = problem.solve(self.shape, camera, steps, self._note)
        self.camera = camera.camera().cropped(0.0, 0.0, self.camera.width, self.camera.height, 1.0 / scale)
        self._tell()

    def _fields(self) -> tuple[Tensor, Tensor]:
        return self.reflectance.albedo(), self.reflectance.surface()

    def _note(self, loss: float) -> None:
        self.losses.append(loss)
        self.reporter.check()

    def _tell(self) -> None:
        self.round += 1
        self.reporter.progress("stage2", self.round, self.rounds, self.losses[-1])


def fit_statistical(
    model: FaceModel, seen: Observation, settings: Settings, reporter: Reporter, show: Show
) -> Stage2Result:
    """Run stage 2 on one photo; ``show`` gets vertices, per-vertex reflectance (V, 5), light and view after each scale."""
    make_repeatable()
    return _Stage2(model, seen, settings, reporter, show).run()


def visible_samples(model: FaceModel, scene: TracedScene, view: View, count: int, seed: int) -> Samples:
    """Up to ``count`` points of the face's skin at random places in pixels of ``view`` that its mask trusts."""
    rows, columns = np.nonzero(view.weight > 0.05)
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(rows))[: 2 * count]
    # Not at the pixels' centres: a bilinear look-up has its kinks there, and no slope that a search could follow.
    pixel = np.stack([columns[order], rows[order]], 1).astype(np.float32)
    pixel += chance.random(pixel.shape, np.float32)
    triangle, barycentric = primary_hits(scene, view.camera, pixel)
    region = (model.regions["face"][model.triangles[triangle]] * barycentric).sum(1)
    skin = model.face_part[model.triangle_face[triangle]] == PART_NAMES.index("skin")
    kept = np.flatnonzero((triangle >= 0) & skin & (region > LEAST_FACE))[:count]
    place = torch.from_numpy(pixel[kept])
    return Samples(
        triangle=torch.from_numpy(triangle[kept].astype(np.int64)),
        barycentric=torch.from_numpy(barycentric[kept].astype(np.float32)),
        pixel=place,
        colour=sample_image(torch.from_numpy(view.image), place),
        weight=torch.from_numpy(view.weight[rows[order[kept]], columns[order[kept]]]) * torch.from_numpy(region[kept]),
    )
