# SPDX-License-Identifier: GPL-3.0-or-later
"""A property for every setting of the engine. Each shows the preset's or the file's value until a person changes it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import bpy

from ..engine.errors import SettingsError
from ..engine.presets import Loaded, load, preset_path
from ..engine.setting_groups import choice_of, label_of
from ..engine.settings import Settings

FROM_FILE = "FILE"
FIELDS = {item.name: item for item in dataclasses.fields(Settings)}
# Blender's properties hold 32 bits.
_MOST = 2**31 - 1
# Whose unit Blender shows.
_SUBTYPES = {
    "fit_size": "PIXEL",
    "texture_size": "PIXEL",
    "environment_height": "PIXEL",
    "focal_length_mm": "DISTANCE_CAMERA",
}
_read: dict[Path, tuple[tuple[int, int], Loaded]] = {}


def loaded(chosen: bpy.types.PropertyGroup) -> Loaded:
    """What the preset or the file that is chosen on the scene says. Raises SettingsError where it cannot be read."""
    if chosen.preset != FROM_FILE:
        path = preset_path(chosen.preset)
        return Loaded({}) if path is None else _cached(path)
    if not chosen.config_file:
        raise SettingsError("No settings file is chosen.", "Choose an .ini file, or a preset.")
    return _cached(Path(bpy.path.abspath(chosen.config_file)))


def overrides(chosen: bpy.types.PropertyGroup) -> dict[str, Any]:
    """The settings that a person changed, by name; those that this version does not know are left out."""
    try:
        values = json.loads(chosen.advanced.changed or "{}")
    except ValueError:
        return {}
    return {name: value for name, value in values.items() if name in FIELDS}


def current_value(chosen: bpy.types.PropertyGroup, name: str) -> Any:
    """What holds for the setting ``name``: what was changed, else the preset's or the file's, else the default."""
    return _value(chosen.advanced, name)


def _cached(path: Path) -> Loaded:
    """`load`, again only when the file has changed: panels are drawn many times a second."""
    try:
        state = path.stat()
    except OSError:
        return load(path)
    key = state.st_mtime_ns, state.st_size
    if _read.get(path, (None, None))[0] != key:
        _read[path] = key, load(path)
    return _read[path][1]


def _value(group: bpy.types.PropertyGroup, name: str) -> Any:
    """What holds for ``name`` now."""
    chosen = group.id_data.nextgenface
    changed = overrides(chosen)
    if name in changed:
        return changed[name]
    try:
        return loaded(chosen).values.get(name, FIELDS[name].default)
    except SettingsError:
        # The panel says what is wrong with the file.
        return FIELDS[name].default


def _change(group: bpy.types.PropertyGroup, name: str, value: Any) -> None:
    changed = overrides(group.id_data.nextgenface) | {name: value}
    group.changed = json.dumps(changed, sort_keys=True)


def _property(item: dataclasses.Field[Any]) -> Any:
    """The Blender property of one setting."""
    name, kind = item.name, type(item.default)
    texts = {"name": label_of(name), "description": item.metadata["doc"]}
    choices = item.metadata["choices"]
    if choices:
        return bpy.props.EnumProperty(
            items=[(choice, *choice_of(name, choice), number) for number, choice in enumerate(choices)],
            get=lambda group: choices.index(_value(group, name)),
            set=lambda group, number: _change(group, name, choices[number]),
            **texts,
        )
    accessors = {
        "get": lambda group: _value(group, name),
        "set": lambda group, value: _change(group, name, _limited(item, value)),
    }
    if kind is bool:
        return bpy.props.BoolProperty(**accessors, **texts)
    if kind is str:
        subtype = "FILE_PATH" if name.endswith("_file") else "DIR_PATH" if name.endswith("_folder") else "NONE"
        return bpy.props.StringProperty(subtype=subtype, **accessors, **texts)
    limits = {"min": item.metadata["low"], "max": min(item.metadata["high"], _MOST)}
    limits |= {"subtype": _SUBTYPES.get(name, "NONE")}
    if kind is int:
        return bpy.props.IntProperty(**limits, **accessors, **texts)
    return bpy.props.FloatProperty(precision=4, **limits, **accessors, **texts)


def _limited(item: dataclasses.Field[Any], value: Any) -> Any:
    """``value`` within the limits, which Blender does not apply to scripts; 0.1, which its 32 bits make 0.10000000149."""
    plain = float(f"{value:.7g}") if isinstance(item.default, float) else value
    low, high = item.metadata["low"], item.metadata["high"]
    return plain if low is None else min(max(plain, low), high)


class NEXTGENFACE_PG_engine(bpy.types.PropertyGroup):
    """Every setting of the engine by its name, and as JSON those that were changed."""

    changed: bpy.props.StringProperty(
        name="Changed", description="What differs from the preset, as JSON", options={"HIDDEN"}
    )


for _item in FIELDS.values():
    NEXTGENFACE_PG_engine.__annotations__[_item.name] = _property(_item)

CLASSES = (NEXTGENFACE_PG_engine,)
