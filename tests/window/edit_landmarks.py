"""Runs inside a Blender with a window: finds a face and moves a point of it with the mouse, as a person does.

Arguments after ``--``: photo, folder for pictures and report.json. Blender is to be started with --enable-event-simulate.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
from driver import ARGUMENTS, import_package, press, run, take_picture, wait

PHOTO = ARGUMENTS[0]
SEEN: dict = {}


def image_region():
    """Window and region of the Image Editor."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "IMAGE_EDITOR":
                return window, next(region for region in area.regions if region.type == "WINDOW")
    raise LookupError("no Image Editor")


def simulate(*events):
    """Send events (type, value, place in the region), a tick apart."""
    for kind, value, place in events:
        window, region = image_region()
        x, y = (round(side) for side in place)
        window.event_simulate(type=kind, value=value, x=region.x + x, y=region.y + y)
        yield from wait(lambda: False, 0.3)


def placed():
    """The numbers of the points that are kept as moved."""
    from nextgenface.properties.photos import placed_points

    return sorted(placed_points(bpy.context.scene.nextgenface.photos[0]))


def story():
    """What happens, one step per tick."""
    import_package()
    from nextgenface.operators.landmark_overlay import overlay, view_of

    yield from wait(lambda: False, 1.0)
    path = Path(PHOTO)
    press(bpy.ops.nextgenface.add_photos, "EXEC_DEFAULT", directory=str(path.parent), files=[{"name": path.name}])
    press(bpy.ops.nextgenface.edit_landmarks)
    yield from wait(lambda: overlay.editor is not None, 60)
    yield from wait(lambda: False, 1.5)
    SEEN["windows while editing"] = len(bpy.context.window_manager.windows)
    _, region = image_region()
    # Blender that is told to simulate events looks at its timers with the next one only.
    yield from simulate(("MOUSEMOVE", "NOTHING", (region.width / 2, region.height / 2)))
    yield from wait(lambda: False, 0.5)
    view = view_of(region)
    places = view.to_region(overlay.editor.editing.now.places)
    SEEN["face over view"] = float((places.max(0) - places.min(0))[1] / region.height)
    start = places[0]
    end = (start[0] + 40, start[1] + 20)
    yield from simulate(("MOUSEMOVE", "NOTHING", start), ("LEFTMOUSE", "PRESS", start))
    yield from simulate(("MOUSEMOVE", "NOTHING", (start[0] + 20, start[1])), ("MOUSEMOVE", "NOTHING", end))
    SEEN["dragging"] = overlay.editor.editing.is_dragging
    yield from take_picture("dragged")
    yield from simulate(("LEFTMOUSE", "RELEASE", end), ("RET", "PRESS", start))
    yield from wait(lambda: overlay.editor is None, 10)
    yield from wait(lambda: False, 1.0)
    SEEN["placed"] = placed()
    SEEN["windows after"] = len(bpy.context.window_manager.windows)
    press(bpy.ops.ed.undo)
    SEEN["placed after undo"] = placed()
    press(bpy.ops.ed.redo)
    SEEN["placed after redo"] = placed()
    press(bpy.ops.nextgenface.edit_landmarks)
    yield from wait(lambda: overlay.editor is not None, 10)
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    yield from wait(lambda: False, 1.0)
    SEEN["editing in the other file"] = overlay.editor is not None


run(story, SEEN)
