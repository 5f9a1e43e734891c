# SPDX-License-Identifier: GPL-3.0-or-later
"""Edit Landmarks: the points of the active photo in an Image Editor, to be dragged to where they belong."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy
import numpy as np

from ..engine.errors import EngineError
from ..properties.engine_settings import current_value
from ..properties.photos import (
    active_photo,
    adopt,
    found_places,
    is_seen,
    keep_placed,
    photo_at,
    photo_path,
    placed_points,
)
from .find_face import keep_found, start_search
from .landmark_editing import Answer, Editing, Editor
from .landmark_image import shown_image
from .landmark_overlay import overlay, view_of
from .pump import PumpMixin, redraw_panels
from .session import BUSY, session

# Room about the face, in shares of its size; seconds after which a new view has been drawn.
_ROOM, _SECONDS_TO_DRAW = 0.25, 0.2
HELP = (
    "Drag: Move Point    Wheel while dragging: Radius    Backspace: Reset Point (Shift: All)    "
    "H: Show or Hide Points    Ctrl Z: Undo    Enter: Keep    Esc: Cancel"
)


class NEXTGENFACE_OT_edit_landmarks(PumpMixin, bpy.types.Operator):
    """Show the points of the face over the active photo, and move those that are wrong. The fit then follows yours"""

    bl_idname = "nextgenface.edit_landmarks"
    bl_label = "Edit Landmarks"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """With a photo that is there, and not twice."""
        item = active_photo(context.scene.nextgenface)
        if item is None:
            cls.poll_message_set("Add a photo first")
        elif not photo_path(item).is_file():
            cls.poll_message_set("The photo is not there any more")
        elif overlay.editor is not None:
            cls.poll_message_set("Landmarks are being edited. Press Enter or Esc in the Image Editor")
        elif session.detection.is_running or (session.is_active and not item.points):
            cls.poll_message_set(BUSY if session.is_active else "Faces are being found")
        else:
            return True
        return False

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Find the face first where that was not done yet."""
        item = active_photo(context.scene.nextgenface)
        self.scene, self.path = context.scene.name, str(photo_path(item))
        if is_seen(item, current_value(context.scene.nextgenface, "landmark_detector")):
            return self._open(context)
        return super().invoke(context, event)

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Nothing can be dragged without a window."""
        self.report({"ERROR"}, "Landmarks can be edited in a window only")
        return {"CANCELLED"}

    def begin(self, context: bpy.types.Context) -> bool:
        """Start the search; False where that is not possible."""
        try:
            start_search(context, context.scene)
        except EngineError as error:
            self.report({"ERROR"}, str(error))
            return False
        return True

    def tick(self, context: bpy.types.Context) -> set[str] | None:
        """Open the editor when the search has ended."""
        scene = bpy.data.scenes.get(self.scene)
        if scene is None:
            return {"CANCELLED"}
        keep_found(scene)
        return None if session.detection.is_running else self._open(context)

    def cancel(self, _context: bpy.types.Context) -> None:
        """Called by Blender when it ends the search itself: its window was closed, or another file is opened."""
        session.abandon_detection()

    def _open(self, context: bpy.types.Context) -> set[str]:
        scene = bpy.data.scenes[self.scene]
        item = photo_at(scene.nextgenface, Path(self.path))
        if item is None or not item.points:
            reason = item.message if item is not None else ""
            self.report({"ERROR"}, reason or session.detection.message or "No face was found")
            return {"CANCELLED"}
        try:
            image = shown_image(photo_path(item), item.orientation)
        except EngineError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        known = len(context.window_manager.windows)
        window, area = image_area(context)
        is_new = len(context.window_manager.windows) > known
        area.spaces.active.image = image
        region = next(region for region in area.regions if region.type == "WINDOW")
        with context.temp_override(window=window, area=area, region=region):
            bpy.ops.image.view_all(fit_view=True)
            bpy.ops.nextgenface.drag_landmarks("INVOKE_DEFAULT", True, scene=self.scene, path=self.path, close=is_new)
        return {"FINISHED"}


def image_area(context: bpy.types.Context) -> tuple[bpy.types.Window, bpy.types.Area]:
    """An Image Editor: this window's, else another one's, else one in a new window."""
    manager = context.window_manager
    windows = [context.window, *(window for window in manager.windows if window != context.window)]
    for window in windows:
        for area in window.screen.areas:
            if area.type == "IMAGE_EDITOR":
                return window, area
    bpy.ops.wm.window_new()
    window = manager.windows[-1]
    area = window.screen.areas[0]
    area.type = "IMAGE_EDITOR"
    return window, area


def frame_face(places: np.ndarray, region: bpy.types.Region) -> None:
    """Zoom the Image Editor of the context to the ``places`` (N, 2) of a face, with some room about it."""
    low, high = places.min(0), places.max(0)
    margin = _ROOM * (high - low).max()
    left, bottom = view_of(region).to_region(np.array([low[0] - margin, high[1] + margin]))
    right, top = view_of(region).to_region(np.array([high[0] + margin, low[1] - margin]))
    sides = {"xmin": round(left), "xmax": round(right), "ymin": round(bottom), "ymax": round(top)}
    bpy.ops.image.view_zoom_border(wait_for_input=False, **sides)


def close_window_of(image: str) -> None:
    """Close the window that only shows ``image``, soon: Blender is still busy with its events."""

    def close() -> None:
        for window in bpy.context.window_manager.windows[1:]:
            spaces = [area.spaces.active for area in window.screen.areas]
            if len(spaces) == 1 and spaces[0].type == "IMAGE_EDITOR" and getattr(spaces[0].image, "name", "") == image:
                with bpy.context.temp_override(window=window):
                    bpy.ops.wm.window_close()

    bpy.app.timers.register(close, first_interval=0.1)


class NEXTGENFACE_OT_drag_landmarks(bpy.types.Operator):
    """Move points of a face with the mouse"""

    bl_idname = "nextgenface.drag_landmarks"
    bl_label = "Move Landmarks"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    scene: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})
    path: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})
    close: bpy.props.BoolProperty(options={"SKIP_SAVE", "HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """In an Image Editor that shows an image."""
        area = context.area
        return area is not None and area.type == "IMAGE_EDITOR" and area.spaces.active.image is not None

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Begin; the photo is known by its scene and path from now on."""
        item = self._item()
        if item is None or overlay.editor is not None:
            return {"CANCELLED"}
        editing = Editing(found_places(item), placed_points(item), item.width, item.height)
        editor = Editor(editing, context.preferences.system.ui_scale)
        overlay.begin(context.area.spaces.active.image.name, item.detector, editor)
        context.workspace.status_text_set(HELP)
        context.area.header_text_set("Landmarks: drag points to where they belong, then press Enter")
        # The view is known once it has been drawn.
        self.timer = context.window_manager.event_timer_add(_SECONDS_TO_DRAW, window=context.window)
        context.window_manager.modal_handler_add(self)
        context.area.tag_redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Called by Blender for every event."""
        area, region = context.area, context.region
        editor = overlay.editor
        if editor is None or not self._is_shown(area):
            return self._end(context, keep=editor is not None)
        if event.type == "TIMER" and self.timer is not None:
            self._stop_timer(context)
            frame_face(editor.editing.now.places, region)
        inside = 0 <= event.mouse_region_x < region.width and 0 <= event.mouse_region_y < region.height
        answer = editor.handle(event, view_of(region), inside)
        area.tag_redraw()
        if answer in (Answer.DONE, Answer.CANCELLED):
            return self._end(context, keep=answer is Answer.DONE)
        return {"PASS_THROUGH"} if answer is Answer.PASS else {"RUNNING_MODAL"}

    def _is_shown(self, area: bpy.types.Area | None) -> bool:
        if area is None or area.type != "IMAGE_EDITOR":
            return False
        image = area.spaces.active.image
        return image is not None and image.name == overlay.image

    def _item(self) -> bpy.types.PropertyGroup | None:
        scene = bpy.data.scenes.get(self.scene)
        return None if scene is None else photo_at(scene.nextgenface, Path(self.path))

    def _end(self, context: bpy.types.Context, keep: bool) -> set[str]:
        editor, item = overlay.editor, self._item()
        changed = keep and editor is not None and item is not None and editor.editing.is_changed
        if changed:
            keep_placed(item, editor.editing.placed())
        self._clean_up(context)
        if self.close:
            close_window_of(overlay.image)
        return {"FINISHED"} if changed else {"CANCELLED"}

    def _stop_timer(self, context: bpy.types.Context) -> None:
        if self.timer is not None:
            context.window_manager.event_timer_remove(self.timer)
            self.timer = None

    def cancel(self, context: bpy.types.Context) -> None:
        """Called by Blender when it ends the operator itself: its window was closed, or another file is opened."""
        # The timer has gone with its window.
        self.timer = None
        self._clean_up(context)

    def _clean_up(self, context: bpy.types.Context) -> None:
        self._stop_timer(context)
        overlay.end()
        if context.workspace is not None:
            context.workspace.status_text_set(None)
        if context.area is not None:
            context.area.header_text_set(None)
            context.area.tag_redraw()
        redraw_panels(context)


class NEXTGENFACE_OT_reset_landmarks(bpy.types.Operator):
    """Put all points of the active photo back to where they were found"""

    bl_idname = "nextgenface.reset_landmarks"
    bl_label = "Reset Landmarks"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where some were moved, and nobody is at it."""
        item = active_photo(context.scene.nextgenface)
        return item is not None and bool(item.placed) and overlay.editor is None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Forget what was moved."""
        adopt(context.scene.nextgenface)
        keep_placed(active_photo(context.scene.nextgenface), {})
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_edit_landmarks, NEXTGENFACE_OT_drag_landmarks, NEXTGENFACE_OT_reset_landmarks)


def unregister() -> None:
    """Draw no more."""
    overlay.end()
