# SPDX-License-Identifier: GPL-3.0-or-later
"""Export FBX."""

from __future__ import annotations

from pathlib import Path

import bpy

from .export_files import write_fbx
from .export_options import HeadExport, keys_property


class NEXTGENFACE_OT_export_fbx(HeadExport, bpy.types.Operator):
    """Write the head with its textures and expressions as one .fbx file, for animation programs and game engines"""

    bl_idname = "nextgenface.export_fbx"
    bl_label = "Export FBX"

    filename_ext = ".fbx"
    filter_glob: bpy.props.StringProperty(default="*.fbx", options={"HIDDEN"})
    keys: keys_property()

    def write(self, head: bpy.types.Object, path: Path) -> None:
        """Write ``head``."""
        write_fbx(head, path, self.keys)


CLASSES = (NEXTGENFACE_OT_export_fbx,)
