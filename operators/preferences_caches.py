# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes of what is kept on disk, and away with it."""

from __future__ import annotations

import time

import bpy

from ..engine.caches import Cache, caches, readable_size
from ..engine.logs import default_folder
from ..properties.places import download_folder, log_folder
from .engine import setup
from .pump import redraw_panels
from .session import BUSY, session

# The preferences are drawn many times a second.
_SECONDS_KEPT = 3.0
ITEMS = [(cache.name, cache.title, cache.what) for cache in caches([])]


class _Sizes:
    """What was measured last."""

    rows: list[tuple[Cache, int]]
    when = -_SECONDS_KEPT


def all_caches() -> list[Cache]:
    """What this add-on keeps, the shell command's logs too."""
    return caches([log_folder(), default_folder()], [download_folder()])


def measured() -> list[tuple[Cache, int]]:
    """Each cache with its bytes, measured some seconds ago at most."""
    if time.monotonic() - _Sizes.when >= _SECONDS_KEPT:
        _Sizes.rows = [(cache, cache.size()) for cache in all_caches()]
        _Sizes.when = time.monotonic()
    return _Sizes.rows


class NEXTGENFACE_OT_clear_cache(bpy.types.Operator):
    """Delete these files"""

    bl_idname = "nextgenface.clear_cache"
    bl_label = "Clear"

    which: bpy.props.EnumProperty(name="Files", description="Which files are deleted", items=ITEMS)

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """The button's tooltip."""
        what = next(what for name, _, what in ITEMS if name == properties.which)
        return f"Delete these files. {what}"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Not while the engine or a set-up may use them."""
        if session.is_active or session.check.running or setup.is_running():
            cls.poll_message_set(BUSY)
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Delete, and say how much."""
        cache = next(cache for cache in all_caches() if cache.name == self.which)
        before = cache.size()
        cache.clear()
        _Sizes.when = -_SECONDS_KEPT
        redraw_panels(context)
        self.report({"INFO"}, f"{cache.title}: {readable_size(before - cache.size())} deleted")
        return {"FINISHED"}


CLASSES = (NEXTGENFACE_OT_clear_cache,)
