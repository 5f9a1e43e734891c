# SPDX-License-Identifier: GPL-3.0-or-later
"""Check Engine, Set Up Engine, and the end of a set-up."""

from __future__ import annotations

import bpy

from ..engine.errors import EngineError
from ..engine.logs import new_log
from ..engine.user_folders import use_cache_folder
from ..properties.places import (
    ROOT,
    download_folder,
    engine_folder,
    engine_stamp,
    environment_python,
    log_folder,
    offline_packages,
    user_folder,
)
from ..properties.preferences import chosen_index, chosen_packages, index_problem, wants_fan
from .engine_setup import COMPLETE, EngineSetup, Source, being_made, fan_steps, find_python, names_of, steps
from .pump import PumpMixin, redraw_panels
from .reconstruct import need_python
from .session import BUSY, session


class SetupState:
    """The set-up that runs or ran last; drawn by the panels, never saved."""

    current: EngineSetup | None = None

    def is_running(self) -> bool:
        """True while packages are being installed."""
        return self.current is not None and self.current.running


setup = SetupState()


def check_engine() -> None:
    """Press Check Engine. Without a window nobody waits for it, and the next job does it."""
    if not bpy.app.background and bpy.ops.nextgenface.check_engine.poll():
        bpy.ops.nextgenface.check_engine("INVOKE_DEFAULT")


def package_source(context: bpy.types.Context) -> Source:
    """A folder that has the packages, where there is one; else the downloads."""
    offline = offline_packages(chosen_packages(context))
    return Source(offline or download_folder(), offline is not None, chosen_index(context))


class NEXTGENFACE_OT_check_engine(PumpMixin, bpy.types.Operator):
    """Try out what the engine needs: its packages, a renderer, the face model"""

    bl_idname = "nextgenface.check_engine"
    bl_label = "Check Engine"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Not while the engine works."""
        if session.is_active:
            cls.poll_message_set(BUSY)
        return not session.is_active and not session.check.running

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start, and return at the end."""
        if not self.begin(context):
            return {"CANCELLED"}
        while session.check.running:
            session.wait(0.1)
        for line in session.check.lines:
            mark = "ok" if line.get("ok") else "no"
            self.report({"INFO"}, f"{line.get('name')}: {mark} ({line.get('detail')}). {line.get('remedy')}".strip())
        return self.tick(context) or {"CANCELLED"}

    def begin(self, context: bpy.types.Context) -> bool:
        """Ask the worker; False where that is not possible."""
        try:
            session.start_check(need_python(context), log_folder())
        except EngineError as error:
            self.report({"ERROR"}, str(error))
            return False
        return True

    def tick(self, _context: bpy.types.Context) -> set[str] | None:
        """Report at the end."""
        if session.check.running:
            return None
        if session.check.ok:
            self.report({"INFO"}, "The engine works.")
        else:
            self.report({"WARNING"}, "The engine does not work yet. See the lines below the button.")
        return {"FINISHED"}


class _Install(PumpMixin):
    """What Set Up Engine and Add FAN share. Blender loses an operator that another one is derived from."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Once at a time, and only if Blender may go online or need not."""
        source = package_source(context)
        if not bpy.app.online_access and not source.offline:
            cls.poll_message_set("Allow Online Access in Blender's preferences (System) first")
        elif not source.offline and index_problem(source.torch_index):
            cls.poll_message_set(index_problem(source.torch_index))
        elif setup.is_running() or session.is_active:
            cls.poll_message_set(BUSY if session.is_active else "The set-up is running")
        else:
            return True
        return False

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start, and return at the end."""
        if not self.begin(context):
            return {"CANCELLED"}
        setup.current.join()
        return self.tick(context) or {"CANCELLED"}

    def tick(self, context: bpy.types.Context) -> set[str] | None:
        """Show pip's latest line; report at the end."""
        redraw_panels(context)
        if setup.current.running:
            return None
        self.report({"INFO"} if setup.current.ok else {"ERROR"}, setup.current.message)
        if not setup.current.ok:
            return {"CANCELLED"}
        check_engine()
        return {"FINISHED"}


class NEXTGENFACE_OT_setup_engine(_Install, bpy.types.Operator):
    """Install the engine's packages and MediaPipe's face model into a private folder of this add-on; downloads what is not there"""

    bl_idname = "nextgenface.setup_engine"
    bl_label = "Set Up Engine"

    def begin(self, context: bpy.types.Context) -> bool:
        """Start it; False where that is not possible."""
        source = package_source(context)
        python = find_python(versions=source.pythons)
        if python is None:
            wanted = names_of(source.pythons)
            advice = "Install it, or choose an engine Python in the preferences."
            self.report({"ERROR"}, f"No Python {wanted} was found, which the engine's packages are for. {advice}")
            return False
        # A worker of the old environment would hold its files.
        session.close()
        folder = engine_folder()
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = being_made(folder)
        commands = steps(python, new, environment_python(new), ROOT / "wheels", source, wants_fan(context))
        log = new_log(log_folder())
        setup.current = EngineSetup(commands, folder, log, engine_stamp(), variables=source.variables())
        setup.current.start()
        return True


class NEXTGENFACE_OT_add_fan(_Install, bpy.types.Operator):
    """Add the landmark detector FAN to the engine: 45 kB of packages. Its weights (185 MB) are files of their own"""

    bl_idname = "nextgenface.add_fan"
    bl_label = "Add FAN"

    def begin(self, context: bpy.types.Context) -> bool:
        """Start it; False where there is no private engine to add it to."""
        folder = engine_folder()
        if not (folder / COMPLETE).is_file():
            self.report({"ERROR"}, "The engine is not set up yet. Press Set Up Engine, with FAN switched on.")
            return False
        session.close()
        source = package_source(context)
        commands = fan_steps(environment_python(folder), ROOT / "wheels", source)
        setup.current = EngineSetup(commands, folder, new_log(log_folder()), adds=True, variables=source.variables())
        setup.current.start()
        return True


class NEXTGENFACE_OT_cancel_setup(bpy.types.Operator):
    """Stop the set-up. What was downloaded whole is kept for the next one"""

    bl_idname = "nextgenface.cancel_setup"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """While it runs."""
        return setup.is_running()

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """End pip and what it started."""
        setup.current.cancel()
        return {"FINISHED"}


CLASSES = (
    NEXTGENFACE_OT_check_engine,
    NEXTGENFACE_OT_setup_engine,
    NEXTGENFACE_OT_add_fan,
    NEXTGENFACE_OT_cancel_setup,
)


def register() -> None:
    """Keep caches where they go with the add-on."""
    use_cache_folder(user_folder("cache"))


def unregister() -> None:
    """End a set-up that still runs."""
    use_cache_folder(None)
    if setup.is_running():
        setup.current.cancel()
        setup.current.join(10)
