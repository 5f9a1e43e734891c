# SPDX-License-Identifier: GPL-3.0-or-later
"""Export glTF."""

from __future__ import annotations

from pathlib import Path

import bpy

from .export_files import write_glb
from .export_options import HeadExport, keys_property


class NEXTGENFACE_OT_export_gltf(HeadExport, bpy.types.Operator):
    """Write the head with its textures and expressions as one .glb file, for game engines and the web"""

    bl_idname = "nextgenface.export_gltf"
    bl_label = "Export glTF"

    filename_ext = ".glb"
    filter_glob: bpy.props.StringProperty(default="*.glb", options={"HIDDEN"})
    keys: keys_property()

    def write(self, head: bpy.types.Object, path: Path) -> None:
        """Write ``head``."""
        write_glb(head, path, self.keys)


CLASSES = (NEXTGENFACE_OT_export_gltf,)
