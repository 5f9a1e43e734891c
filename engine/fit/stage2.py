"""Stage 2: light, statistical reflectance, shape and camera together, from coarse to fine.

At each scale: trace the transfer at points of the skin that the photo shows, find light and reflectance, then let shape
and camera follow the photo; at the end trace once more and settle light and reflectance for the final geometry, with the
camera's tone curve. Several photos of one person share identity and reflectance; each has its own expression, camera and light,
and is laid on the others (`agreement`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from ..faces.model import PART_NAMES, FaceModel
from ..landmarks.schemes import SCHEMES
from ..render.geometry import TracedScene
from ..render.transfer import camera_visibility, diffuse_transfer, glossy_transfer, primary_hits
from ..reporter import Reporter
from ..scene.camera import Camera
from ..settings import Settings
from .agreement import LEAST_FACE, POINT_COUNT, Agreement, Sight, surface_points
from .beyond_modes import residual_basis
from .eyes import SIDES
from .gaze import EyeTurn
from .head import DifferentiableCamera, DifferentiableHead
from .lighting import LightPrior
from .photometric import Samples, View, sample_image
from .refine import Posed, ShapeProblem, face_height, openness, solve_shape
from .reflectance import (
    ENOUGH,
    ENOUGH_AT_LAST,
    Explained,
    Reflectance,
    ReflectanceProblem,
    solve_reflectance,
)
from .repeatable import make_repeatable
from .shading import Transfer
from .silhouette import Silhouette, find_silhouette
from .teeth import TeethPlacement
from .tone_curve import power_of
from .tracing import trace_bounce, trace_transfer
from .watch import Stage2State, Watch, nobody
from .whites import WET_F0, WET_ROUGHNESS, White, WhiteEvidence

# The whole photo twice: once more with light, skin and shadows of the shape found last.
SCALES = (0.25, 0.5, 1.0, 1.0)
SAMPLE_COUNT = 4000
# Steps that each search for the reflectance may take, and the last one, as shares of the setting.
REFLECTANCE_SHARE, LAST_SHARE = 0.0375, 0.15
# A point counts less where it is seen from the side.
LEAST_COSINE = 0.15
# What a point of the brows counts: people's lie beside the model's, and dark hair on light skin, or skin where hair is expected,
# says little of either.
BROWS_COUNT = 0.3
# What hairy skin counts of the shape, and the optical depth from which it is: a beard's edge is no edge of the jaw.
HAIRY_COUNTS, HAIRY_DEPTH = 0.2, 0.1
# An open mouth's lips count nothing of the shape, and the skin within so many mm of them little: people's are thinner or thicker than
# the model's, and a smile was opened too far. Where they end before teeth or the hollow a detector sees well, so these points
# count more (docs/benchmark.md).
OPEN_LIPS_MM, OPEN_LIPS_POINTS = 5.0, 4.0
# Coarser pictures show no outline.
LEAST_SILHOUETTE_SCALE = 0.5
EYES = tuple(PART_NAMES.index(side) for side in SIDES)

Show = Callable[[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], View], None]


@dataclass
class Stage2Result:
    """What stage 2 found in one photo; all photos of a person have the same identity, reflectance and losses.

    Attributes:
        identity: (K,) standard deviations. expression: (E,) weights. camera: of the view.
        light: (B, 3) coefficients in the head frame, linear radiance.
        reflectance: statistical reflectance. vertices: (V, 3) mm, with the expression.
        teeth: how the photo shows the teeth to lie; `vertices` have them there.
        shift: (V, 3) mm beyond the model's modes: a smooth field (`beyond_modes`), and where the photos show the outline and
            closed lips; `vertices` have it. None: nowhere.
        lids: (V, 3) mm by which the lower lids lie lower than the modes have them while the eyes are open; `vertices` have it.
            None: nowhere.
        eyes: how they turn to look where this photo shows them, beside the first photo's; `vertices` have it. None: not at all.
        tone_curve: the power by which the camera steepened the skin's contrast (`tone_curve`); 1 for a photo that shows radiance as it
            is, and where none was looked for.
        losses: of every step, in order. rounds: how many of them each search took, of reflectance and shape in turn.
    """

    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    camera: Camera
    light: NDArray[np.float32]
    reflectance: Reflectance
    vertices: NDArray[np.float32]
    tone_curve: float = 1.0
    losses: list[float] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)
    teeth: TeethPlacement = field(default_factory=TeethPlacement)
    shift: NDArray[np.float32] | None = None
    lids: NDArray[np.float32] | None = None
    eyes: EyeTurn | None = None


@dataclass
class Observation:
    """What stage 2 starts from in one photo.

    Attributes:
        view: the photo. points: (L, 2) its landmarks in the view's pixels. expression: (E,) stage 1's weights.
        show: gets vertices, per-vertex reflectance (V, 5), light and view when this photo's turn to be shown has come.
        whites: of the eyes, as far as they are seen, in the view's pixels.
        sureness: (L,) of the landmarks, in [0, 1]: 1 where a person placed them; None: all were detected.
        mouth_open: whether it shows the lips apart.
    """

    view: View
    points: NDArray[np.float32]
    expression: NDArray[np.float32]
    show: Show
    whites: Sequence[White] = ()
    sureness: NDArray[np.float32] | None = None
    mouth_open: bool = False


@dataclass
class _Traced:
    """One photo at the scale of this round: the view, its samples with their transfer and normals (N, 3), what the
    whites of the eyes tell, the face's silhouette where the picture is fine enough, and each vertex's bounced light (V, B).
    """

    view: View
    samples: Samples
    transfer: Transfer
    normal: Tensor
    whites: WhiteEvidence | None
    silhouette: Silhouette | None
    bounce: Tensor


class _Photo:
    """What stage 2 knows of one photo beside what all photos share."""

    def __init__(self, model: FaceModel, seen: Observation, settings: Settings, number: int) -> None:
        self.seen, self.settings = seen, settings
        self.model = model
        self.anchor = torch.from_numpy(seen.expression).float()
        self.expression = self.anchor
        self.camera = seen.view.camera
        towards = torch.from_numpy(self.camera.centre / np.linalg.norm(self.camera.centre))
        self.prior = LightPrior.neutral(settings.bands, towards, settings.light_weight)
        # Each photo is sampled at places of its own.
        self.seed = settings.seed + number * (len(SCALES) + 1)

    def _face_height(self, scale: float) -> float:
        """Pixels of the face at ``scale``."""
        return face_height(self.seen.points, SCHEMES[self.settings.landmark_detector].height_share) * scale

    def view(self, scale: float) -> View:
        """The photo at ``scale``, seen by the camera found so far."""
        whole = replace(self.seen.view, camera=self.camera)
        return whole if scale == 1.0 else whole.scaled(scale)

    def trace(
        self,
        scene: TracedScene,
        head: DifferentiableHead,
        identity: Tensor,
        scale: float,
        step: int,
        check: Callable[[], None],
    ) -> _Traced:
        """Trace the transfer of what the photo shows at ``scale``, in round ``step``."""
        view, seed = self.view(scale), self.seed + step
        vertices = head.vertices(identity, self.expression)
        scene.update(vertices.numpy())
        samples = visible_samples(self.model, scene, view, SAMPLE_COUNT, seed)
        vertex_normals = head.vertex_normals(vertices)
        bounce = trace_bounce(scene, vertex_normals, self.settings, seed, check)
        points, normals, bounced = (
            head.interpolate(values, samples.triangle, samples.barycentric)
            for values in (vertices, vertex_normals, bounce)
        )
        normal = torch.nn.functional.normalize(normals, dim=1)
        transfer = trace_transfer(scene, points, normal, view.camera.centre, self.settings, seed, check, bounced)
        # A point that faces away from the camera says little, and its shading least.
        weight = samples.weight * _facing(transfer)
        trusted = Samples(samples.triangle, samples.barycentric, samples.pixel, samples.colour, weight)
        whites = self._trace_whites(scene, head, vertices, vertex_normals, view.camera, scale, seed, check)
        silhouette = None
        if scale >= LEAST_SILHOUETTE_SCALE:
            height = self._face_height(scale)
            silhouette = find_silhouette(self.model, scene, vertex_normals.numpy(), view, height)
        return _Traced(view, trusted, transfer, normal, whites, silhouette, bounce)

    def _trace_whites(
        self,
        scene: TracedScene,
        head: DifferentiableHead,
        vertices: Tensor,
        vertex_normals: Tensor,
        camera: Camera,
        scale: float,
        seed: int,
        check: Callable[[], None],
    ) -> WhiteEvidence | None:
        """What the whites of the eyes tell, each where the model's eyeball is seen in its pixels."""
        transfers, colours, mirrored = [], [], []
        for white in self.seen.whites:
            triangle, barycentric = primary_hits(scene, camera, white.pixels * np.float32(scale))
            part = self.model.face_part[self.model.triangle_face[triangle]]
            on_eye = (triangle >= 0) & np.isin(part, EYES)
            if not on_eye.any():
                continue
            place = torch.from_numpy(triangle[on_eye].astype(np.int64)), torch.from_numpy(barycentric[on_eye])
            points, normals = (head.interpolate(values, *place) for values in (vertices, vertex_normals))
            normals = torch.nn.functional.normalize(normals, dim=1)
            rays, bands = self.settings.transfer_directions, self.settings.bands
            reached = diffuse_transfer(scene, points, normals, rays, bands, seed, between_blocks=check)
            towards = torch.nn.functional.normalize(torch.from_numpy(camera.centre).float() - points, dim=1)
            nodes = (WET_ROUGHNESS,)
            shine = glossy_transfer(
                scene, points, normals, towards, nodes, bands=bands, seed=seed, between_blocks=check
            )
            transfers.append(reached.mean(0))
            mirrored.append((WET_F0 * shine[:, 0, 0] + shine[:, 0, 1]).mean(0))
            colours.append(white.colour)
        return WhiteEvidence.of(transfers, colours, mirrored) if transfers else None

    def reflectance_problem(self, head: DifferentiableHead, traced: _Traced) -> ReflectanceProblem:
        """What the photo says of light and reflectance."""
        samples = traced.samples
        # The face's points touch a third of the head's vertices.
        vertices, corners = torch.unique(head.triangles[samples.triangle], return_inverse=True)
        brows = torch.from_numpy(self.model.regions.get("brows", np.zeros(self.model.vertex_count, np.float32)))
        hairy = (brows[head.triangles[samples.triangle]] * samples.barycentric).sum(1)
        return ReflectanceProblem(
            transfer=traced.transfer,
            colour=samples.colour,
            weight=samples.weight * (1.0 - (1.0 - BROWS_COUNT) * hairy),
            at_points=lambda values: (values[corners] * samples.barycentric[:, :, None]).sum(1),
            vertices=vertices,
            prior=self.prior,
            whites=traced.whites,
        )

    def shape_problem(
        self,
        head: DifferentiableHead,
        traced: _Traced,
        scale: float,
        fields: tuple[Tensor, Tensor],
        hair: Tensor,
        found: Explained,
    ) -> ShapeProblem:
        """What the photo says of shape and camera, with ``fields`` of per-vertex albedo and surface, and the ``hair``'s depth (V,)."""
        samples = traced.samples
        albedo, surface = (head.interpolate(v, samples.triangle, samples.barycentric) for v in fields)
        specular, roughness = surface.unbind(1)
        lit = traced.transfer.lit(found.light)
        depth = head.interpolate(hair[:, None], samples.triangle, samples.barycentric)[:, 0]
        trust = found.trust * (1.0 - (1.0 - HAIRY_COUNTS) * (depth / HAIRY_DEPTH).clamp(max=1.0))
        embedding, counts = self.model.landmarks[self.settings.landmark_detector], None
        if self.seen.mouth_open:
            lips = torch.from_numpy(_by_the_lips(self.model))
            trust = trust * (1.0 - head.interpolate(lips[:, None], samples.triangle, samples.barycentric)[:, 0])
            inner = np.isin(embedding.index, SCHEMES[self.settings.landmark_detector].inner_lips)
            counts = torch.from_numpy(np.where(inner, OPEN_LIPS_POINTS, 1.0).astype(np.float32))
        return ShapeProblem(
            head=head,
            image=torch.from_numpy(traced.view.image),
            samples=Samples(samples.triangle, samples.barycentric, samples.pixel, samples.colour, trust),
            radiance=lit.radiance(albedo, specular, roughness),
            body=albedo,
            light=found.light,
            openness=openness(traced.transfer, traced.normal),
            normal=traced.normal,
            embedding=embedding,
            points=torch.from_numpy(self.seen.points * np.float32(scale)).float(),
            counts=counts,
            face_height=self._face_height(scale),
            anchor=self.anchor,
            silhouette=traced.silhouette,
            sureness=None if self.seen.sureness is None else torch.from_numpy(self.seen.sureness),
            landmark_weight=self.settings.landmark_weight,
            identity_weight=self.settings.identity_weight,
            expression_weight=self.settings.expression_weight,
        )

    def sight(
        self,
        scene: TracedScene,
        head: DifferentiableHead,
        identity: Tensor,
        place: tuple[Tensor, Tensor],
        traced: _Traced,
        fields: tuple[Tensor, Tensor],
        light: Tensor,
        check: Callable[[], None],
    ) -> Sight:
        """What this photo, as it was ``traced`` last, has at points of the surface: ``place`` is their triangles (N,) and barycentric
        weights (N, 3).
        """
        vertices = head.vertices(identity, self.expression)
        scene.update(vertices.numpy())
        albedo, surface, points, normals, bounce = (
            head.interpolate(values, *place)
            for values in (*fields, vertices, head.vertex_normals(vertices), traced.bounce)
        )
        normals = torch.nn.functional.normalize(normals, dim=1)
        camera = traced.view.camera
        transfer = trace_transfer(scene, points, normals, camera.centre, self.settings, self.seed, check, bounce)
        visible = torch.from_numpy(camera_visibility(scene, camera.centre, points.numpy(), normals.numpy()))
        pixel = torch.from_numpy(camera.project(points.numpy())).float()
        skin = sample_image(torch.from_numpy(traced.view.weight[:, :, None]), pixel)[:, 0]
        expected = transfer.lit(light).radiance(albedo, *surface.unbind(1))
        area = float(traced.view.weight.sum())
        return Sight(torch.from_numpy(traced.view.image), expected, visible * skin * _facing(transfer), area)

    def move(self, place: Posed, scale: float) -> None:
        """Take over what was found at ``scale``."""
        self.expression = place.expression
        width, height = self.camera.width, self.camera.height
        self.camera = place.camera.camera().cropped(0.0, 0.0, width, height, 1.0 / scale)


class _Stage2:
    """The state of one run of stage 2 on all photos of a person."""

    def __init__(
        self,
        model: FaceModel,
        identity: NDArray[np.float32],
        seen: Sequence[Observation],
        settings: Settings,
        reporter: Reporter,
        watch: Watch[Stage2State] = nobody,
    ) -> None:
        self.settings, self.reporter, self.watch = settings, reporter, watch
        self.model = model
        self.beyond = residual_basis(model)
        self.head = DifferentiableHead(model, self.beyond)
        self.photos = [_Photo(model, photo, settings, number) for number, photo in enumerate(seen)]
        # The model's own coefficients, and after them those of what its modes leave.
        self.identity = torch.cat([torch.from_numpy(identity).float(), torch.zeros(len(self.beyond))])
        self.reflectance = Reflectance.average(model)
        self.scene = TracedScene(model.mean, model.triangles)
        self.losses: list[float] = []
        self.lengths: list[int] = []
        self.rounds = 2 * len(SCALES) + 1
        self.round = 0

    def run(self) -> list[Stage2Result]:
        for index, scale in enumerate(SCALES):
            traced = self._trace(scale, index)
            explained = self._find_reflectance(traced)
            self._show(index, traced, explained)
            self._find_shape(scale, traced, explained)
        explained = self._find_reflectance(self._trace(1.0, len(SCALES)), last=True)
        skin, power = self.reflectance.without_curve(), power_of(self.reflectance.curve)
        own = self.model.identity_count
        shift = np.tensordot(self.identity[own:].numpy(), self.beyond, 1)
        return [
            Stage2Result(
                identity=self.identity[:own].numpy(),
                expression=photo.expression.numpy(),
                camera=photo.camera,
                light=found.light.numpy(),
                reflectance=skin,
                vertices=self._vertices(photo).numpy(),
                tone_curve=power,
                losses=self.losses,
                rounds=self.lengths,
                shift=shift,
            )
            for photo, found in zip(self.photos, explained, strict=True)
        ]

    def _vertices(self, photo: _Photo) -> Tensor:
        return self.head.vertices(self.identity, photo.expression)

    def _trace(self, scale: float, step: int) -> list[_Traced]:
        check = self.reporter.check
        return [photo.trace(self.scene, self.head, self.identity, scale, step, check) for photo in self.photos]

    def _find_reflectance(self, traced: list[_Traced], last: bool = False) -> list[Explained]:
        if self.round == 0:
            means = [(t.samples.colour * t.samples.weight[:, None]).sum(0) / t.samples.weight.sum() for t in traced]
            self.reflectance = self.reflectance.guessed(torch.stack(means).mean(0))
        problems = [photo.reflectance_problem(self.head, t) for photo, t in zip(self.photos, traced, strict=True)]
        if last:
            # Only now, as no renderer applies a curve: a shape that is searched in the light of one takes the contrast that is
            # left over for relief (docs/benchmark.md).
            self.reflectance = self.reflectance.with_curve()
        share, enough = (LAST_SHARE, ENOUGH_AT_LAST) if last else (REFLECTANCE_SHARE, ENOUGH)
        steps = max(1, round(share * self.settings.stage2_iterations))
        self.reflectance, explained = solve_reflectance(
            problems, self.reflectance, steps, self._note, self.settings.albedo_weight, self._watch_reflectance, enough
        )
        self._tell()
        return explained

    def _show(self, index: int, traced: list[_Traced], explained: list[Explained]) -> None:
        """One picture each round, of the photos in turn."""
        turn = index % len(self.photos)
        photo = self.photos[turn]
        fields = torch.cat(self._fields(), 1).numpy()
        photo.seen.show(self._vertices(photo).numpy(), fields, explained[turn].light.numpy(), traced[turn].view)

    def _find_shape(self, scale: float, traced: list[_Traced], explained: list[Explained]) -> None:
        fields, hair = self._fields(), self.reflectance.hair_depth()
        problems = [
            photo.shape_problem(self.head, t, scale, fields, hair, found)
            for photo, t, found in zip(self.photos, traced, explained, strict=True)
        ]
        posed = [
            Posed(photo.expression, DifferentiableCamera.at(t.view.camera))
            for photo, t in zip(self.photos, traced, strict=True)
        ]
        steps = max(1, self.settings.stage2_iterations // (2 * len(SCALES)))
        lights = [found.light for found in explained]

        def watch(moved: Callable[[], tuple[Tensor, list[Posed]]]) -> None:
            self.watch(lambda: self._state(moved(), scale, self.reflectance, lights))

        agreement = self._agreement(traced, fields, lights) if len(self.photos) > 1 else None
        self.identity, places = solve_shape(problems, self.identity, posed, steps, self._note, watch, agreement)
        for photo, place in zip(self.photos, places, strict=True):
            photo.move(place, scale)
        self._tell()

    def _agreement(self, traced: list[_Traced], fields: tuple[Tensor, Tensor], lights: Sequence[Tensor]) -> Agreement:
        """What the photos, as they were ``traced`` last, say of each other in these ``lights``."""
        vertices = [self._vertices(photo) for photo in self.photos]
        model, check = self.head.model, self.reporter.check
        chosen = surface_points(model, vertices[0].numpy(), POINT_COUNT, self.settings.seed + self.round)
        place = torch.from_numpy(chosen[0]), torch.from_numpy(chosen[1])
        sights = [
            photo.sight(self.scene, self.head, self.identity, place, seen, fields, light, check)
            for photo, seen, light in zip(self.photos, traced, lights, strict=True)
        ]
        cameras = [DifferentiableCamera.at(seen.view.camera) for seen in traced]
        return Agreement(self.head, *place, sights).levelled(vertices, cameras)

    def _fields(self) -> tuple[Tensor, Tensor]:
        return self.reflectance.albedo(), self.reflectance.surface()

    def _watch_reflectance(self, found: Callable[[], tuple[Reflectance, list[Tensor]]]) -> None:
        posed = [Posed(photo.expression, DifferentiableCamera.at(photo.camera)) for photo in self.photos]
        self.watch(lambda: self._state((self.identity, posed), 1.0, *found()))

    def _state(
        self, shape: tuple[Tensor, list[Posed]], scale: float, reflectance: Reflectance, lights: list[Tensor]
    ) -> Stage2State:
        """For who looks on; the cameras of ``shape`` are of pictures at ``scale``."""
        with torch.no_grad():
            identity, posed = shape
            vertices = [self.head.vertices(identity, place.expression).numpy() for place in posed]
            fields = torch.cat([reflectance.albedo(), reflectance.surface()], 1).numpy()
        whole = [
            place.camera.camera().cropped(0.0, 0.0, photo.camera.width, photo.camera.height, 1.0 / scale)
            for place, photo in zip(posed, self.photos, strict=True)
        ]
        return Stage2State(vertices, whole, fields, [light.numpy() for light in lights])

    def _note(self, loss: float) -> None:
        self.losses.append(loss)
        self.reporter.check()

    def _tell(self) -> None:
        self.round += 1
        self.lengths.append(len(self.losses) - sum(self.lengths))
        self.reporter.progress("stage2", self.round, self.rounds, self.losses[-1])


def fit_statistical(
    model: FaceModel,
    identity: NDArray[np.float32],
    seen: Sequence[Observation],
    settings: Settings,
    reporter: Reporter,
    watch: Watch[Stage2State] = nobody,
) -> list[Stage2Result]:
    """Run stage 2 on all photos of one person, from stage 1's ``identity`` (K,); a result for each photo. ``watch`` is
    offered the state after each step.
    """
    make_repeatable()
    return _Stage2(model, identity, seen, settings, reporter, watch).run()


def _by_the_lips(model: FaceModel) -> NDArray[np.float32]:
    """(V,) 1 on the lips of the mean face, less around them; 0 for a model that tells none."""
    lips = model.regions.get("lips", np.zeros(model.vertex_count, np.float32)) > 0.5
    if not lips.any():
        return np.zeros(model.vertex_count, np.float32)
    distance, _ = cKDTree(model.mean[lips]).query(model.mean)
    return np.asarray(np.exp(-0.5 * (distance / OPEN_LIPS_MM) ** 2), np.float32)


def _facing(transfer: Transfer) -> Tensor:
    """(N,) what points count by how far they face the camera, in [0, 1]."""
    return ((transfer.cosine - LEAST_COSINE) / (0.5 - LEAST_COSINE)).clamp(0.0, 1.0)


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
