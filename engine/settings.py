"""Every setting of a reconstruction, its default, its limits and one line on what it does. Imported by both processes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import SettingsError


def _setting(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that carries its documentation and limits, so that the panel, the shell and the check share
    them.
    """
    return field(default=default, metadata={"doc": doc, "low": low, "high": high, "choices": choices})


@dataclass(frozen=True)
class Settings:
    """Settings of one reconstruction. Lengths are in pixels of the fit unless said otherwise; weights have no unit."""

    face_model: str = _setting(
        "bundled", "Face model that the head is fitted with", choices=("bundled", "bfm2017", "ict")
    )
    face_model_folder: str = _setting("", "Folder of the face model's files, for models that do not come along")
    trim_modes: bool = _setting(False, "Fit with the first modes of the Basel model only, which is faster and smoother")
    landmark_detector: str = _setting("mediapipe", "What finds the points of the face", choices=("mediapipe", "fan"))
    landmark_model_file: str = _setting(
        "", "A face_landmarker.task file for MediaPipe; empty: the models that came with the engine"
    )
    fan_model_folder: str = _setting(
        "", "Folder with the two weight files of 'fan'; empty: the engine's own folder for downloads"
    )
    allow_downloads: bool = _setting(False, "Whether model files that are missing may be downloaded")
    device: str = _setting("auto", "Where the rays are traced", choices=("auto", "cpu", "cuda"))
    shading: str = _setting(
        "transfer",
        "How stage 3 is shaded: by ray-traced transfer, or then also by Mitsuba's own integrators, which takes minutes",
        choices=("transfer", "reference"),
    )
    fit_size: int = _setting(512, "Longer side in pixels of the face's crop that the fit looks at", low=128, high=2048)
    texture_size: int = _setting(1024, "Side of the square maps in texels", low=256, high=8192)
    bands: int = _setting(9, "Bands of the spherical-harmonics light", low=1, high=9)
    environment_height: int = _setting(64, "Height in pixels of the light's lat-long image", low=16, high=1024)
    focal_length_mm: float = _setting(
        0.0, "Focal length, 35 mm equivalent over the diagonal; 0: from EXIF, else estimated", low=0.0, high=2000.0
    )
    focal_length_ratio: float = _setting(
        0.0, "Focal length over the longer side of the photo, in the same unit; 0: not given", low=0.0, high=1000.0
    )
    stage1_iterations: int = _setting(40, "Most Gauss-Newton steps of stage 1", low=0, high=1000)
    stage2_iterations: int = _setting(160, "Steps of stage 2", low=0, high=10000)
    stage3_iterations: int = _setting(200, "Steps of stage 3", low=0, high=10000)
    transfer_directions: int = _setting(256, "Directions of light traced per surface point", low=32, high=4096)
    render_samples: int = _setting(128, "Samples per pixel of the final path-traced render", low=1, high=65536)
    landmark_weight: float = _setting(1.0, "Weight of the landmarks in stage 2", low=0.0, high=1e6)
    identity_weight: float = _setting(1.0, "Weight of the identity prior", low=0.0, high=1e6)
    expression_weight: float = _setting(1.0, "Weight of the expression prior", low=0.0, high=1e6)
    albedo_weight: float = _setting(1.0, "Weight of the skin-colour prior", low=0.0, high=1e6)
    light_weight: float = _setting(1.0, "Weight of the prior for a smooth, neutral light", low=0.0, high=1e6)
    diffuse_symmetry_weight: float = _setting(
        1.0, "Pull of the diffuse map towards its mirror image", low=0.0, high=1e6
    )
    diffuse_consistency_weight: float = _setting(1.0, "Pull of the diffuse map towards stage 2's", low=0.0, high=1e6)
    diffuse_smoothness_weight: float = _setting(1.0, "Smoothness of the diffuse map", low=0.0, high=1e6)
    specular_symmetry_weight: float = _setting(
        1.0, "Pull of the specular map towards its mirror image", low=0.0, high=1e6
    )
    specular_consistency_weight: float = _setting(1.0, "Pull of the specular map towards stage 2's", low=0.0, high=1e6)
    specular_smoothness_weight: float = _setting(1.0, "Smoothness of the specular map", low=0.0, high=1e6)
    roughness_symmetry_weight: float = _setting(
        1.0, "Pull of the roughness map towards its mirror image", low=0.0, high=1e6
    )
    roughness_consistency_weight: float = _setting(
        1.0, "Pull of the roughness map towards stage 2's", low=0.0, high=1e6
    )
    roughness_smoothness_weight: float = _setting(1.0, "Smoothness of the roughness map", low=0.0, high=1e6)
    normal_weight: float = _setting(
        1.0, "How readily fine detail is taken for relief and not for colour; 0: no normal map", low=0.0, high=10.0
    )
    preview_every: int = _setting(20, "Steps between two preview pictures; 0: none", low=0, high=10000)
    debug_every: int = _setting(0, "Steps between two debug pictures in the output; 0: none", low=0, high=10000)
    checkpoints: bool = _setting(True, "Keep the state after each stage, to go on from it later")
    verbose: bool = _setting(False, "Tell every step with its loss")
    seed: int = _setting(0, "Seed of everything random", low=0, high=2**31 - 1)

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            _check(item, getattr(self, item.name))

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from plain values; what is absent keeps its default.

        Raises:
            SettingsError: a name is not a setting, or a value is of the wrong kind or out of its limits.
        """
        known = {item.name for item in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise SettingsError(
                    f"There is no setting named '{name}'.", f"The settings are: {', '.join(sorted(known))}."
                )
        return cls(**values)


def _check(item: dataclasses.Field[Any], value: Any) -> None:
    """Raise SettingsError where ``value`` is of another kind than the default, outside its limits, or no known choice."""
    kind = type(item.default)
    right = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not right or (isinstance(value, bool) and kind is not bool):
        raise SettingsError(f"The setting '{item.name}' is {value!r}.", f"It must be of the kind '{kind.__name__}'.")
    low, high, choices = item.metadata["low"], item.metadata["high"], item.metadata["choices"]
    if choices and value not in choices:
        raise SettingsError(f"The setting '{item.name}' is {value!r}.", f"It must be one of: {', '.join(choices)}.")
    # The comparison is written so that NaN fails it.
    if low is not None and high is not None and not low <= value <= high:
        raise SettingsError(f"The setting '{item.name}' is {value}.", f"It must be between {low} and {high}.")
