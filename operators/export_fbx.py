# SPDX-License-Identifier: GPL-3.0-or-later
"""Export FBX."""

from __future__ import annotations

import bpy

from .export_files import write_fbx
from .export_options import ExportWithKeys


class NEXTGENFACE_OT_export_fbx(ExportWithKeys, bpy.types.Operator):
    """Write the head with its textures and expressions as one .fbx file, for animation programs and game engines"""

    bl_idname = "nextgenface.export_fbx"
    bl_label = "Export FBX"

    filename_ext = ".fbx"
    filter_glob: bpy.props.StringProperty(default="*.fbx", options={"HIDDEN"})
    write_file = staticmethod(write_fbx)


CLASSES = (NEXTGENFACE_OT_export_fbx,)
