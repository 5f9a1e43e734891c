# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file remembers of the people that were built in it, so that the result panel works after it was saved and opened."""

from __future__ import annotations

import bpy

_PERSON, _ROLE = "nextgenface_person", "nextgenface_role"


class NEXTGENFACE_PG_result_photo(bpy.types.PropertyGroup):
    """A photo that a person was built from; its name is that of the result's copy, without extension."""

    source: bpy.props.StringProperty(
        name="Photo", description="The file that was reconstructed. Refine needs it unchanged", subtype="FILE_PATH"
    )


class NEXTGENFACE_PG_result(bpy.types.PropertyGroup):
    """On the collection of a person; without a ``uid`` it is another collection."""

    uid: bpy.props.StringProperty(
        name="Identifier", description="Marks all data-blocks of this person", options={"HIDDEN"}
    )
    result: bpy.props.StringProperty(
        name="Result", description="The result.json that this was built from", subtype="FILE_PATH"
    )
    photos: bpy.props.CollectionProperty(
        type=NEXTGENFACE_PG_result_photo, name="Photos", description="The photos that this was built from"
    )
    photo: bpy.props.IntProperty(name="Photo", description="Number of the photo that the scene shows", min=0)
    seconds: bpy.props.FloatProperty(
        name="Time",
        description="How long the reconstruction took",
        min=0.0,
        subtype="TIME_ABSOLUTE",
        unit="TIME_ABSOLUTE",
    )
    build_seconds: bpy.props.FloatProperty(
        name="Build Time",
        description="How long Blender took to build it",
        min=0.0,
        subtype="TIME_ABSOLUTE",
        unit="TIME_ABSOLUTE",
    )
    # Kept in use, or Blender would drop the person's own world from the file.
    previous_world: bpy.props.PointerProperty(
        type=bpy.types.World, name="Previous World", description="The world of the scene before this was built"
    )
    previous_camera: bpy.props.StringProperty(
        name="Previous Camera", description="Name of the scene's camera before this was built"
    )


CLASSES = (NEXTGENFACE_PG_result_photo, NEXTGENFACE_PG_result)


def register() -> None:
    """Hang the memory on collections, and the marks on everything that can belong to a person."""
    bpy.types.Collection.nextgenface = bpy.props.PointerProperty(type=NEXTGENFACE_PG_result)
    for name, text in ((_PERSON, "The person that this belongs to"), (_ROLE, "What this is of that person")):
        setattr(bpy.types.ID, name, bpy.props.StringProperty(description=text, options={"HIDDEN"}))


def unregister() -> None:
    """Take them off again."""
    for name in (_PERSON, _ROLE):
        delattr(bpy.types.ID, name)
    del bpy.types.Collection.nextgenface


def is_registered() -> bool:
    """Scripts may build without the add-on; nothing is remembered then."""
    return hasattr(bpy.types.Collection, "nextgenface")


def set_role(block: bpy.types.ID, role: str) -> None:
    """Note what ``block`` is of its person: "head", "camera 0", ..."""
    if is_registered():
        setattr(block, _ROLE, role)


def set_person(block: bpy.types.ID, uid: str) -> None:
    """Note whose ``block`` is."""
    setattr(block, _PERSON, uid)


def role_of(block: bpy.types.ID) -> str:
    """What `set_role` noted; empty for everything else."""
    return str(getattr(block, _ROLE))


def uid_of(block: bpy.types.ID) -> str:
    """The person that ``block`` belongs to; empty for everything else."""
    return str(getattr(block, _PERSON))
