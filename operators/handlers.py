# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done when files are opened and saved: to a job, to an older version's words, to pictures that are only looked at."""

from __future__ import annotations

from typing import Any

import bpy

from ..properties.photos import adopt
from .landmark_overlay import overlay
from .picture_files import left_out_of_file
from .session import session
from .view_photo import forget

# The images that are left out of the file that is being written, by name.
_left_out: list[str] = []


@bpy.app.handlers.persistent
def on_load(*_: Any) -> None:
    """Before another file is opened: the job belongs to the old one, so it ends and says so."""
    session.abandon("Stopped because another file was opened.", "Press Reconstruct Face to do it in this file.")
    session.check.running = False
    session.abandon_detection()
    overlay.end()
    forget()


@bpy.app.handlers.persistent
def on_loaded(*_: Any) -> None:
    """After it: an older version's photos become the list."""
    for scene in bpy.data.scenes:
        adopt(scene.nextgenface)


@bpy.app.handlers.persistent
def on_save(*_: Any) -> None:
    """Before the file is written: what nobody uses is not saved."""
    images = left_out_of_file()
    _left_out[:] = [image.name for image in images]
    for image in images:
        image.use_extra_user = False


@bpy.app.handlers.persistent
def on_saved(*_: Any) -> None:
    """After it, well or not: Image Editors go on showing it."""
    for image in filter(None, map(bpy.data.images.get, _left_out)):
        image.use_extra_user = True
    _left_out.clear()


def _adopt_open_file() -> None:
    # The open file cannot be seen while add-ons are enabled.
    on_loaded()


_HANDLERS = (
    ("load_pre", on_load),
    ("load_post", on_loaded),
    ("save_pre", on_save),
    ("save_post", on_saved),
    ("save_post_fail", on_saved),
)


def register() -> None:
    """Listen, once."""
    for name, handler in _HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if handler not in handlers:
            handlers.append(handler)
    bpy.app.timers.register(_adopt_open_file, first_interval=0.0)


def unregister() -> None:
    """Stop listening, and end the worker."""
    for name, handler in _HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if handler in handlers:
            handlers.remove(handler)
    if bpy.app.timers.is_registered(_adopt_open_file):
        bpy.app.timers.unregister(_adopt_open_file)
    session.close()
