"""Pictures of what a checkpoint holds: every stage over its photo, and the head turning under its own light."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import CheckpointError
from ..faces.choose import load_model
from ..faces.model import FaceModel
from ..results.checkpoints import Checkpoint
from ..results.images import displayed
from ..results.loss_curves import loss_curves
from ..results.png import write_png
from ..results.writing import ResultFolder
from ..scene.camera import Camera
from ..scene.colour import srgb_to_linear
from ..settings import Settings
from .debug import FOLDER, frames_in
from .maps import FinishedMaps
from .preview import over
from .record import losses_of
from .stage1 import Stage1Result
from .stage2 import Stage2Result
from .stage_pictures import Quality, StagePainter
from .stage_state import StateReader, fingerprint, stage1_of, stage2_of, stage3_of

FloatImage = NDArray[np.float32]
ByteImage = NDArray[np.uint8]

# The turntable's camera, far enough for little perspective, and the linear grey behind the head.
DISTANCE_MM = 1200.0
BACKGROUND = 0.03
# The whole head fits, with so much room around it.
ROOM = 1.08
SECONDS_PER_TURN, SECONDS_PER_STEP = 4.0, 0.25
SHEET = Quality(512, 64)


@dataclass(frozen=True)
class Turntable:
    """``frames`` of a whole turn (0: none), ``size`` pixels a side, ``samples`` per pixel, and what ``animation`` is written
    as: "gif", "webp" or "png".
    """

    frames: int = 24
    size: int = 384
    samples: int = 32
    animation: str = "gif"


class Replay:
    """The stages of one checkpoint."""

    def __init__(self, checkpoint: Checkpoint, table: Turntable, say: Callable[[str], None]) -> None:
        """Take the stages out of the checkpoint. Raises CheckpointError where they do not fit the face model."""
        self.table, self.say, self.stage = table, say, checkpoint.stage
        self.model = _model(checkpoint)
        self.count = len(checkpoint.photos)
        self.arrays = checkpoint.arrays
        state = StateReader(checkpoint.arrays, self.count)
        self.painters = [_painter(state, self.model, number) for number in range(self.count)]
        self.windows = state.take("windows", np.float64, self.count, 3)
        self.first: Stage1Result = stage1_of(state, self.model)
        self.second: list[Stage2Result] = []
        self.maps: FinishedMaps | None = None
        if self.stage >= 2:
            self.second = stage2_of(state, self.model, _bands(state))
        if self.stage >= 3:
            self.maps, _ = stage3_of(state, len(state.image("stage3_diffuse", 3)))

    def write(self, output: Path, run: Path) -> list[Path]:
        """Write all pictures into ``output``, at once, and tell their paths; ``run`` may have debug frames.

        Raises:
            OutputError: the folder cannot be written; nothing is left there.
        """
        names: list[str] = []
        with ResultFolder(output, beside=True) as folder:
            for name, picture in self._stages():
                write_png(folder.path / name, picture)
                names.append(name)
            curves = loss_curves({f"stage{n}": losses_of(self.arrays, n) for n in range(1, self.stage + 1)})
            if curves is not None:
                write_png(folder.path / "losses.png", curves)
                names.append("losses.png")
            names += self._steps(folder.path, run)
            if self.second and self.table.frames:
                names += self._turn(folder.path)
        return [output / name for name in names]

    # --- stages -------------------------------------------------------------------------------------------------------

    def _stages(self) -> Iterator[tuple[str, ByteImage]]:
        for number, painter in enumerate(self.painters):
            self.say(f"Photo {number + 1} of {self.count}")
            yield f"stage1_{number}.png", self._stage1(painter, number)
            if self.second:
                found = self.second[number]
                fields = _fields(found)
                yield f"stage2_{number}.png", painter.stage2(found.vertices, found.camera, fields, found.light)
                if self.maps is not None:
                    sheet = painter.stage3(found.vertices, found.camera, self.maps, found.light)
                    yield f"stage3_{number}.png", sheet

    def _stage1(self, painter: StagePainter, number: int) -> ByteImage:
        found = self.first.photos[number]
        vertices = self.model.vertices(self.first.identity.astype(np.float32), found.expression.astype(np.float32))
        left, top, scale = self.windows[number].tolist()
        height, width = painter.photo.shape[:2]
        camera = found.camera.cropped(left, top, width, height, scale)
        corner = np.array([left, top])
        return painter.stage1(vertices, camera, (found.seen - corner) * scale, (found.points - corner) * scale)

    # --- animated pictures --------------------------------------------------------------------------------------------

    def _steps(self, folder: Path, run: Path) -> list[str]:
        """The debug frames of each photo, one after the other."""
        names = []
        for number in range(self.count):
            paths = frames_in(run / FOLDER, number) if run.is_dir() else []
            if paths:
                names.append(f"steps_{number}.{self.table.animation}")
                frames = _padded([np.asarray(Image.open(path, formats=["PNG"]).convert("RGB")) for path in paths])
                save_animation(folder / names[-1], frames, SECONDS_PER_STEP)
        return names

    def _turn(self, folder: Path) -> list[str]:
        """The head of the first photo: a picture for each frame, and all of them in one."""
        frames, names = [], []
        for number, picture in enumerate(self._turning()):
            self.say(f"Frame {number + 1} of {self.table.frames}")
            names.append(f"turntable_{number:03d}.png")
            write_png(folder / names[-1], picture)
            frames.append(picture)
        names.append(f"turntable.{self.table.animation}")
        save_animation(folder / names[-1], frames, SECONDS_PER_TURN / len(frames))
        return names

    def _turning(self) -> Iterator[ByteImage]:
        found = self.second[0]
        painter = StagePainter(
            self.model, self.painters[0].photo, self.painters[0].irises, Quality(samples=self.table.samples)
        )
        maps = self.maps or painter.statistical(found.vertices, found.camera, _fields(found))
        centre = (found.vertices.max(0) + found.vertices.min(0)) / 2.0
        camera = turntable_camera(found.vertices - centre, self.table.size)
        background = np.full((self.table.size, self.table.size, 3), BACKGROUND, np.float32)
        for number in range(self.table.frames):
            turned = (found.vertices - centre) @ _about_y(2.0 * np.pi * number / self.table.frames).T
            picture = painter.render(turned.astype(np.float32), camera, maps, found.light)
            yield np.asarray(displayed(over(picture, background, 1.0)), np.uint8)


def _model(checkpoint: Checkpoint) -> FaceModel:
    model = load_model(checkpoint.face_model, Settings.from_dict(checkpoint.settings))
    if fingerprint(model) != checkpoint.fingerprint:
        raise CheckpointError(
            f"The checkpoint was made with another version of the face model '{checkpoint.face_model}'.",
            "Reconstruct again with this one.",
        )
    return model


def _painter(state: StateReader, model: FaceModel, number: int) -> StagePainter:
    picture = state.take(f"picture_{number}", np.uint8, None, None, 3)
    irises = state.take("irises", np.float32, state.photos, 2, 2)[number]
    return StagePainter(model, srgb_to_linear(picture), irises, SHEET)


def _bands(state: StateReader) -> int:
    return math.isqrt(state.take("stage2_lights", np.float32, state.photos, None, 3).shape[1])


def _fields(found: Stage2Result) -> FloatImage:
    """(V, 5) albedo, specular level and roughness."""
    return np.concatenate([found.reflectance.albedo().numpy(), found.reflectance.surface().numpy()], 1)


def turntable_camera(vertices: FloatImage, size: int) -> Camera:
    """In front of a head (V, 3) around the origin, so that all of it is seen from everywhere, ``size`` pixels a side."""
    across = np.linalg.norm(vertices[:, [0, 2]], axis=1)
    # Whatever way the head is turned, a point is at most so far aside, and so near.
    reach = max(
        float((across / (DISTANCE_MM - across)).max()), float((np.abs(vertices[:, 1]) / (DISTANCE_MM - across)).max())
    )
    focal = size / 2.0 / (reach * ROOM)
    return Camera(size, size, focal, size / 2.0, size / 2.0, np.eye(3), np.array([0.0, 0.0, -DISTANCE_MM]))


def _about_y(angle: float) -> NDArray[np.float64]:
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _padded(pictures: Sequence[ByteImage]) -> list[ByteImage]:
    """(H, W, 3) pictures in the middle of dark ones of one size."""
    height, width = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    sheets = []
    for picture in pictures:
        top, left = (height - picture.shape[0]) // 2, (width - picture.shape[1]) // 2
        sheet = np.full((height, width, 3), 34, np.uint8)
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        sheets.append(sheet)
    return sheets


def save_animation(path: Path, frames: Sequence[ByteImage], seconds: float) -> None:
    """Write (H, W, 3) ``frames`` as an endless GIF, WebP or animated PNG, by the name's ending; ``seconds`` for each."""
    first, *others = [Image.fromarray(frame) for frame in frames]
    first.save(path, save_all=True, append_images=others, duration=round(1000.0 * seconds), loop=0)
