# SPDX-License-Identifier: GPL-3.0-or-later
"""Export glTF."""

from __future__ import annotations

import bpy

from .export_files import write_glb
from .export_options import ExportWithKeys


class NEXTGENFACE_OT_export_gltf(ExportWithKeys, bpy.types.Operator):
    """Write the head with its textures and expressions as one .glb file, for game engines and the web"""

    bl_idname = "nextgenface.export_gltf"
    bl_label = "Export glTF"

    filename_ext = ".glb"
    filter_glob: bpy.props.StringProperty(default="*.glb", options={"HIDDEN"})
    write_file = staticmethod(write_glb)


CLASSES = (NEXTGENFACE_OT_export_gltf,)
