# SPDX-License-Identifier: GPL-3.0-or-later
"""The modal part that operators share: a timer that takes in what happened and redraws the panels only then."""

from __future__ import annotations

import bpy

from .live_preview import live_preview
from .session import session

SECONDS_BETWEEN_TICKS = 0.1


def redraw_panels(context: bpy.types.Context) -> None:
    """Redraw the sidebars of all 3D views, and the preferences."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()
            elif area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


class PumpMixin:
    """For modal operators that watch something: they give `begin`, and `tick`, which returns a result set at the end, else None.

    All other events pass through, Esc too: people go on modelling meanwhile, and Esc means something else to them.
    """

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Begin, and watch from a timer; without a window, return at the end."""
        if bpy.app.background:
            return self.execute(context)
        return self._start_pump(context) if self.begin(context) else {"CANCELLED"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start, and return at the end."""
        if not self.begin(context):
            return {"CANCELLED"}
        end = None
        while end is None:
            session.wait(SECONDS_BETWEEN_TICKS)
            end = self.tick(context)
        return end

    def _start_pump(self, context: bpy.types.Context) -> set[str]:
        manager = context.window_manager
        self.timer = manager.event_timer_add(SECONDS_BETWEEN_TICKS, window=context.window)
        manager.modal_handler_add(self)
        redraw_panels(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Called by Blender for every event."""
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        changed = session.pump()
        if changed:
            live_preview().follow(context, session.status.preview)
        end = self.tick(context)
        if changed or end:
            redraw_panels(context)
        if end is None:
            return {"PASS_THROUGH"}
        self.stop_pump(context)
        return end

    def stop_pump(self, context: bpy.types.Context) -> None:
        """End the timer, and what was there to watch."""
        if not session.is_active:
            live_preview().forget()
        context.window_manager.event_timer_remove(self.timer)

    def begin(self, context: bpy.types.Context) -> bool:
        """Start what is watched; False, with a report, where that is not possible."""
        raise NotImplementedError

    def tick(self, context: bpy.types.Context) -> set[str] | None:
        """Look at the state and act on it."""
        raise NotImplementedError
