"""Names and tooltips are written as Blender's own are: titles with capitals, and no full stop, which Blender adds itself."""

from __future__ import annotations

import bpy
import pytest
from nextgenface.registration import CLASSES

pytestmark = pytest.mark.blender
SMALL = {"a", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "the", "this", "to", "with"}
# Names that are written so.
NAMES = {"glTF"}
# What Blender itself gives to all.
BASES = (bpy.types.Operator, bpy.types.PropertyGroup, bpy.types.AddonPreferences)
WITH_TOOLTIPS = [kind for kind in CLASSES if issubclass(kind, (bpy.types.Operator, bpy.types.Menu))]


def is_title(text):
    first, *others = text.split()
    words = [first, *(word for word in others if word not in SMALL)]
    return all(word in NAMES or not word[0].isalpha() or word[0].isupper() for word in words)


def own_properties(kind):
    """The properties that an operator or a group has of its own, hidden ones of operators left out."""
    base = next(base for base in BASES if issubclass(kind, base))
    known = set(base.bl_rna.properties.keys())
    if base is bpy.types.Operator:
        # Blender keeps them with what calls it.
        kind = getattr(bpy.ops.nextgenface, kind.bl_idname.partition(".")[2]).get_rna_type()
    return [item for item in kind.bl_rna.properties if item.identifier not in known and not item.is_hidden]


def with_properties():
    return [kind for kind in CLASSES if issubclass(kind, BASES)]


@pytest.mark.parametrize(
    "kind", [kind for kind in CLASSES if getattr(kind, "bl_label", "")], ids=lambda kind: kind.__name__
)
def test_labels_are_titles(kind):
    assert is_title(kind.bl_label)


@pytest.mark.parametrize("kind", WITH_TOOLTIPS, ids=lambda kind: kind.__name__)
def test_tooltips_end_without_a_full_stop(kind):
    assert kind.__doc__ and not kind.__doc__.rstrip().endswith(".")


def test_every_property_has_a_title_and_a_tooltip(add_on):
    found = [(kind.__name__, item) for kind in with_properties() for item in own_properties(kind)]
    assert len(found) > 80
    for kind, item in found:
        where = f"{kind}.{item.identifier}"
        assert is_title(item.name), where
        assert item.description and not item.description.endswith("."), where


def test_every_item_of_a_menu_has_a_tooltip(add_on):
    enums = [item for kind in with_properties() for item in own_properties(kind) if item.type == "ENUM"]
    assert len(enums) > 8
    for enum in enums:
        for item in enum.enum_items:
            assert item.name and item.description, (enum.identifier, item.identifier)
            assert not item.description.endswith("."), (enum.identifier, item.identifier)
