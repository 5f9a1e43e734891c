"""What the stages found, as named arrays for a checkpoint, and back, checked against the face model and the settings.

Arrays of stage 1 are named ``stage1_...`` and so on. A checkpoint holds those of all stages up to its own.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import CheckpointError
from ..faces.model import FaceModel
from ..scene.camera import Camera
from .eyes import SIDES
from .maps import FinishedMaps, FoundMaps
from .reflectance import Reflectance
from .stage1 import PhotoFit, Stage1Result
from .stage2 import Stage2Result

Arrays = Mapping[str, NDArray[Any]]

_CAMERA_NUMBERS = 17
_AGAIN = "Reconstruct again without it."


def fingerprint(model: FaceModel) -> str:
    """Hexadecimal hash of what makes coefficients mean something: the mean, the bases, the triangles and their UVs."""
    digest = hashlib.sha256(model.name.encode())
    for array in (model.mean, model.identity_basis, model.expression_basis, model.triangles, model.triangle_uv):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class StateReader:
    """Takes arrays out of a checkpoint of ``photos`` photos, and refuses those of a wrong kind or shape.

    ``arrays``: as `read_checkpoint` gives them.
    """

    arrays: Arrays
    photos: int

    def take(self, name: str, kind: type[np.generic], *shape: int | None) -> NDArray[Any]:
        """The array ``name`` of dtype ``kind``; None in ``shape`` stands for any length, at least 1.

        Raises:
            CheckpointError: it is missing or another one.
        """
        array = self.arrays.get(name)
        if array is None:
            raise CheckpointError(f"The checkpoint lacks '{name}'.", _AGAIN)
        fits = len(shape) == array.ndim and all(
            side > 0 if wanted is None else side == wanted for side, wanted in zip(array.shape, shape, strict=True)
        )
        if array.dtype != kind or not fits:
            sides = " x ".join("any" if side is None else str(side) for side in shape)
            raise CheckpointError(f"The checkpoint's '{name}' is {array.dtype} {array.shape}, not {sides}.", _AGAIN)
        return array

    def image(self, name: str, channels: int = 0) -> NDArray[np.float32]:
        """A square map (S, S) or (S, S, ``channels``) in [0, 1]. Raises CheckpointError."""
        shape = (None, None, channels) if channels else (None, None)
        array = self.take(name, np.float32, *shape)
        # Rounding may lead out of the range by a last digit.
        if array.shape[0] != array.shape[1] or array.min() < -1e-3 or array.max() > 1.001:
            raise CheckpointError(f"The checkpoint's '{name}' is no map.", _AGAIN)
        return np.asarray(array, np.float32)

    def cameras(self, name: str) -> list[Camera]:
        """One camera for each photo. Raises CheckpointError."""
        return [_camera(name, row) for row in self.take(name, np.float64, self.photos, _CAMERA_NUMBERS)]


def camera_row(camera: Camera) -> NDArray[np.float64]:
    """(17,) width, height, focal length, principal point, rotation row by row, translation."""
    size = [camera.width, camera.height, camera.focal_px, camera.cx, camera.cy]
    return np.concatenate([size, np.ravel(camera.rotation), camera.translation]).astype(np.float64)


def _camera(name: str, row: NDArray[np.float64]) -> Camera:
    width, height, focal = int(row[0]), int(row[1]), float(row[2])
    rotation = row[5:14].reshape(3, 3)
    turns = np.abs(rotation @ rotation.T - np.eye(3)).max() < 1e-3 and np.linalg.det(rotation) > 0
    if not (0 < width < 1 << 20 and 0 < height < 1 << 20 and focal > 0.0 and turns):
        raise CheckpointError(f"The checkpoint's '{name}' is no camera.", _AGAIN)
    return Camera(width, height, focal, float(row[3]), float(row[4]), rotation.copy(), row[14:].copy())


# --- stage 1 ----------------------------------------------------------------------------------------------------------


def stage1_arrays(found: Stage1Result) -> dict[str, NDArray[Any]]:
    """What stage 1 found, without the time that it took."""
    photos = found.photos
    figures = [found.calibrated_error_percent, found.iterations, *found.landmark_errors_percent]
    return {
        "stage1_identity": found.identity,
        "stage1_expressions": np.stack([photo.expression for photo in photos]),
        "stage1_cameras": np.stack([camera_row(photo.camera) for photo in photos]),
        "stage1_points": np.stack([photo.points for photo in photos]),
        "stage1_seen": np.stack([photo.seen for photo in photos]),
        "stage1_residuals": np.stack([photo.residuals for photo in photos]),
        "stage1_errors": np.array([photo.error_percent for photo in photos], np.float64),
        "stage1_figures": np.array(figures, np.float64),
    }


def stage1_of(state: StateReader, model: FaceModel) -> Stage1Result:
    """What `stage1_arrays` kept. Raises CheckpointError."""
    count, double = state.photos, np.float64
    expressions = state.take("stage1_expressions", double, count, model.expression_count)
    cameras = state.cameras("stage1_cameras")
    points = state.take("stage1_points", double, count, None, 2)
    seen = state.take("stage1_seen", double, *points.shape)
    residuals = state.take("stage1_residuals", double, count, points.shape[1])
    errors = state.take("stage1_errors", double, count)
    figures = state.take("stage1_figures", double, 2 + count)
    photos = [
        PhotoFit(expressions[i], cameras[i], points[i], seen[i], residuals[i], float(errors[i])) for i in range(count)
    ]
    identity = state.take("stage1_identity", double, model.identity_count)
    return Stage1Result(identity, photos, figures[2:].tolist(), float(figures[0]), int(figures[1]), 0.0)


# --- stage 2 ----------------------------------------------------------------------------------------------------------


def stage2_arrays(found: Sequence[Stage2Result]) -> dict[str, NDArray[Any]]:
    """What stage 2 found in each photo; the cameras are those of the crops."""
    first = found[0]
    return {
        "stage2_identity": first.identity,
        "stage2_shift": np.zeros_like(first.vertices) if first.shift is None else first.shift,
        "stage2_expressions": np.stack([photo.expression for photo in found]),
        "stage2_cameras": np.stack([camera_row(photo.camera) for photo in found]),
        "stage2_lights": np.stack([photo.light for photo in found]),
        "stage2_vertices": np.stack([photo.vertices for photo in found]),
        "stage2_tone_curve": np.array([first.tone_curve], np.float64),
        **{f"stage2_skin_{name}": value.numpy() for name, value in _tensors(first.reflectance).items()},
    }


def _tensors(reflectance: Reflectance) -> dict[str, Tensor]:
    """Its fields that are found and not given, by name: whatever the model of skin has. A curve is the camera's."""
    values = {item.name: getattr(reflectance, item.name) for item in dataclasses.fields(reflectance)}
    return {name: value for name, value in values.items() if isinstance(value, Tensor) and name != "curve"}


def stage2_of(state: StateReader, model: FaceModel, bands: int) -> list[Stage2Result]:
    """What `stage2_arrays` kept, for a light of ``bands`` bands.

    Raises:
        CheckpointError: it does not fit.
    """
    count, single = state.photos, np.float32
    identity = state.take("stage2_identity", single, model.identity_count)
    shift = state.take("stage2_shift", single, model.vertex_count, 3)
    expressions = state.take("stage2_expressions", single, count, model.expression_count)
    cameras = state.cameras("stage2_cameras")
    lights = state.take("stage2_lights", single, count, None, 3)
    if lights.shape[1] != bands * bands:
        raise CheckpointError(
            f"The checkpoint's light has {round(lights.shape[1] ** 0.5)} bands, and the settings ask for {bands}.",
            "Set 'bands' to what the checkpoint has, or run stage 2 again (skip stage 1 only).",
        )
    vertices = state.take("stage2_vertices", single, count, model.vertex_count, 3)
    tone_curve = float(state.take("stage2_tone_curve", np.float64, 1)[0])
    average = Reflectance.average(model)
    skin: dict[str, Any] = {
        name: torch.from_numpy(state.take(f"stage2_skin_{name}", single, *value.shape)).clone()
        for name, value in _tensors(average).items()
    }
    reflectance = replace(average, **skin)
    return [
        Stage2Result(
            identity,
            expressions[i],
            cameras[i],
            _as_solved(lights[i]),
            reflectance,
            _laid_out(vertices[i]),
            tone_curve=tone_curve,
            shift=shift,
        )
        for i in range(count)
    ]


def _laid_out(array: NDArray[Any]) -> NDArray[Any]:
    """The array in memory that PyTorch chose: products of matrices differ in their last digits by where these lie."""
    return torch.from_numpy(array).clone().numpy()


def _as_solved(light: NDArray[Any]) -> NDArray[Any]:
    """A light (B, 3) channel by channel in memory, as `lighting.solve_light` leaves it, for the same reason."""
    return _laid_out(np.ascontiguousarray(light.T)).T


# --- stage 3 ----------------------------------------------------------------------------------------------------------


def stage3_arrays(maps: FinishedMaps, found: FoundMaps) -> dict[str, NDArray[Any]]:
    """The maps of stage 3, and what it found out about the photos on the way."""
    arrays: dict[str, NDArray[Any]] = {
        "stage3_diffuse": maps.diffuse,
        "stage3_specular": maps.specular,
        "stage3_roughness": maps.roughness,
        "stage3_coverage": maps.coverage,
        "stage3_trust": np.stack(found.trusts),
        "stage3_dimming": np.stack(found.dimmings),
        "stage3_gaze": np.array([found.gaze], np.int64),
        "stage3_eyes": np.stack([np.stack(found.eye_colours[side]) for side in SIDES]),
    }
    return arrays if maps.normal is None else arrays | {"stage3_normal": maps.normal}


def stage3_of(state: StateReader, size: int) -> tuple[FinishedMaps, FoundMaps]:
    """What `stage3_arrays` kept, for maps that are fitted at ``size`` texels. Raises CheckpointError."""
    diffuse = state.image("stage3_diffuse", 3)
    if len(diffuse) != size:
        raise CheckpointError(
            f"The checkpoint's maps were fitted with {len(diffuse)} texels across, and the settings ask for {size}.",
            "Take stages 1 and 2 from it and run stage 3 (skip stages 1 and 2 only).",
        )
    maps = FinishedMaps(
        diffuse,
        state.image("stage3_specular"),
        state.image("stage3_roughness"),
        state.image("stage3_coverage", 3),
        state.image("stage3_normal", 3) if "stage3_normal" in state.arrays else None,
    )
    others = [maps.specular, maps.roughness, *([] if maps.normal is None else [maps.normal])]
    if any(len(image) != size for image in others):
        raise CheckpointError("The checkpoint's maps are of different sizes.", _AGAIN)
    trusts = state.take("stage3_trust", np.float32, state.photos, None, None)
    dimmings = state.take("stage3_dimming", np.float32, state.photos, None, None, 3)
    eyes = state.take("stage3_eyes", np.float32, len(SIDES), 2, 3)
    gaze = int(state.take("stage3_gaze", np.int64, 1)[0])
    if not 0 <= gaze < state.photos:
        raise CheckpointError("The checkpoint's gaze is that of no photo.", _AGAIN)
    colours = {side: (eyes[i, 0], eyes[i, 1]) for i, side in enumerate(SIDES)}
    return maps, FoundMaps(list(trusts), list(dimmings), gaze, colours)
