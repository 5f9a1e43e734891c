# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the result's panels are."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..operators.people import people


class ResultPanel:
    """In the tab, where there is a person."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Face"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """With a person in the file."""
        return bool(people())


class ClosedResultPanel(ResultPanel):
    """A sub-panel that is closed at first."""

    bl_parent_id = "NEXTGENFACE_PT_result"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}
