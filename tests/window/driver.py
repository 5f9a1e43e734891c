"""What the scripts that run inside a Blender with a window share: steps between ticks, buttons, pictures, the report.

A story is a generator: it yields where Blender is to go on by itself. Arguments of the script follow ``--``; the second one is the
folder for pictures and report.json.
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
ARGUMENTS = sys.argv[sys.argv.index("--") + 1 :]
FOLDER = Path(ARGUMENTS[1])
LIGHT_THEME = "Blender_Light.xml"


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


def region_of(area, kind):
    """The area's region of a kind."""
    return next(region for region in area.regions if region.type == kind)


def press(operator, call="INVOKE_DEFAULT", region="UI", **properties):
    """Call an operator as a button in the 3D view does, with an undo step."""
    window, area, _ = view()
    with bpy.context.temp_override(window=window, area=area, region=region_of(area, region)):
        return operator(call, True, **properties)


def press_failing(operator):
    """What an operator that refuses says; it is raised here, where a person sees it in the panel."""
    try:
        press(operator)
    except RuntimeError as error:
        return str(error)
    return ""


def wait(condition, seconds):
    """Ticks until the condition holds or the seconds are over."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        yield


def pause(seconds):
    """Ticks for so long."""
    yield from wait(lambda: False, seconds)


def take_picture(name):
    """Ask the test for a picture of the screen. Blender's own screenshot reads a buffer that software renderers leave black."""
    (FOLDER / f"{name}.wanted").touch()
    yield from wait(lambda: (FOLDER / f"{name}.taken").exists(), 30)


def show_tab():
    """Open the sidebar and bring the tab to the front, once it has been drawn."""
    view()[1].spaces.active.show_region_ui = True
    yield from pause(0.7)
    region = view()[2]
    region.active_panel_category = "Face"
    region.tag_redraw()
    yield from pause(0.7)


def looks(name):
    """Pictures of what is shown: as it is, with the light theme, and at an interface scale of 1.5."""
    preferences = bpy.context.preferences.view
    yield from take_picture(name)
    preferences.ui_scale = 1.5
    yield from pause(1.0)
    yield from take_picture(f"{name}-large")
    preferences.ui_scale = 1.0
    theme = next(Path(path) / LIGHT_THEME for path in bpy.utils.preset_paths("interface_theme"))
    bpy.ops.script.execute_preset(filepath=str(theme), menu_idname="USERPREF_MT_interface_theme_presets")
    yield from pause(1.0)
    yield from take_picture(f"{name}-light")
    bpy.ops.preferences.reset_default_theme()
    yield from pause(0.5)


def run(story, seen):
    """Go through a story, tick by tick; at its end write ``seen`` as the report, and quit as a person does."""
    steps = story()

    def tick():
        try:
            next(steps)
            return 0.1
        except StopIteration:
            pass
        except Exception:
            seen["error"] = traceback.format_exc()
        (FOLDER / "report.json").write_text(json.dumps(seen, indent=1), encoding="utf-8")
        bpy.ops.wm.quit_blender()
        return None

    # Before the window is shown, or it comes up with the splash.
    bpy.context.preferences.view.show_splash = False
    bpy.app.timers.register(tick, first_interval=1.0, persistent=True)
