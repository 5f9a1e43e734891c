# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare: the photo, the render and their difference in an Image Editor, one after the other."""

from __future__ import annotations

from typing import ClassVar

import bpy

from .build_scene import read_result
from .compare_pictures import cut_out, difference, over
from .people import chosen_person, result_path
from .picture_files import FloatImage, read_picture, refresh, scratch_file, show_picture, write_picture
from .result_needs import GONE, PersonMixin, need_result

IMAGE_NAME = "NextGenFace Compare"
VIEWS = [
    ("PHOTO", "Photo", "The photo, as large as the reconstruction shows it"),
    ("RENDER", "Render", "The reconstruction over the photo"),
    ("DIFFERENCE", "Difference", "How far the two are apart, five times as strong; black where they are the same"),
]
_ORDER = [view[0] for view in VIEWS]
# Which view the image shows now; not a part of the file.
shown = ""


def compared(person: bpy.types.Collection, view: str) -> FloatImage:
    """(H, W, 4) sRGB values of a view of the photo that the scene shows. Raises EngineError where files are missing."""
    path = need_result(person)
    photos = read_result(path).photos
    photo = photos[min(person.nextgenface.photo, len(photos) - 1)]
    if not photo.render:
        raise EngineError("This result has no render to compare with.", "Reconstruct the photo again.")
    render = read_picture(path.parent / photo.render)
    height, width = render.shape[:2]
    original = cut_out(read_picture(path.parent / photo.photo), photo.window, (width, height))
    if view == "PHOTO":
        return original
    return over(render, original) if view == "RENDER" else difference(render, original)


class NEXTGENFACE_OT_compare(PersonMixin, bpy.types.Operator):
    """Show photo, render or their difference in an Image Editor. Press again to go on to the next one"""

    bl_idname = "nextgenface.compare"
    bl_label = "Compare"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    view: bpy.props.EnumProperty(
        name="View",
        description="What is shown",
        items=[("NEXT", "Next", "The next one of photo, render and difference"), *VIEWS],
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """With a person whose result is still there."""
        person = chosen_person(context)
        if person is not None and result_path(person) is not None:
            return True
        cls.poll_message_set(GONE)
        return False

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """The button's tooltip: that of its view."""
        return next((text for name, _, text in VIEWS if name == properties.view), cls.__doc__ or "")

    def change(self, context: bpy.types.Context, person: bpy.types.Collection) -> set[str]:
        """Make the picture and show it."""
        global shown
        view = self.view if self.view != "NEXT" else next_view()
        write_picture(scratch_file(IMAGE_NAME), compared(person, view))
        show_picture(context, refresh(IMAGE_NAME))
        shown = view
        return {"FINISHED"}


def next_view() -> str:
    """The view after the one that is shown."""
    return _ORDER[(_ORDER.index(shown) + 1) % len(_ORDER)] if shown in _ORDER else _ORDER[0]


CLASSES = (NEXTGENFACE_OT_compare,)
