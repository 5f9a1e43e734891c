# SPDX-License-Identifier: GPL-3.0-or-later
"""Export for Mesh to MetaHuman."""

from __future__ import annotations

from pathlib import Path

import bpy

from .export_files import write_for_metahuman
from .export_options import HeadExport

FORMATS = [("FBX", "FBX", "One file, textures inside"), ("OBJ", "OBJ", "The mesh, its material and its textures")]


class NEXTGENFACE_OT_export_metahuman(HeadExport, bpy.types.Operator):
    """Write the neutral head for Unreal's Mesh to MetaHuman: one mesh with open eyes, one material, in centimetres"""

    bl_idname = "nextgenface.export_metahuman"
    bl_label = "Export for MetaHuman"

    format: bpy.props.EnumProperty(name="Format", description="Which kind of file is written", items=FORMATS)
    filter_glob: bpy.props.StringProperty(default="*.fbx;*.obj", options={"HIDDEN"})

    @property
    def filename_ext(self) -> str:
        """What the file's name ends with."""
        return f".{self.format.lower()}"

    def write(self, head: bpy.types.Object, path: Path) -> None:
        """Write ``head``; the chosen format decides how the name ends."""
        write_for_metahuman(head, path.with_suffix(self.filename_ext))


CLASSES = (NEXTGENFACE_OT_export_metahuman,)
