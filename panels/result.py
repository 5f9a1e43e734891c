# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel "Result": who was built in this file, and what can be done with them."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..engine.progress import duration
from ..operators import result_compare
from ..operators.build_material import shader_of
from ..operators.people import chosen_person, part_of, people, result_path
from ..operators.result_needs import GONE
from ..operators.session import session
from .openers import draw_opener
from .pictures import pictures
from .result_place import ClosedResultPanel, ResultPanel
from .result_view import draw_camera_button
from .text import draw_wrapped

SHEET_SCALE = 6.0


class NEXTGENFACE_PT_result(ResultPanel, bpy.types.Panel):
    """Who was built, and the buttons."""

    bl_label = "Result"

    def draw(self, context: bpy.types.Context) -> None:
        """The people, then the chosen one's photos, files and buttons."""
        layout, person = self.layout, chosen_person(context)
        if person is None:
            return
        _draw_people(layout, person)
        _draw_facts(layout, context, person)
        _draw_photos(layout, context, person)
        _draw_compare(layout, person)
        _draw_again(layout, person)
        layout.operator("nextgenface.remove_person", icon="TRASH").person = person.name


def _draw_people(layout: bpy.types.UILayout, person: bpy.types.Collection) -> None:
    """A button for each head of the file, where there are several."""
    everyone = people()
    if len(everyone) < 2:
        return
    column = layout.column(align=True)
    for other in everyone:
        button = column.operator(
            "nextgenface.show_person",
            text=other.name,
            icon="HIDE_ON" if other.hide_viewport else "HIDE_OFF",
            depress=other == person,
        )
        button.person = other.name


def _draw_facts(layout: bpy.types.UILayout, context: bpy.types.Context, person: bpy.types.Collection) -> None:
    """Name, times, contact sheet and the ways to the files."""
    memory, box = person.nextgenface, layout.box()
    box.prop(person, "name", text="", icon="USER")
    times = [f"Fit: {duration(memory.seconds)}"] if memory.seconds else []
    draw_wrapped(box, context, ", ".join([*times, f"built in {memory.build_seconds:.1f} s"]).capitalize(), "TIME")
    path = result_path(person)
    if path is None:
        draw_wrapped(box, context, f"{GONE}. The head stays; rebuild, refine and compare need the folder.", "INFO")
        return
    sheet = _contact_sheet(path.parent, memory.photo)
    icon = pictures().thumbnail(str(sheet)) if sheet else 0
    if icon:
        box.template_icon(icon_value=icon, scale=SHEET_SCALE)
    row = box.row(align=True)
    if sheet:
        draw_opener(row, "Contact Sheet", "IMAGE_DATA", sheet, "photo, reconstruction and maps side by side")
    draw_opener(row, "Folder", "FILE_FOLDER", path.parent, "the folder with maps, mesh and report")


def _contact_sheet(folder: Path, number: int) -> Path | None:
    """The sheet of photo ``number``, or the first one."""
    sheets = [folder / f"render_{number}.png", *sorted(folder.glob("render_*.png"))]
    return next((sheet for sheet in sheets if sheet.is_file()), None)


def _draw_photos(layout: bpy.types.UILayout, context: bpy.types.Context, person: bpy.types.Collection) -> None:
    """A button for each photo: its camera, light, expression and size."""
    column = layout.column(align=True)
    column.label(text="Use This Photo" if len(person.nextgenface.photos) > 1 else "Photo")
    for number, photo in enumerate(person.nextgenface.photos):
        button = column.operator(
            "nextgenface.use_photo", text=photo.name, icon="CAMERA_DATA", depress=number == person.nextgenface.photo
        )
        button.person, button.index = person.name, number
    draw_camera_button(column, context)


def _draw_compare(layout: bpy.types.UILayout, person: bpy.types.Collection) -> None:
    column = layout.column(align=True)
    column.label(text="Compare")
    row = column.row(align=True)
    for view, label, _ in result_compare.VIEWS:
        button = row.operator("nextgenface.compare", text=label, depress=result_compare.shown == view)
        button.person, button.view = person.name, view


def _draw_again(layout: bpy.types.UILayout, person: bpy.types.Collection) -> None:
    """Rebuild in place or beside, and refine."""
    column = layout.column(align=True)
    column.enabled = not session.is_active
    row = column.row(align=True)
    button = row.operator("nextgenface.rebuild", icon="FILE_REFRESH")
    button.person, button.replace = person.name, True
    button = row.operator("nextgenface.rebuild", text="", icon="DUPLICATE")
    button.person, button.replace = person.name, False
    column.operator_menu_enum("nextgenface.refine", "size", text="Refine", icon="MOD_MULTIRES").person = person.name


class NEXTGENFACE_PT_relight(ClosedResultPanel, bpy.types.Panel):
    """The scene's light."""

    bl_label = "Relight"
    bl_order = 10

    def draw(self, context: bpy.types.Context) -> None:
        """Which light, turned how far, how strong."""
        layout, world = self.layout, context.scene.world
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.prop(context.scene, "world", text="Light")
        if world is not None and world.node_tree is not None:
            layout.prop(world.nextgenface, "angle")
            background = next((node for node in world.node_tree.nodes if node.type == "BACKGROUND"), None)
            if background is not None:
                layout.prop(background.inputs["Strength"], "default_value", text="Strength")
        column = layout.column(align=True)
        column.operator("nextgenface.relight", icon="FILE_IMAGE")
        person = chosen_person(context)
        column.operator("nextgenface.photo_light", icon="LOOP_BACK").person = person.name if person else ""


class NEXTGENFACE_PT_look(ClosedResultPanel, bpy.types.Panel):
    """How skin and eyes look."""

    bl_label = "Skin and Eyes"
    bl_order = 11

    def draw(self, context: bpy.types.Context) -> None:
        """The few values of the materials that keep the photo's colours."""
        layout, person = self.layout, chosen_person(context)
        layout.use_property_split, layout.use_property_decorate = True, False
        if person is None:
            return
        sockets = (
            ("skin material", "Subsurface Weight", "Subsurface"),
            ("skin material", "Subsurface Scale", "Depth"),
            ("eyes material", "Coat Weight", "Eye Gloss"),
        )
        for role, socket, text in sockets:
            material = part_of(person, role)
            shader = shader_of(material) if material is not None else None
            if shader is not None:
                layout.prop(shader.inputs[socket], "default_value", text=text)
        head = part_of(person, "head")
        modifier = head.modifiers.get("Subdivision") if head is not None else None
        if modifier is not None:
            layout.prop(modifier, "show_render", text="Subdivision", icon="NONE")


CLASSES = (NEXTGENFACE_PT_result, NEXTGENFACE_PT_relight, NEXTGENFACE_PT_look)
