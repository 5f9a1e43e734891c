"""The engine for Python programs: reconstruct, read results, render them in another light and from elsewhere.

Importing this module is cheap; what it calls imports the engine's packages. See docs/python.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import OutputError, PhotoError
from .hints import PhotoHints
from .protocol import PhotoResult, ProtocolError, Result
from .reporter import Reporter, SilentReporter
from .results.data import HeadData
from .results.writing import RESULT_NAME
from .scene.camera import Camera
from .settings import Settings
from .stages import Stages

if TYPE_CHECKING:
    from .scene.light import Light

FloatArray = NDArray[np.float32]
RENDER_SAMPLES = 64


@dataclass(frozen=True)
class Photo:
    """One photo of a reconstruction.

    Attributes:
        name: of the picture in the result's folder.
        camera: the camera that took it, in its pixels, standing in the head's frame (mm, y up, z out of the face).
        expression: name -> weight.
        light: (h, 2h, 3) linear Rec. 709 radiance as a latitude-longitude image of the head's frame.
    """

    name: str
    camera: Camera
    expression: Mapping[str, float]
    light: FloatArray


@dataclass(frozen=True)
class Reconstruction:
    """A folder of results. Files are read when they are first asked for.

    Attributes:
        folder: where they are.
        result: what ``result.json`` says: the files' names and the photos' figures.
    """

    folder: Path
    result: Result

    @classmethod
    def load(cls, place: Path | str) -> Reconstruction:
        """The results in a folder, or described by a ``result.json``.

        Raises:
            OutputError: there are none, or they cannot be read.
        """
        path = Path(place)
        path = path / RESULT_NAME if path.is_dir() else path
        try:
            return cls(path.parent, Result.from_json(path.read_text("utf-8")))
        except OSError as error:
            raise OutputError(f"There are no results at '{place}'.", "Give the folder of a reconstruction.") from error
        except ProtocolError as error:
            raise OutputError(error.message, error.remedy) from error

    @cached_property
    def report(self) -> dict[str, Any]:
        """What ``report.json`` says: seconds, errors, versions, settings, warnings."""
        values: dict[str, Any] = json.loads(self._path(self.result.report).read_text("utf-8"))
        return values

    @cached_property
    def diffuse(self) -> FloatArray:
        """(T, T, 3) linear Rec. 709 base colour in [0, 1]; row 0 is v = 1, as of all maps."""
        from .scene.colour import srgb_to_linear

        return srgb_to_linear(self._map(self.result.diffuse, 3))

    @cached_property
    def specular(self) -> FloatArray:
        """(T, T) Specular IOR Level of the Principled BSDF, in [0, 1]."""
        return self._map(self.result.specular, 1)

    @cached_property
    def roughness(self) -> FloatArray:
        """(T, T) in [0, 1]."""
        return self._map(self.result.roughness, 1)

    @cached_property
    def normal(self) -> FloatArray | None:
        """(T, T, 3) in [0, 1], tangent space, green up; None where the fit made none."""
        return self._map(self.result.normal, 3) if self.result.normal else None

    @cached_property
    def coverage(self) -> FloatArray | None:
        """(T, T, 3) how much of a texel comes from the photos, the mirror side and the model; None: not known."""
        return self._map(self.result.coverage, 3) if self.result.coverage else None

    @cached_property
    def head(self) -> HeadData:
        """The neutral head, its polygons, UVs, expressions and sliders."""
        from .results.mesh import read_head

        return read_head(self._path(self.result.head))

    @cached_property
    def photos(self) -> tuple[Photo, ...]:
        """The photos, in the order in which they were given."""
        return tuple(self._photo(item) for item in self.result.photos)

    def vertices(self, photo: int = 0, expression: Mapping[str, float] | None = None) -> FloatArray:
        """(V, 3) mm: the head with the expression of a photo, or with another one (name -> weight; {} is neutral).

        Raises:
            KeyError: there is no expression of a name.
        """
        return self.head.expressed(self.photos[photo].expression if expression is None else expression)

    def render(
        self,
        photo: int = 0,
        *,
        camera: Camera | None = None,
        light: Light | NDArray[Any] | None = None,
        expression: Mapping[str, float] | None = None,
        samples: int = RENDER_SAMPLES,
        seed: int = 0,
    ) -> FloatArray:
        """(H, W, 4) path-traced linear Rec. 709 and coverage: a photo again, or with another camera, light or expression.

        Args:
            photo: whose camera, light and expression are used where no others are given.
            camera: its size is the picture's; `turned` and `resized` make others of a photo's.
            light: a `scene.light.Light`, or an image as `Photo.light`.
            expression: name -> weight.
            samples: paths per pixel.
            seed: of the random numbers; the same seed gives the same picture.
        """
        from .render.path import render

        own = self.photos[photo]
        found = render(
            self.vertices(photo, expression),
            _Surface.of(self.head),
            self.diffuse,
            self.specular,
            self.roughness,
            own.light if light is None else light,
            own.camera if camera is None else camera,
            samples=samples,
            seed=seed,
            normal_map=self.normal,
        )
        return np.dstack([found.image, found.coverage])

    def _photo(self, item: PhotoResult) -> Photo:
        from .render.variant import activate
        from .results.images import load_exr

        # Mitsuba reads the light; its variant has to be chosen before it is imported.
        activate()
        rotation, translation = np.array(item.rotation, np.float64), np.array(item.translation, np.float64)
        camera = Camera(item.width, item.height, item.focal_px, item.cx, item.cy, rotation, translation)
        return Photo(item.photo, camera, item.expression, load_exr(self._path(item.light)))

    def _map(self, name: str, channels: int) -> FloatArray:
        """(T, T, channels), or (T, T) of one channel: a map's values in [0, 1]."""
        from .results.images import load_data

        values = load_data(self._path(name))
        plain = values if values.ndim == 3 else values[..., None]
        return plain[..., 0] if channels == 1 else np.broadcast_to(plain, (*plain.shape[:2], channels))

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise OutputError(f"The file '{path}' is missing.", "Reconstruct again.")
        return path


@dataclass(frozen=True)
class _Surface:
    """What the renderer asks of a head."""

    triangles: NDArray[np.int32]
    triangle_uv: FloatArray

    @classmethod
    def of(cls, head: HeadData) -> _Surface:
        from .faces.topology import split_quads

        triangles, face, corner = split_quads(head.quads)
        return cls(triangles, head.uv_face[face[:, None], corner])


def reconstruct(
    photos: Path | str | Iterable[Path | str],
    output: Path | str,
    settings: Settings | Mapping[str, Any] | None = None,
    reporter: Reporter | None = None,
    stages: Stages | None = None,
    hints: Iterable[PhotoHints] = (),
) -> Reconstruction:
    """Reconstruct the one person in ``photos`` in this process and write everything into the folder ``output``.

    Args:
        photos: one photo, or several of one person.
        output: made if it is not there.
        settings: `Settings`, or a mapping of some of its names; None: the defaults. `presets.load` reads files.
        reporter: is told of progress and may cancel.
        stages: which stages are left out, or taken from a checkpoint; None: all are run.
        hints: what a person says of each photo, in their order: points placed by hand, the focal length.

    Raises:
        EngineError: with a sentence and a remedy.
        Cancelled: by the reporter.
    """
    from .fit.frugal import reconstruct as fit

    wanted = [Path(photos)] if isinstance(photos, Path | str) else [Path(photo) for photo in photos]
    for photo in wanted:
        if not photo.is_file():
            raise PhotoError(f"There is no photo '{photo}'.", "Check the path.")
    chosen = settings if isinstance(settings, Settings) else Settings.from_dict(settings or {})
    return Reconstruction.load(fit(wanted, Path(output), chosen, reporter or SilentReporter(), stages, list(hints)))


def turned(camera: Camera, degrees: float) -> Camera:
    """A camera that has walked around the head, about its vertical axis, towards the subject's left."""
    angle = np.radians(degrees)
    c, s = float(np.cos(angle)), float(np.sin(angle))
    back = np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])
    return replace(camera, rotation=camera.rotation @ back)


def resized(camera: Camera, longer_side: int) -> Camera:
    """The same view in a picture of another size, pixels."""
    scale = longer_side / max(camera.width, camera.height)
    return camera.cropped(0.0, 0.0, round(camera.width * scale), round(camera.height * scale), scale)
