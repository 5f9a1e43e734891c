"""`Config`, `Optimizer`, `Pipeline` and `Renderer` with the reference's use, as a thin layer over `api`.

    config = Config()
    config.fillFromDicFile("optimConfig.ini")
    Optimizer("./output", config).run("./input/s1.png")

Arrays are numpy's, where the reference has PyTorch's. Names are the reference's own, so they are not ours in style.
"""
# ruff: noqa: N802

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import presets
from .api import Photo, Reconstruction, reconstruct
from .batch import find_people
from .errors import EngineError
from .reference_config import KEYS, Translation, checked
from .reporter import Reporter, SilentReporter
from .scene.camera import Camera
from .settings import Settings
from .stages import Stages

FloatArray = NDArray[np.float32]
# The reference's camera looks along +z with y down; ours along -z with y up.
_TO_OURS = np.array([1.0, -1.0, -1.0])


class Config:
    """The reference's settings as attributes, such as ``textureResolution``, beside all of `Settings`.

    An attribute that was never given has the value that means our default. A wrong name or value raises SettingsError.
    """

    _assignments: list[tuple[str, Any]]
    _folders: list[Path]

    def __init__(self) -> None:
        # Past `__setattr__`, which knows settings only.
        self.__dict__.update(_assignments=[], _folders=[])

    def fillFromDicFile(self, filePath: Path | str) -> None:
        """Take over what a configuration file says, of either program; what means nothing here is said on stderr.

        Raises:
            SettingsError: the file cannot be read, or a line is wrong; it names the line.
        """
        path = Path(filePath)
        for notice in presets.load(path).notices:
            print(f"Note: {notice}", file=sys.stderr)
        self._folders.extend([path.absolute().parent, path.absolute().parent.parent])
        self._assignments.extend(presets.named_values(path))

    def settings(self) -> Settings:
        """What it all means here."""
        return Settings.from_dict(dict(self._settled()))

    def notices(self) -> list[str]:
        """A sentence for each attribute that means nothing here, or something else than in the reference."""
        translation = Translation(self._folders)
        for name, value in self._assignments:
            if name in KEYS:
                translation.take(name, value)
        return translation.notices

    def print(self) -> None:
        """Show all values."""
        for name in (*KEYS, *Settings().to_dict()):
            print(name, "=>", getattr(self, name))

    def _settled(self) -> Iterator[tuple[str, Any]]:
        translation = Translation(self._folders)
        for name, value in self._assignments:
            yield from translation.take(name, value).items() if name in KEYS else [(name, value)]

    def __getattr__(self, name: str) -> Any:
        if name not in KEYS and name not in Settings().to_dict():
            raise AttributeError(f"There is no setting named '{name}'.")
        given = dict(self._assignments)
        if name in KEYS:
            return given.get(name, KEYS[name].usual)
        return getattr(self.settings(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in KEYS:
            value = checked(name, value)
        else:
            Settings.from_dict({name: value})
        self._assignments.append((name, value))


class Pipeline:
    """What was fitted, to be looked at: one entry for each photo, as the reference has it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.sharedIdentity = False
        self._seen: list[tuple[Reconstruction, int]] = []

    def fill(self, found: list[Reconstruction], sharedIdentity: bool = False) -> None:
        """Take over reconstructions."""
        self.sharedIdentity = sharedIdentity
        self._seen = [(item, number) for item in found for number in range(len(item.photos))]

    @property
    def vFocals(self) -> FloatArray:
        """(n,) focal lengths in pixels of each photo."""
        return np.array([photo.camera.focal_px for photo in self._photos()], np.float32)

    def computeShape(self) -> FloatArray:
        """(n, V, 3) mm, head frame: the heads with each photo's expression. Raises EngineError before a run."""
        self._photos()
        return np.stack([item.vertices(number) for item, number in self._seen])

    def transformVertices(self, vertices: FloatArray | None = None) -> FloatArray:
        """(n, V, 3) mm: ``vertices`` (n, V, 3), by default `computeShape`, before each photo's camera (y down, z ahead)."""
        heads = self.computeShape() if vertices is None else vertices
        moved = [p.camera.to_camera(np.asarray(v)) * _TO_OURS for p, v in zip(self._photos(), heads, strict=True)]
        return np.asarray(moved, np.float32)

    def render(self, samples: int | None = None) -> list[FloatArray]:
        """(H, W, 4) linear colour and coverage of each photo's view, with ``rtSamples`` paths per pixel."""
        count = self.config.settings().render_samples if samples is None else samples
        self._photos()
        return [item.render(number, samples=count) for item, number in self._seen]

    def _photos(self) -> list[Photo]:
        if not self._seen:
            raise EngineError("Nothing was fitted yet.", "Call Optimizer.run first.")
        return [item.photos[number] for item, number in self._seen]


class Optimizer:
    """Reconstructs photos into a folder."""

    def __init__(self, outputDir: Path | str, config: Config, reporter: Reporter | None = None) -> None:
        """``reporter`` is told of progress and may cancel; None: nothing is told."""
        self.outputDir, self.config = Path(outputDir), config
        self.pipeline = Pipeline(config)
        self._reporter = reporter or SilentReporter()

    def run(
        self,
        imagePathOrDir: Path | str,
        sharedIdentity: bool = False,
        checkpoint: Path | str | None = None,
        doStep1: bool = True,
        doStep2: bool = True,
        doStep3: bool = True,
    ) -> list[Reconstruction]:
        """Reconstruct a photo, or a folder's photos: of one person, or of another person in each, who has a folder then.

        Returns what was made; ``pipeline`` shows it too.

        Raises:
            EngineError: the settings or the photo are of no use; of several people, when nobody could be reconstructed.
                Others of them are skipped, with a sentence on stderr.
        """
        stages = _stages(checkpoint, (doStep1, doStep2, doStep3))
        people = find_people([Path(imagePathOrDir)], self.outputDir, sharedIdentity)
        settings, made = self.config.settings(), list[Reconstruction]()
        errors: list[EngineError] = []
        for person in people:
            try:
                made.append(reconstruct(person.photos, person.output, settings, self._reporter, stages))
            except EngineError as error:
                errors.append(error)
                print(f"Skipped {person.photos[0]}: {error}", file=sys.stderr)
        if not made:
            raise errors[0]
        self.pipeline.fill(made, sharedIdentity)
        return made


def _stages(checkpoint: Path | str | None, steps: tuple[bool, bool, bool]) -> Stages:
    """What a fit leaves out, and what it goes on from."""
    skipped = frozenset(number for number, wanted in enumerate(steps, 1) if not wanted)
    return Stages(skipped, Path(checkpoint) if checkpoint else None)


@dataclass(frozen=True)
class Scene:
    """What `Renderer.buildScenes` makes of one frame: the arguments of `render.path.render`."""

    vertices: FloatArray
    triangles: NDArray[np.int32]
    triangle_uv: FloatArray
    diffuse: FloatArray
    specular: FloatArray
    roughness: FloatArray
    light: FloatArray
    camera: Camera
    normals: FloatArray | None


class Renderer:
    """Path-traces meshes with Mitsuba: ``render(buildScenes(...))``."""

    def __init__(self, samples: int = 64, bounces: int = 1, device: str = "auto") -> None:
        """``samples`` per pixel; ``bounces`` on the head; ``device``: auto, cpu or cuda."""
        self.samples, self.bounces, self.device = samples, bounces, device
        self.screenWidth = self.screenHeight = 256

    def buildScenes(
        self,
        vertices: Any,
        indices: Any,
        normal: Any,
        uv: Any,
        diffuse: Any,
        specular: Any,
        roughness: Any,
        focal: Any,
        envMap: Any,
    ) -> list[Scene]:
        """One scene for each of n frames.

        Args:
            vertices: (n, V, 3) mm before the camera, which stands at the origin and looks along +z with y down.
            indices: (T, 3) triangles.
            normal: (n, V, 3) unit normals in the same frame, or None.
            uv: (V, 2), v upwards.
            diffuse: (n or 1, R, R, 3) linear base colour in [0, 1].
            specular: (n or 1, R, R, 1 or 3) Specular IOR Level in [0, 1]; of three channels the mean.
            roughness: (n or 1, R, R, 1).
            focal: (n,) pixels.
            envMap: (n, h, 2h, 3) linear radiance, latitude-longitude as in `scene.light`, y up.
        """
        heads = np.asarray(vertices, np.float32)
        triangles, corners = np.asarray(indices, np.int32), np.asarray(uv, np.float32)

        def of(frames: Any, number: int) -> FloatArray:
            return np.asarray(frames[number if len(frames) > 1 else 0], np.float32)

        return [
            Scene(
                vertices=(heads[i] * _TO_OURS).astype(np.float32),
                triangles=triangles,
                triangle_uv=corners[triangles],
                diffuse=of(diffuse, i),
                specular=of(specular, i).mean(-1),
                roughness=of(roughness, i)[..., 0],
                light=of(envMap, i),
                camera=self.setupCamera(float(focal[i]), self.screenWidth, self.screenHeight),
                normals=None if normal is None else (of(normal, i) * _TO_OURS).astype(np.float32),
            )
            for i in range(len(heads))
        ]

    def setupCamera(self, focal: float, image_width: int, image_height: int) -> Camera:
        """A camera at the origin; ``focal`` in pixels."""
        middle = image_width / 2, image_height / 2
        return Camera(image_width, image_height, focal, *middle, np.eye(3), np.zeros(3))

    def render(self, scenes: list[Scene]) -> FloatArray:
        """(n, H, W, 4) linear colour and coverage."""
        from .render.path import render
        from .render.variant import activate

        activate(self.device)
        pictures = []
        for scene in scenes:
            found = render(
                scene.vertices,
                scene,
                scene.diffuse,
                scene.specular,
                scene.roughness,
                scene.light,
                scene.camera,
                samples=self.samples,
                depth=self.bounces,
                normals=scene.normals,
            )
            pictures.append(np.dstack([found.image, found.coverage]))
        return np.stack(pictures)
