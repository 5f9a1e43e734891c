"""Debug frames: every so many steps a picture of the state, and one of what each stage ended with."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..results.png import write_png
from ..results.writing import told_as_output_error
from .maps import FinishedMaps
from .photo_run import PhotoRun
from .stage1 import PhotoFit
from .stage2 import Stage2Result
from .stage_pictures import StagePainter
from .watch import Stage2State

ByteImage = NDArray[np.uint8]
FOLDER = "debug"
_FRAME = re.compile(r"stage[123]_(\d{5}|done)_(\d+)\.png")


def frames_in(folder: Path, photo: int) -> list[Path]:
    """One photo's frames in the order of the steps; empty where there are none."""
    if not folder.is_dir():
        return []
    found = [(path, _FRAME.fullmatch(path.name)) for path in sorted(folder.iterdir())]
    # Figures sort before "done".
    return [path for path, match in found if match is not None and int(match[2]) == photo]


class DebugFrames:
    """Looks on at the stages of one run, and writes ``stageN_STEP_PHOTO.png`` into ``folder``."""

    def __init__(self, folder: Path, every: int, photos: Sequence[PhotoRun]) -> None:
        """``every`` so many steps, at least 1. Frames of an earlier run are removed. Raises OutputError."""
        self.folder, self.every, self.photos = folder, every, photos
        self.painters = [
            StagePainter(run.model, run.prepared.crop.linear, run.irises(), check=run.reporter.check) for run in photos
        ]
        self.steps = {1: 0, 2: 0, 3: 0}
        self.second: Sequence[Stage2Result] = ()
        with told_as_output_error(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.iterdir():
                if _FRAME.fullmatch(path.name.removesuffix(".part")):
                    path.unlink()

    def _due(self, stage: int) -> bool:
        self.steps[stage] += 1
        return self.steps[stage] % self.every == 0

    def _write(self, stage: int, label: str, pictures: Sequence[ByteImage]) -> None:
        with told_as_output_error(self.folder):
            for number, picture in enumerate(pictures):
                path = self.folder / f"stage{stage}_{label}_{number}.png"
                part = path.with_name(path.name + ".part")
                write_png(part, picture, level=1)
                part.replace(path)

    def _label(self, stage: int) -> str:
        return f"{self.steps[stage]:05d}"

    # --- looking on ---------------------------------------------------------------------------------------------------

    def watch1(self, state: Callable[[], tuple[NDArray[np.float64], list[PhotoFit]]]) -> None:
        """After a step of stage 1."""
        if self._due(1):
            self._stage1(self._label(1), *state())

    def watch2(self, state: Callable[[], Stage2State]) -> None:
        """After a step of stage 2."""
        if self._due(2):
            self._stage2(self._label(2), state())

    def watch3(self, state: Callable[[], tuple[Tensor, Tensor, Tensor]]) -> None:
        """After a step of stage 3."""
        if self._due(3):
            diffuse, specular, roughness = (value.numpy() for value in state())
            self._stage3(self._label(3), FinishedMaps(diffuse, specular, roughness, diffuse[:1, :1]))

    # --- what a stage ended with --------------------------------------------------------------------------------------

    def done1(self, identity: NDArray[np.float64], photos: list[PhotoFit]) -> None:
        """Stage 1 is done."""
        self._stage1("done", identity, photos)

    def done2(self, found: Sequence[Stage2Result]) -> None:
        """Stage 2 is done; stage 3's frames show its heads."""
        self.second = found
        reflectance = found[0].reflectance
        fields = np.concatenate([reflectance.albedo().numpy(), reflectance.surface().numpy()], 1)
        state = Stage2State(
            [photo.vertices for photo in found], [photo.camera for photo in found], fields, [p.light for p in found]
        )
        self._stage2("done", state)

    def done3(self, maps: FinishedMaps) -> None:
        """Stage 3 is done."""
        self._stage3("done", maps)

    def _stage1(self, label: str, identity: NDArray[np.float64], photos: list[PhotoFit]) -> None:
        pictures = []
        for run, painter, found in zip(self.photos, self.painters, photos, strict=True):
            crop = run.prepared.crop
            vertices = run.model.vertices(identity.astype(np.float32), found.expression.astype(np.float32))
            points = [crop.from_photo(place.astype(np.float32)) for place in (found.seen, found.points)]
            pictures.append(painter.stage1(vertices, crop.camera(found.camera), points[0], points[1]))
        self._write(1, label, pictures)

    def _stage2(self, label: str, state: Stage2State) -> None:
        parts = zip(self.painters, state.vertices, state.cameras, state.lights, strict=True)
        self._write(2, label, [p.stage2(vertices, camera, state.fields, light) for p, vertices, camera, light in parts])

    def _stage3(self, label: str, maps: FinishedMaps) -> None:
        pairs = zip(self.painters, self.second, strict=True)
        self._write(3, label, [painter.stage3(f.vertices, f.camera, maps, f.light) for painter, f in pairs])
