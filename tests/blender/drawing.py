"""Draws panels without a window: a layout that checks what it is given as Blender would, and remembers it."""

from __future__ import annotations

from types import SimpleNamespace

import bpy

ICONS = set(bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys())


class Layout:
    """Stands in for `UILayout`; sub-layouts share the ``lines`` that were drawn. ``opened``: also what is closed at first."""

    def __init__(self, lines=None, opened=False):
        self.lines, self.opened = [] if lines is None else lines, opened

    def _part(self, **_):
        return Layout(self.lines, self.opened)

    row = column = box = split = _part

    def _note(self, text, icon="NONE"):
        assert icon in ICONS, icon
        self.lines.append(text)

    def label(self, text="", icon="NONE"):
        self._note(text, icon)

    def separator(self, **_):
        pass

    def progress(self, factor, text):
        assert 0 <= factor <= 1
        self._note(text)

    def template_icon(self, icon_value, scale):
        assert icon_value > 0
        self._note("a picture")

    def prop(self, data, name, text=None, icon="NONE", **_):
        known = data.bl_rna.properties
        assert name in known, name
        self._note(known[name].name if text is None else text, icon)

    def panel(self, _idname, default_closed=False):
        is_closed = default_closed and not self.opened
        return self._part(), None if is_closed else self._part()

    def template_list(self, kind, _identifier, data, name, active_data, active_name, **_):
        assert hasattr(bpy.types, kind)
        assert name in data.bl_rna.properties and active_name in active_data.bl_rna.properties

    def menu(self, name, text=None, icon="NONE"):
        self._note(getattr(bpy.types, name).bl_label if text is None else text, icon)

    def operator(self, name, text=None, icon="NONE", depress=False, **_):
        kind = operator_class(name)
        self._note(kind.bl_label if text is None else text, icon)
        return Properties(kind)

    def operator_menu_enum(self, name, prop, text=None, icon="NONE"):
        kind = operator_class(name)
        assert prop in _properties(kind)
        self._note(text, icon)
        return Properties(kind)


class Properties:
    """Takes only what the operator has."""

    def __init__(self, kind):
        object.__setattr__(self, "kind", kind)

    def __setattr__(self, name, value):
        assert name in _properties(self.kind), name


def _properties(kind):
    """The names of an operator's properties, its mixins' too."""
    return {name for base in kind.__mro__ for name in vars(base).get("__annotations__", {})}


def operator_class(name):
    """The registered class of an operator by its ``bl_idname``."""
    group, _, word = name.partition(".")
    return getattr(bpy.types, f"{group.upper()}_OT_{word}")


def drawn(panel, opened=False):
    """The texts that the class ``panel`` draws now, with what is closed at first if ``opened``; None where it does not show."""
    if hasattr(panel, "poll") and not panel.poll(bpy.context):
        return None
    layout = Layout(opened=opened)
    panel.draw(SimpleNamespace(layout=layout), bpy.context)
    return layout.lines
