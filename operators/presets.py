# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses presets, and saves and deletes the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from ..engine.errors import EngineError, SettingsError
from ..engine.presets import config_text
from ..properties.engine_settings import FROM_FILE
from ..properties.presets import own_preset, own_preset_path, own_presets
from ..properties.settings import engine_settings

# A person's consent is not a matter of taste.
_NOT_SAVED = ("allow_downloads",)


def use_own(chosen: bpy.types.PropertyGroup, path: Path) -> None:
    """Make the file ``path`` of the user's what holds, with nothing changed beside it."""
    chosen.preset, chosen.config_file = FROM_FILE, str(path)
    chosen.advanced.changed = ""
    chosen.texture_size = "PRESET"


class NEXTGENFACE_OT_use_preset(bpy.types.Operator):
    """Take the settings from this preset. What you changed beside it stays changed"""

    bl_idname = "nextgenface.use_preset"
    bl_label = "Use Preset"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    name: bpy.props.StringProperty(name="Name", description="Of the preset", options={"SKIP_SAVE"})
    own: bpy.props.BoolProperty(name="Own", description="One of your own", options={"SKIP_SAVE"})
    tooltip: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """The entry's tooltip."""
        return properties.tooltip or "Take the settings from this preset"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Choose it."""
        chosen = context.scene.nextgenface
        if not self.own:
            chosen.preset = self.name
            if self.name == FROM_FILE and own_preset(chosen):
                chosen.config_file = ""
            return {"FINISHED"}
        if self.name not in own_presets():
            self.report({"ERROR"}, f"There is no preset '{self.name}' any more.")
            return {"CANCELLED"}
        chosen.preset, chosen.config_file = FROM_FILE, str(own_presets()[self.name])
        return {"FINISHED"}


class NEXTGENFACE_OT_save_preset(bpy.types.Operator):
    """Save the settings as they are now as a preset of your own, for all files. The shell's --config reads it too"""

    bl_idname = "nextgenface.save_preset"
    bl_label = "Save Preset"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    name: bpy.props.StringProperty(name="Name", description="What the preset will be called", maxlen=40)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the name."""
        self.name = own_preset(context.scene.nextgenface)
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write it, and use it."""
        chosen = context.scene.nextgenface
        try:
            path = own_preset_path(self.name)
            values = {name: value for name, value in engine_settings(chosen).items() if name not in _NOT_SAVED}
            _write(path, config_text(values, f"{path.stem}: saved in Blender"))
        except EngineError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        consent = chosen.advanced.allow_downloads
        use_own(chosen, path)
        if consent:
            chosen.advanced.allow_downloads = True
        self.report({"INFO"}, f"Preset '{path.stem}' saved")
        return {"FINISHED"}


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise SettingsError(f"'{path}' cannot be written: {error.strerror}.", "Check the folder.") from error


class NEXTGENFACE_OT_delete_preset(bpy.types.Operator):
    """Delete the chosen preset of your own. The settings stay as it had them"""

    bl_idname = "nextgenface.delete_preset"
    bl_label = "Delete Preset"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only own ones."""
        if not own_preset(context.scene.nextgenface):
            cls.poll_message_set("Only presets of your own can be deleted")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first: a file is deleted, and no undo brings it back."""
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Delete the file; its values go on as changes to the default."""
        chosen = context.scene.nextgenface
        name = own_preset(chosen)
        try:
            values = engine_settings(chosen)
            own_presets()[name].unlink()
        except (EngineError, OSError, KeyError) as error:
            self.report({"ERROR"}, f"'{name}' could not be deleted: {error}")
            return {"CANCELLED"}
        chosen.property_unset("preset")
        chosen.config_file = ""
        for setting, value in values.items():
            if getattr(chosen.advanced, setting) != value:
                setattr(chosen.advanced, setting, value)
        self.report({"INFO"}, f"Preset '{name}' deleted")
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_use_preset, NEXTGENFACE_OT_save_preset, NEXTGENFACE_OT_delete_preset)
