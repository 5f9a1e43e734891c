# SPDX-License-Identifier: GPL-3.0-or-later
"""Load Recording: a face that was recorded with a phone moves the head."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import bpy
import numpy as np

from ..engine.errors import EngineError
from .arkit_recording import Recording, read_recording
from .people import part_of
from .result_needs import PersonMixin
from .result_sliders import set_expression

NO_KEYS = "This head has no ARKit expressions.", "Turn Shape Keys on under Settings, and rebuild it."


def play(keys: bpy.types.Key, recording: Recording, start: float, step: float) -> int:
    """Keyframe the expressions that both have, from frame ``start`` on, ``step`` frames apart; how many there are.

    Their keyframes of before are gone.
    """
    names = [name for name in recording.names if name in keys.key_blocks]
    frames = start + step * np.arange(len(recording.values))
    for name in names:
        values = recording.values[:, recording.names.index(name)]
        _fill(_curve(keys, f'key_blocks["{name}"].value'), np.stack([frames, values], 1))
    return len(names)


def _curve(keys: bpy.types.Key, path: str) -> bpy.types.FCurve:
    """The animation curve of a value of ``keys``, made if there is none."""
    animation = keys.animation_data_create()
    if animation.action is None:
        animation.action = bpy.data.actions.new(f"{keys.name} Recording")
    action: Any = animation.action
    # Blender 4.4 gave actions slots, and 5.0 took their own curves away.
    if hasattr(action, "fcurve_ensure_for_datablock"):
        return action.fcurve_ensure_for_datablock(keys, path)
    return action.fcurves.find(path) or action.fcurves.new(path)


def _fill(curve: bpy.types.FCurve, points: np.ndarray) -> None:
    """Let ``curve`` go straight from each of ``points`` (N, 2), frame and value, to the next."""
    curve.keyframe_points.clear()
    curve.keyframe_points.add(len(points))
    curve.keyframe_points.foreach_set("co", points.astype(np.float32).ravel())
    linear = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["LINEAR"].value
    curve.keyframe_points.foreach_set("interpolation", np.full(len(points), linear, np.int32))
    curve.update()


class NEXTGENFACE_OT_load_recording(PersonMixin, bpy.types.Operator):
    """Animate the expressions from a .csv file that Live Link Face recorded, from the current frame on"""

    bl_idname = "nextgenface.load_recording"
    bl_label = "Load Recording"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    filepath: bpy.props.StringProperty(
        name="Recording", description="A .csv file of Live Link Face", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: bpy.props.StringProperty(default="*.csv", options={"HIDDEN"})
    rate: bpy.props.FloatProperty(
        name="Recorded Frame Rate",
        description="Lines of the file per second. Live Link Face records 60 unless it was told otherwise",
        default=60.0,
        min=1.0,
        max=1000.0,
        soft_min=24.0,
        soft_max=120.0,
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Let the person choose a file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def change(self, context: bpy.types.Context, person: bpy.types.Collection) -> set[str]:
        """Set the keyframes, and let the scene last as long."""
        recording = read_recording(Path(bpy.path.abspath(self.filepath)))
        head, scene = part_of(person, "head"), context.scene
        if head is None or head.data.shape_keys is None:
            raise EngineError(*NO_KEYS)
        set_expression(person, None)
        start, step = scene.frame_current, scene.render.fps / scene.render.fps_base / self.rate
        count = play(head.data.shape_keys, recording, start, step)
        if not count:
            raise EngineError(*NO_KEYS)
        last = int(np.ceil(start + step * (len(recording.values) - 1)))
        scene.frame_end = max(scene.frame_end, last)
        self.report({"INFO"}, f"{count} expressions from frame {start} to {last}")
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_load_recording,)
