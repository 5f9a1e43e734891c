# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a job when another file is opened."""

from __future__ import annotations

from typing import Any

import bpy

from .session import session


@bpy.app.handlers.persistent
def on_load(*_: Any) -> None:
    """Before another file is opened: the job belongs to the old one, so it ends and says so."""
    session.abandon("Stopped because another file was opened.", "Press Reconstruct Face to do it in this file.")
    session.check.running = False


def register() -> None:
    """Listen, once."""
    if on_load not in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.append(on_load)


def unregister() -> None:
    """Stop listening, and end the worker."""
    if on_load in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.remove(on_load)
    session.close()
