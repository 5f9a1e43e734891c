# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a job when another file is opened, and what that file says in an older version's words."""

from __future__ import annotations

from typing import Any

import bpy

from ..properties.photos import adopt
from .landmark_overlay import overlay
from .session import session


@bpy.app.handlers.persistent
def on_load(*_: Any) -> None:
    """Before another file is opened: the job belongs to the old one, so it ends and says so."""
    session.abandon("Stopped because another file was opened.", "Press Reconstruct Face to do it in this file.")
    session.check.running = False
    session.abandon_detection()
    overlay.end()


@bpy.app.handlers.persistent
def on_loaded(*_: Any) -> None:
    """After it: an older version's photos become the list."""
    for scene in bpy.data.scenes:
        adopt(scene.nextgenface)


def _adopt_open_file() -> None:
    # The open file cannot be seen while add-ons are enabled.
    on_loaded()


def register() -> None:
    """Listen, once."""
    if on_load not in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.append(on_load)
    if on_loaded not in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.append(on_loaded)
    bpy.app.timers.register(_adopt_open_file, first_interval=0.0)


def unregister() -> None:
    """Stop listening, and end the worker."""
    if on_load in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.remove(on_load)
    if on_loaded in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.remove(on_loaded)
    if bpy.app.timers.is_registered(_adopt_open_file):
        bpy.app.timers.unregister(_adopt_open_file)
    session.close()
