"""Runs inside a Blender with a window: uses the sidebar tab as a person does and takes pictures of it.

Arguments after ``--``: photo, folder for pictures and report.json, seconds to wait for the end, preset, and a photo for the jobs that
are interrupted. The engine comes from the environment (see `properties.places` and `engine.service`). The report tells what was seen
at each moment.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
from driver import ARGUMENTS, FOLDER, import_package, looks, pause, press, press_failing, run, show_tab, view, wait
from driver import take_picture as take_bare_picture
from hold_ups import HoldUps

PHOTO, _, PATIENCE, PRESET, ENDLESS = ARGUMENTS[:5]
SEEN: dict = {"moments": {}}
HOLD_UPS = HoldUps()


def session():
    """The add-on's session."""
    from nextgenface.operators.session import session

    return session


def note(name):
    """Write down what the session says and what is there."""
    status = session().status
    SEEN["moments"][name] = {
        "phase": status.phase.value, "stage": status.stage, "fraction": status.fraction, "message": status.message,
        "objects": sorted(item.name for item in bpy.data.objects),
        "textures": sum(1 for image in bpy.data.images if image.packed_file and image.size[0]),
    }  # fmt: skip


def take_picture(name):
    """A picture of this moment, and what there was to know."""
    note(name)
    yield from take_bare_picture(name)


def add_photo(path):
    """A photo more in the list."""
    photo = Path(path)
    press(bpy.ops.nextgenface.add_photos, "EXEC_DEFAULT", directory=str(photo.parent), files=[{"name": photo.name}])
    view()[2].tag_redraw()


def choose_photo(path):
    """The photo as the only one of the list, and the preset."""
    bpy.context.scene.nextgenface.photos.clear()
    bpy.context.scene.nextgenface.preset = PRESET
    add_photo(path)


def start(path):
    """Press the button, and wait until the fit is on its way."""
    choose_photo(path)
    press(bpy.ops.nextgenface.reconstruct)
    yield from wait(lambda: session().status.stage == "stage2" or not session().is_active, float(PATIENCE))


def story():
    """The whole of it."""
    import_package()
    HOLD_UPS.watch()
    yield from show_tab()
    yield from take_picture("empty")
    choose_photo(PHOTO)
    yield from pause(1.5)
    note("idle")
    yield from looks("idle")
    add_photo(ENDLESS)
    yield from pause(1.0)
    yield from looks("several")
    yield from cancelled_job()
    yield from finished_job()
    yield from after_it()
    SEEN["hold-ups"] = HOLD_UPS.summary()
    yield from missing_photo()
    yield from interrupted_jobs()


def cancelled_job():
    """The bar moves while the view is turned; then Cancel."""
    yield from start(ENDLESS)
    yield from take_picture("started")
    before = session().status.fraction
    for _ in range(8):
        press(bpy.ops.view3d.view_orbit, "EXEC_DEFAULT", "WINDOW", angle=0.1, type="ORBITLEFT")
        yield from pause(0.2)
    yield from wait(lambda: session().status.fraction > before, 20)
    yield from take_picture("orbited")
    yield from looks("running")
    SEEN["second press"] = press_failing(bpy.ops.nextgenface.reconstruct)
    press(bpy.ops.nextgenface.cancel)
    yield from wait(lambda: not session().is_active, 20)
    yield from pause(0.5)
    yield from take_picture("cancelled")


def finished_job():
    """A job to its end, and undo and redo of what was built."""
    choose_photo(PHOTO)
    press(bpy.ops.nextgenface.reconstruct)
    yield from wait(lambda: not session().is_active, float(PATIENCE))
    yield from pause(1.0)
    note("done")
    yield from looks("done")
    press(bpy.ops.ed.undo)
    yield from pause(1.0)
    yield from take_picture("undone")
    press(bpy.ops.ed.redo)
    yield from pause(1.0)
    yield from take_picture("redone")


def after_it():
    """The panel Result, and what it offers."""
    press(bpy.ops.nextgenface.isolate)
    press(bpy.ops.nextgenface.use_photo, "EXEC_DEFAULT")
    press(bpy.ops.nextgenface.view_photo)
    yield from pause(2.0)
    yield from take_picture("camera")
    for _ in range(30):
        press(bpy.ops.view2d.scroll_down, "EXEC_DEFAULT", deltay=40)
    yield from pause(0.5)
    yield from looks("result")
    scene, light = bpy.context.scene, Path(bpy.utils.system_resource("DATAFILES")) / "studiolights/world/forest.exr"
    if light.is_file():
        press(bpy.ops.nextgenface.relight, "EXEC_DEFAULT", filepath=str(light))
        SEEN["relit"] = scene.world.name
        press(bpy.ops.nextgenface.photo_light, "EXEC_DEFAULT")
        SEEN["light again"] = scene.world.name
    press(bpy.ops.nextgenface.compare, view="RENDER")
    yield from pause(1.5)
    yield from take_picture("compare")
    for window in bpy.context.window_manager.windows[1:]:
        with bpy.context.temp_override(window=window):
            bpy.ops.wm.window_close()
    yield from pause(0.5)


def missing_photo():
    """A photo that is gone is told in the panel."""
    chosen = bpy.context.scene.nextgenface
    chosen.photos.clear()
    chosen.photo = str(FOLDER / "no photo.png")
    SEEN["missing photo"] = press_failing(bpy.ops.nextgenface.reconstruct)
    for _ in range(30):
        press(bpy.ops.view2d.scroll_up, "EXEC_DEFAULT", deltay=40)
    yield from pause(1.0)
    yield from take_picture("missing")


def interrupted_jobs():
    """Another file in the middle of a job, and then the end of Blender in the middle of one."""
    yield from start(ENDLESS)
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    yield from pause(1.0)
    yield from show_tab()
    yield from take_picture("other_file")
    yield from start(ENDLESS)
    note("quit")
    SEEN["worker"] = session()._worker._process.pid


run(story, SEEN)
