# SPDX-License-Identifier: GPL-3.0-or-later
"""On to other programs and to a whole character."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..operators.built_head import find_head


class NEXTGENFACE_PT_export(bpy.types.Panel):
    """On to other programs and to a whole character."""

    bl_label = "Export"
    bl_idname = "NEXTGENFACE_PT_export"
    bl_parent_id = "NEXTGENFACE_PT_face"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Face"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}
    bl_order = 20

    def draw(self, context: bpy.types.Context) -> None:
        """Which head, and where it can go."""
        layout, head = self.layout, find_head(context)
        layout.label(text=head.name if head else "No head is selected", icon="USER" if head else "INFO")
        column = layout.column(align=True)
        column.operator("nextgenface.export_gltf", text="glTF (.glb)", icon="EXPORT")
        column.operator("nextgenface.export_fbx", text="FBX (.fbx)", icon="EXPORT")
        column.operator("nextgenface.export_metahuman", text="Mesh to MetaHuman", icon="EXPORT")
        column = layout.column(align=True)
        column.operator("nextgenface.export_target", text="MakeHuman Target", icon="EXPORT")
        column.operator("nextgenface.apply_to_human", icon="ARMATURE_DATA")


CLASSES = (NEXTGENFACE_PT_export,)
