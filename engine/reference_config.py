"""The keys of NextFace's and NextGenFace's configuration files, as settings of ours or with the reason why not.

Meanings and units are those of config.py, optimizer.py, pipeline.py and image.py at github.com/abdallahdib/NextFace.
Weights and steps are relative: the value of the reference's optimConfig.ini is our default. Standard library only.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import SettingsError
from .settings import Settings
from .typed import is_number

BASEL_FILES = ("model2017-1_face12_nomouth.h5", "albedoModel2020_face12_albedoPart.h5")
BASEL_MODEL = "bfm2017"
# camFocalLength counts the pixels of the photo after it was scaled down to maxResolution, so it needs both.
_FOCAL_KEYS = ("camFocalLength", "optimizeFocalLength", "maxResolution")
_OURS = {item.name: item for item in dataclasses.fields(Settings)}


@dataclass(frozen=True)
class Key:
    """One key of the reference.

    Attributes:
        kind: of its value: str, bool, int or float.
        setting: ours that it becomes; empty: see `Translation`.
        factor: ours is theirs times this.
        least: smallest value that means something.
        default: where there is no ``setting``: the value that changes nothing here.
        no_effect: where there is no ``setting``: why another value changes nothing here either.
        told_always: the sentence is told for the default too.
    """

    kind: type
    setting: str = ""
    factor: float = 1.0
    least: float = 0.0
    default: Any = None
    no_effect: str = ""
    told_always: bool = False

    @property
    def usual(self) -> Any:
        """The value of this key that means our default."""
        if not self.setting:
            return self.default
        ours: Any = _OURS[self.setting].default
        return self.kind(round(ours / self.factor, 9)) if self.kind in (int, float) else ours


def _ignored(kind: type, default: Any, why: str, told_always: bool = False) -> Key:
    return Key(kind, default=default, no_effect=why, told_always=told_always)


def _weight(setting: str, reference: float) -> Key:
    """A weight whose value ``reference`` is our 1."""
    return Key(float, setting, 1.0 / reference)


KEYS: dict[str, Key] = {
    # The first spelling is the reference's own.
    "lamdmarksDetectorType": Key(str, "landmark_detector"),
    "landmarksDetectorType": Key(str, "landmark_detector"),
    "tracker": Key(str, "landmark_detector"),
    "path": Key(str, default=""),
    "textureResolution": Key(int, "texture_size", least=1),
    "trimPca": Key(bool, "trim_modes"),
    "envMapRes": Key(int, "environment_height", least=1),
    "smoothSh": _ignored(bool, False, "the light is always held smooth, by light_weight"),
    "saveExr": _ignored(bool, True, "the light is always written both as EXR, which Blender needs, and as PNG"),
    "maxResolution": Key(int, "fit_size", least=1),
    "camFocalLength": Key(float, default=3000.0, least=1e-6),
    "optimizeFocalLength": Key(bool, default=True),
    "iterStep1": Key(int, "stage1_iterations", 40 / 2000),
    "iterStep2": Key(int, "stage2_iterations", 160 / 400),
    "iterStep3": Key(int, "stage3_iterations", 200 / 100),
    "weightLandmarksLossStep2": _weight("landmark_weight", 0.001),
    "weightLandmarksLossStep3": _ignored(float, 0.001, "stage 3 reads the maps and moves no geometry", True),
    "weightShapeReg": _weight("identity_weight", 0.001),
    "weightExpressionReg": _weight("expression_weight", 0.001),
    "weightAlbedoReg": _weight("albedo_weight", 0.001),
    "weightDiffuseSymmetryReg": _weight("diffuse_symmetry_weight", 300.0),
    "weightDiffuseConsistencyReg": _weight("diffuse_consistency_weight", 100.0),
    "weightDiffuseSmoothnessReg": _weight("diffuse_smoothness_weight", 0.001),
    "weightSpecularSymmetryReg": _weight("specular_symmetry_weight", 200.0),
    "weightSpecularConsistencyReg": _weight("specular_consistency_weight", 2.0),
    "weightSpecularSmoothnessReg": _weight("specular_smoothness_weight", 0.001),
    "weightRoughnessSymmetryReg": _weight("roughness_symmetry_weight", 200.0),
    # The reference has 0 here, which means none, so the scale is that of the specular map.
    "weightRoughnessConsistencyReg": _weight("roughness_consistency_weight", 2.0),
    "weightRoughnessSmoothnessReg": _weight("roughness_smoothness_weight", 0.002),
    "debugFrequency": Key(int, "debug_every"),
    "debugOutput": _ignored(bool, False, "debugFrequency alone decides which pictures are written"),
    "saveIntermediateStage": Key(bool, default=False),
    "saveTime": _ignored(bool, True, "report.json always has the seconds of each stage"),
    "rtSamples": Key(int, "render_samples", least=1),
    "rtTrainingSamples": Key(int, "transfer_directions", 256 / 8, least=1),
    "bounces": _ignored(int, 1, "light from skin to skin is always traced"),
    "smoothing": _ignored(bool, False, "the photo is compared with traced light that has no noise to be smoothed away"),
    "rendererName": _ignored(str, "mitsuba", "rays are always traced with Mitsuba"),
}


class Translation:
    """Takes keys of the reference one after the other; a later one wins, also where several make one setting."""

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        """``folders``: where a relative ``path`` is looked for; the current folder comes first."""
        self._folders = [Path(), *folders]
        self._given: dict[str, Any] = {}
        self._notices: dict[str, str] = {}

    @property
    def notices(self) -> list[str]:
        """A sentence for each key that has no effect, or another than it had."""
        return list(self._notices.values())

    def take(self, name: str, value: Any) -> dict[str, Any]:
        """The settings that follow from ``name`` = ``value``, a text or already of the key's kind.

        Raises:
            SettingsError: the value is of another kind, or means nothing.
        """
        key = KEYS[name]
        found = checked(name, value)
        self._given[name] = found
        self._notices.pop(name, None)
        if key.no_effect and (key.told_always or found != key.default):
            self._notices[name] = f"{name} has no effect: {key.no_effect}."
        ours = self._limited(name, key, found) if key.setting else {}
        if name in _FOCAL_KEYS:
            ours |= self._focal()
        elif name == "path":
            ours |= self._model(found)
        elif name == "saveIntermediateStage" and found:
            # False asks for nothing: the reference writes its checkpoints either way.
            ours["checkpoints"] = True
        return ours

    def take_device(self, value: str) -> dict[str, Any]:
        """``device`` means the same as ours, but the reference's files say 'cuda' wherever they come from."""
        if value != "cuda":
            return {"device": value}
        self._notices["device"] = "device = 'cuda' is taken as 'auto': the processor does the work where no GPU can."
        return {"device": "auto"}

    def _limited(self, name: str, key: Key, value: Any) -> dict[str, Any]:
        """Our value, moved to our limits where the reference has wider ones."""
        item = _OURS[key.setting]
        if key.kind not in (int, float):
            return {key.setting: value}
        low, high = item.metadata["low"], item.metadata["high"]
        wanted = round(value * key.factor, 9 if isinstance(item.default, float) else None)
        if isinstance(item.default, int) and value > 0:
            # A few steps are not none.
            wanted = max(wanted, 1)
        ours = min(max(wanted, low), high)
        if ours != wanted:
            self._notices[name] = f"{name} = {value} is taken as {key.setting} = {ours}, the nearest that is possible."
        return {key.setting: ours}

    def _focal(self) -> dict[str, Any]:
        pixels = self._given.get("camFocalLength")
        self._notices.pop("camFocalLength", None)
        if pixels is None:
            return {}
        if self._given.get("optimizeFocalLength", True):
            self._notices["camFocalLength"] = (
                "camFocalLength has no effect while optimizeFocalLength is true: the lens is estimated without a guess."
            )
            return {"focal_length_ratio": 0.0}
        return {"focal_length_ratio": pixels / self._given.get("maxResolution", KEYS["maxResolution"].usual)}

    def _model(self, text: str) -> dict[str, Any]:
        for folder in self._folders:
            # A text that can be no path, or no home, names no folder either.
            with contextlib.suppress(OSError, RuntimeError):
                place = folder / Path(text).expanduser()
                if all((place / name).is_file() for name in BASEL_FILES):
                    return {"face_model": BASEL_MODEL, "face_model_folder": str(place.absolute())}
        self._notices["path"] = (
            f"The Basel model is not in the folder path = '{text}', so the head that comes along is used."
        )
        return {}


def checked(name: str, value: Any) -> Any:
    """``value`` of ``name``, a text or a Python value, as the key's kind; SettingsError if it is of none or too small."""
    key = KEYS[name]
    found = _bool(name, value) if key.kind is bool else _plain(name, key.kind, value)
    if key.kind in (int, float) and not (is_number(found) and found >= key.least):
        raise SettingsError(f"The setting '{name}' is {value}.", f"It must be {key.least:g} or more.")
    if key.setting and (choices := _OURS[key.setting].metadata["choices"]) and found not in choices:
        raise SettingsError(f"The setting '{name}' is '{found}'.", f"It must be one of: {', '.join(choices)}.")
    return found


def _bool(name: str, value: Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise SettingsError(f"The setting '{name}' is '{value}'.", "It must be True or False.")
    return text == "true"


def _plain(name: str, kind: type, value: Any) -> Any:
    """A text read, or a number that stands for the same: 3000 for 3000.0, but not 4.5 for a whole number."""
    try:
        found = kind(value)
        if isinstance(value, str) or found == value:
            return found
    except (TypeError, ValueError, OverflowError):
        pass
    what = {int: "a whole number", float: "a number"}.get(kind, "a text")
    raise SettingsError(f"The setting '{name}' is '{value}'.", f"It must be {what}.")
