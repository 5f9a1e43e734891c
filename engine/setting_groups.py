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
    return " ".join(_WORDS.get(word, word.capitalize()) for word in name.split("_"))


_WORDS = {"mm": "(mm)", "stage1": "Stage 1", "stage2": "Stage 2", "stage3": "Stage 3"}
