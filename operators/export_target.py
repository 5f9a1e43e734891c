# SPDX-License-Identifier: GPL-3.0-or-later
"""Export a MakeHuman target."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..engine.makehuman import make_target, write_target
from .built_head import source_vertices
from .export_options import HeadExport


def write_target_of_head(head: bpy.types.Object, path: Path) -> None:
    """Write the target that turns MakeHuman's base mesh into ``head``. Raises OutputError if that is not possible."""
    write_target(path, make_target(*source_vertices(head)), head.name.removesuffix(" Head"))


class NEXTGENFACE_OT_export_target(HeadExport, bpy.types.Operator):
    """Write whose face it is as a .target file for MakeHuman's base mesh, which MakeHuman and MPFB load"""

    bl_idname = "nextgenface.export_target"
    bl_label = "Export MakeHuman Target"

    filename_ext = ".target"
    filter_glob: bpy.props.StringProperty(default="*.target;*.target.gz", options={"HIDDEN"})

    def write(self, head: bpy.types.Object, path: Path) -> None:
        """Write ``head``."""
        write_target_of_head(head, path)


CLASSES = (NEXTGENFACE_OT_export_target,)
