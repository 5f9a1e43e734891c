"""The settings in the groups that a person meets them in, on the shell and in the sidebar. Standard library only."""

from __future__ import annotations

import dataclasses
from typing import Any

from .settings import Settings

_GROUPS: dict[str, tuple[str, ...]] = {
    "Model": ("face_model", "face_model_folder", "trim_modes"),
    "Landmarks": ("landmark_detector", "landmark_model_file", "fan_model_folder", "allow_downloads"),
    "Sizes": ("fit_size", "texture_size", "environment_height"),
    "Lens and Light": ("focal_length_mm", "focal_length_ratio", "bands", "light_weight"),
    "Steps and Rays": (
        "device",
        "shading",
        "stage1_iterations",
        "stage2_iterations",
        "stage3_iterations",
        "transfer_directions",
        "render_samples",
        "seed",
    ),
    "Priors": ("landmark_weight", "identity_weight", "expression_weight", "albedo_weight"),
    "Maps": (
        "diffuse_symmetry_weight",
        "diffuse_consistency_weight",
        "diffuse_smoothness_weight",
        "specular_symmetry_weight",
        "specular_consistency_weight",
        "specular_smoothness_weight",
        "roughness_symmetry_weight",
        "roughness_consistency_weight",
        "roughness_smoothness_weight",
        "normal_weight",
    ),
    "Progress": ("preview_every", "debug_every", "checkpoints", "verbose"),
}
# Where a setting is shown that no group names.
_REST = "More"


def setting_groups() -> dict[str, list[dataclasses.Field[Any]]]:
    """Title -> fields of `Settings`; each is in one group."""
    fields = {item.name: item for item in dataclasses.fields(Settings)}
    groups = {title: [fields.pop(name) for name in names] for title, names in _GROUPS.items()}
    return groups | ({_REST: list(fields.values())} if fields else {})


def label_of(name: str) -> str:
    """A setting's name for people: ``fit_size`` is "Fit Size"."""
    return " ".join(filter(None, (_WORDS.get(word, word.capitalize()) for word in name.split("_"))))


def short_label_of(name: str) -> str:
    """The same beside its value in a narrow panel, where 14 letters are seen; the group's title says the rest."""
    return _SHORT.get(name, label_of(name))


def heading_of(name: str) -> str:
    """What stands above the setting in its group: a map's name above the first weight of that map; empty for most."""
    return _HEADINGS.get(name, "")


_MAPS = ("diffuse", "specular", "roughness")
_SHORT: dict[str, str] = {
    "face_model_folder": "Model Folder",
    "landmark_detector": "Detector",
    "landmark_model_file": "Model File",
    "fan_model_folder": "FAN Folder",
    "environment_height": "Environment",
    "focal_length_ratio": "Focal / Side",
    "stage1_iterations": "Stage 1 Steps",
    "stage2_iterations": "Stage 2 Steps",
    "stage3_iterations": "Stage 3 Steps",
    "transfer_directions": "Directions",
    "landmark_weight": "Landmarks",
    "identity_weight": "Identity",
    "expression_weight": "Expression",
    "albedo_weight": "Albedo",
    "normal_weight": "Detail",
    **{f"{image}_symmetry_weight": "Symmetry" for image in _MAPS},
    **{f"{image}_consistency_weight": "Consistency" for image in _MAPS},
    **{f"{image}_smoothness_weight": "Smoothness" for image in _MAPS},
}
_HEADINGS = {f"{image}_symmetry_weight": image.capitalize() for image in _MAPS} | {"normal_weight": "Normal"}
_WORDS = {"mm": "", "fan": "FAN", "stage1": "Stage 1", "stage2": "Stage 2", "stage3": "Stage 3"}
# Setting -> choice -> its name for people, and what it means.
_CHOICES: dict[str, dict[str, tuple[str, str]]] = {
    "face_model": {
        "bundled": ("Bundled Head", "The free head that comes along, with eyes, teeth and all expressions"),
        "bfm2017": ("BFM 2017", "Basel Face Model 2017 and AlbedoMM, from your own copies of their files"),
        "ict": ("ICT-FaceKit", "USC ICT's FaceKit, from your own checkout"),
    },
    "landmark_detector": {
        "mediapipe": ("MediaPipe", "478 points of the face, with depth"),
        "fan": ("FAN", "68 points of the face; needs packages and weights of its own"),
    },
    "device": {
        "auto": ("Automatic", "The GPU where there is one that works, else the processor"),
        "cpu": ("CPU", "The processor, by way of LLVM"),
        "cuda": ("GPU (CUDA)", "A graphics card of NVIDIA"),
    },
    "shading": {
        "transfer": ("Transfer", "Light by ray-traced transfer: as true, and much faster"),
        "reference": ("Reference", "Mitsuba's own integrators for stage 3; takes minutes"),
    },
}


def choice_of(name: str, choice: str) -> tuple[str, str]:
    """What a ``choice`` of the setting ``name`` is called, and what it means, for people."""
    return _CHOICES.get(name, {}).get(choice, (label_of(choice), ""))
