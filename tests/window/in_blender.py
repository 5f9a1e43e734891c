"""Runs inside a Blender with a window: uses the sidebar tab as a person does and takes pictures of it.

Arguments after ``--``: photo, folder for pictures and report.json, seconds to wait for the end, preset. The engine comes from the
environment (see `properties.places` and `engine.service`). The report tells what was seen at each moment.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
import traceback
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[2]
PHOTO, FOLDER, PATIENCE, PRESET = sys.argv[sys.argv.index("--") + 1 :][:4]
SEEN: dict = {"moments": {}}


def import_package():
    """This checkout as `nextgenface`, enabled."""
    spec = importlib.util.spec_from_file_location(
        "nextgenface", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["nextgenface"] = module
    spec.loader.exec_module(module)
    bpy.context.preferences.addons.new().module = "nextgenface"
    module.register()


def view():
    """Window, area and the sidebar's region of the 3D view."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    return window, area, next(region for region in area.regions if region.type == "UI")


def press(operator, **properties):
    """Invoke an operator as its button does, with an undo step."""
    window, area, region = view()
    with bpy.context.temp_override(window=window, area=area, region=region):
        return operator("INVOKE_DEFAULT", True, **properties)


def take_picture(name):
    """Ask the test for a picture of the screen, wait for it, and note what the session says.

    Blender's own screenshot reads a buffer that software renderers leave black.
    """
    from nextgenface.operators.session import session

    _, _, region = view()
    (Path(FOLDER) / f"{name}.wanted").touch()
    yield from wait(lambda: (Path(FOLDER) / f"{name}.taken").exists(), 30)
    status = session.status
    SEEN["moments"][name] = {
        "phase": status.phase.value, "stage": status.stage, "fraction": status.fraction, "message": status.message,
        "sidebar_width": region.width, "objects": sorted(item.name for item in bpy.data.objects),
    }  # fmt: skip


def story():
    """What happens, one step per tick; a step yields True when it may go on."""
    from nextgenface.operators.session import session

    _, area, _ = view()
    area.spaces.active.show_region_ui = True
    yield True
    bpy.context.scene.nextgenface.photo = PHOTO
    bpy.context.scene.nextgenface.preset = PRESET
    yield from wait(lambda: False, 1.0)
    yield from show_tab()
    yield from take_picture("idle")
    press(bpy.ops.nextgenface.reconstruct)
    yield from wait(lambda: session.status.fraction > 0.3 or not session.is_active, float(PATIENCE))
    yield from wait(lambda: False, 0.5)
    yield from take_picture("running")
    yield from wait(lambda: not session.is_active, float(PATIENCE))
    yield from wait(lambda: False, 1.0)
    yield from take_picture("done")
    if session.status.phase.value == "done":
        press(bpy.ops.nextgenface.isolate)
        press(bpy.ops.nextgenface.view_photo)
        yield from wait(lambda: False, 2.0)
        yield from take_picture("camera")
        press(bpy.ops.ed.undo)
        press(bpy.ops.ed.undo)
        yield from wait(lambda: False, 1.0)
        yield from take_picture("undone")
    bpy.context.scene.nextgenface.photo = str(Path(FOLDER) / "no photo.png")
    SEEN["missing photo"] = press_failing()
    yield from wait(lambda: False, 1.0)
    yield from take_picture("failed")
    slow = Path(FOLDER) / "slow.png"
    if slow.is_file():
        yield from interruptions(str(slow))


def show_tab():
    """Bring the tab to the front, once the sidebar has been drawn."""
    region = view()[2]
    region.active_panel_category = "Face"
    region.tag_redraw()
    yield from wait(lambda: False, 1.5)


def interruptions(slow):
    """Cancel, and another file in the middle of a job; the photo's name keeps the stand-in engine busy."""
    from nextgenface.operators.session import session

    bpy.context.scene.nextgenface.photo = slow
    press(bpy.ops.nextgenface.reconstruct)
    yield from wait(lambda: session.status.stage == "stage2", 20)
    SEEN["second press"] = press_failing()
    press(bpy.ops.nextgenface.cancel)
    yield from wait(lambda: not session.is_active, 20)
    yield from take_picture("cancelled")
    press(bpy.ops.nextgenface.reconstruct)
    yield from wait(lambda: session.status.stage == "stage2", 20)
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    yield from wait(lambda: False, 1.0)
    view()[1].spaces.active.show_region_ui = True
    yield from wait(lambda: False, 1.0)
    yield from show_tab()
    yield from take_picture("other_file")


def press_failing():
    """What an operator that refuses says; it is raised here, where a person sees it in the panel."""
    try:
        press(bpy.ops.nextgenface.reconstruct)
    except RuntimeError as error:
        return str(error)
    return ""


def wait(condition, seconds):
    """Ticks until the condition holds or the seconds are over."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        yield True


def run():
    """One tick; writes the report and quits at the end."""
    try:
        next(STEPS)
        return 0.1
    except StopIteration:
        pass
    except Exception:
        SEEN["error"] = traceback.format_exc()
    (Path(FOLDER) / "report.json").write_text(json.dumps(SEEN, indent=1), encoding="utf-8")
    if "nextgenface" in sys.modules:
        sys.modules["nextgenface"].unregister()
    bpy.ops.wm.quit_blender()
    return None


def first_step():
    """Enable the add-on here and not at the script's end, so that an error ends Blender too."""
    import_package()
    yield from story()


# Before the window is shown, or it comes up with the splash.
bpy.context.preferences.view.show_splash = False
STEPS = first_step()
bpy.app.timers.register(run, first_interval=1.0, persistent=True)
