"""What a run leaves on its way, checkpoints, debug frames and losses, and the checkpoint that it goes on from."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError
from ..faces.model import FaceModel
from ..reporter import RememberingReporter
from ..results.checkpoints import Checkpoint, PhotoMark, keep_checkpoint, read_checkpoint
from ..results.images import displayed
from ..results.report import versions
from ..scene.camera import Camera
from ..settings import Settings
from ..stages import Source, Stages
from .debug import FOLDER, DebugFrames
from .photo_run import PhotoRun
from .stage_state import StateReader, fingerprint

# The settings that shape what each stage finds.
_SHAPING: Mapping[int, tuple[str, ...]] = {
    1: ("landmark_detector", "focal_length_mm", "stage1_iterations", "identity_weight", "expression_weight"),
    2: (
        *("fit_size", "transfer_directions", "stage2_iterations", "landmark_weight", "identity_weight"),
        *("expression_weight", "albedo_weight", "light_weight", "seed"),
    ),
    3: (
        *("shading", "stage3_iterations", "normal_weight"),
        *(
            f"{name}_{kind}_weight"
            for name in ("diffuse", "specular", "roughness")
            for kind in ("symmetry", "consistency", "smoothness")
        ),
    ),
}


class Record:
    """One run's record.

    Attributes:
        sources: of each stage.
        debug: who looks on, where debug frames are wanted.
    """

    def __init__(self, output: Path, settings: Settings, stages: Stages, told: RememberingReporter) -> None:
        """Read the checkpoint that ``stages`` names, if any.

        Raises:
            CheckpointError: it cannot be read.
            SettingsError: the stages to skip do not go with it.
        """
        self._output, self._settings, self._told = output, settings, told
        self._from = None if stages.checkpoint is None else read_checkpoint(stages.checkpoint)
        self.sources = stages.sources(self._from.stage if self._from else 0)
        self.debug: DebugFrames | None = None
        self._arrays: dict[str, NDArray[Any]] = {}
        self._model = self._fingerprint = ""
        self._marks: tuple[PhotoMark, ...] = ()

    def begin(self, model: FaceModel, photos: Sequence[PhotoRun]) -> None:
        """Find out whether the checkpoint fits the ``model`` and the ``photos``, and take over the stages it stands for.

        Raises:
            CheckpointError: it does not fit.
            OutputError: debug frames cannot be written.
        """
        self._model, self._fingerprint = model.name, fingerprint(model)
        self._marks = tuple(PhotoMark(run.prepared.photo.name, run.prepared.photo.sha256) for run in photos)
        self._arrays = _windows(photos)
        if self._from is not None:
            self._check_fits(self._from)
            for stage in self._taken():
                self._take(stage)
            self._warn_of_other_settings(self._from)
        if self._settings.debug_every > 0:
            self.debug = DebugFrames(self._output / FOLDER, self._settings.debug_every, photos)

    def _taken(self) -> list[int]:
        return [number + 1 for number, source in enumerate(self.sources) if source is Source.CHECKPOINT]

    def _check_fits(self, found: Checkpoint) -> None:
        if found.face_model != self._model or found.fingerprint != self._fingerprint:
            same = "another version of " if found.face_model == self._model else ""
            raise CheckpointError(
                f"The checkpoint was made with {same}the face model '{found.face_model}', this run's is '{self._model}'.",
                f"Choose the face model '{found.face_model}', or reconstruct again without the checkpoint.",
            )
        if len(found.photos) != len(self._marks):
            raise CheckpointError(
                f"The checkpoint was made from {_count(len(found.photos))}, and {_count(len(self._marks))} given.",
                f"Give these, in this order: {', '.join(photo.name for photo in found.photos)}.",
            )
        for before, now in zip(found.photos, self._marks, strict=True):
            if before.sha256 != now.sha256:
                raise CheckpointError(
                    f"The checkpoint was made from another photo than '{now.name}'.",
                    f"Give the photo '{before.name}' as it was, or reconstruct again without the checkpoint.",
                )

    def _take(self, stage: int) -> None:
        assert self._from is not None
        prefix = f"stage{stage}_"
        self._arrays |= {name: array for name, array in self._from.arrays.items() if name.startswith(prefix)}
        self._told.losses[f"stage{stage}"] = losses_of(self._from.arrays, stage)

    def _warn_of_other_settings(self, found: Checkpoint) -> None:
        now = self._settings.to_dict()
        names = [name for stage in self._taken() for name in _SHAPING[stage]]
        others = [name for name in dict.fromkeys(names) if name in found.settings and found.settings[name] != now[name]]
        if others:
            self._told.warn(
                f"The stages that come from the checkpoint stay as they were, made with another {', '.join(others)}."
            )

    @property
    def state(self) -> StateReader:
        """The stages so far, of this run or from the checkpoint."""
        return StateReader(self._arrays, len(self._marks))

    def check_landmarks(self) -> None:
        """Refuse stage 1's points for a stage 2 that looks for another detector's.

        Raises:
            CheckpointError: the checkpoint's detector is another one.
        """
        before = self._from.settings.get("landmark_detector") if self._from else None
        if before not in (None, self._settings.landmark_detector):
            raise CheckpointError(
                f"The checkpoint's points were found by '{before}', and this run's detector is"
                f" '{self._settings.landmark_detector}'.",
                f"Set 'landmark_detector' to '{before}', or run stage 1 again.",
            )

    def in_crop(self, cameras: Sequence[Camera], photos: Sequence[PhotoRun]) -> list[Camera]:
        """The checkpoint's ``cameras`` for this run's crops, which have other pixels where the fit's size is another one."""
        assert self._from is not None
        windows = StateReader(self._from.arrays, len(self._marks)).take("windows", np.float64, len(photos), 3)
        found = []
        for camera, (left, top, scale), run in zip(cameras, windows.tolist(), photos, strict=True):
            crop, photo = run.prepared.crop, run.prepared.photo
            if (left, top, scale, camera.width, camera.height) == (*_window(run), crop.width, crop.height):
                found.append(camera)
                continue
            if not scale > 0.0:
                raise CheckpointError("The checkpoint's window of the photo is none.", "Reconstruct again without it.")
            whole = camera.cropped(-left * scale, -top * scale, photo.width, photo.height, 1.0 / scale)
            found.append(crop.camera(whole))
        return found

    def tell_losses(self, stage: int, losses: Sequence[float], searches: Sequence[int]) -> None:
        """All the losses of a stage that reports only some: ``searches`` are the numbers of steps of each search."""
        ends = list(itertools.accumulate(searches, initial=0))
        self._told.losses[f"stage{stage}"] = [list(losses[a:b]) for a, b in itertools.pairwise(ends)]

    @property
    def losses(self) -> dict[str, list[list[float]]]:
        """Stage -> its searches -> the loss after each step."""
        names = [f"stage{number}" for number in range(1, 4)]
        return {name: self._told.losses[name] for name in names if self._told.losses.get(name)}

    def add(self, stage: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """A stage is done: keep what it found, and its losses, on disk too where that is wanted.

        Raises:
            OutputError: the checkpoint cannot be written.
        """
        self._arrays |= dict(arrays) | _loss_arrays(self._told.losses.get(f"stage{stage}", []), stage)
        if self.sources[stage - 1] is not Source.RUN or not self._settings.checkpoints:
            return
        checkpoint = Checkpoint(
            stage=stage,
            face_model=self._model,
            fingerprint=self._fingerprint,
            photos=self._marks,
            settings=self._settings.to_dict(),
            arrays=self._arrays,
            engine=versions()["nextgenface"],
        )
        keep_checkpoint(self._output, checkpoint)
        self._told.check()


def _count(photos: int) -> str:
    return "1 photo is" if photos == 1 else f"{photos} photos are"


def _window(run: PhotoRun) -> tuple[float, float, float]:
    crop = run.prepared.crop
    return crop.left, crop.top, crop.scale


def _windows(photos: Sequence[PhotoRun]) -> dict[str, NDArray[Any]]:
    """The photos' crops as 8-bit pictures, where they lie, and where the irises are: what a replay shows."""
    pictures = {
        f"picture_{number}": np.asarray(displayed(run.prepared.crop.linear), np.uint8)
        for number, run in enumerate(photos)
    }
    windows = np.array([_window(run) for run in photos], np.float64)
    return pictures | {"windows": windows, "irises": np.stack([run.irises() for run in photos])}


def _loss_arrays(searches: Sequence[Sequence[float]], stage: int) -> dict[str, NDArray[Any]]:
    values = np.array([loss for search in searches for loss in search], np.float64)
    if not len(values):
        return {}
    lengths = np.array([len(search) for search in searches], np.int64)
    return {f"stage{stage}_losses": np.nan_to_num(values), f"stage{stage}_searches": lengths}


def losses_of(arrays: Mapping[str, NDArray[Any]], stage: int) -> list[list[float]]:
    """The losses of a stage's searches in a checkpoint's arrays; empty where it has none."""
    values, lengths = arrays.get(f"stage{stage}_losses"), arrays.get(f"stage{stage}_searches")
    if values is None or lengths is None or values.ndim != 1 or lengths.ndim != 1:
        return []
    if lengths.min() < 0 or lengths.sum() != len(values):
        return []
    ends = list(itertools.accumulate(lengths.tolist(), initial=0))
    return [values[first:last].tolist() for first, last in itertools.pairwise(ends)]
