"""What must be the same before and after."""

from __future__ import annotations

import bpy


def snapshot(scene):
    """All that a failed or undone job must leave as it was."""
    kinds = (
        "collections",
        "objects",
        "meshes",
        "shape_keys",
        "materials",
        "images",
        "cameras",
        "worlds",
        "node_groups",
    )
    view, render = scene.view_settings, scene.render
    return {
        "data": {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds},
        "scene": (
            scene.camera and scene.camera.name,
            scene.world and scene.world.name,
            render.resolution_x,
            render.resolution_y,
        ),
        "view": (view.view_transform, view.look, round(view.exposure, 5), round(view.gamma, 5)),
        "selected": sorted(item.name for item in scene.objects if item.select_get()),
        "active": bpy.context.view_layer.objects.active and bpy.context.view_layer.objects.active.name,
    }
