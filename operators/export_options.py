# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operators share that write a head to a file: which head, which keys, where to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
from bpy_extras.io_utils import ExportHelper

from ..engine.errors import EngineError
from .built_head import find_head

NO_HEAD = "Reconstruct a face first, or select one of several heads"
KEY_ITEMS = [
    ("ARKIT", "ARKit", "The 52 ARKit expressions by Apple's names"),
    ("ALL", "All", "The ARKit expressions, those of the photos and the sliders of the identity"),
    ("NONE", "None", "The neutral face alone"),
]


class HeadExport(ExportHelper):
    """Base of operators that write the head to ``filepath`` by their `write`."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where it is clear which head is meant."""
        if find_head(context) is None:
            cls.poll_message_set(NO_HEAD)
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file; the head's name is offered."""
        folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
        name = find_head(context).name.removesuffix(" Head").replace(" ", "_")
        self.filepath = str(folder / f"{name}{self.filename_ext}")
        return super().invoke(context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write, and say where."""
        head = find_head(context)
        if head is None:
            self.report({"ERROR"}, f"{NO_HEAD}.")
            return {"CANCELLED"}
        path = Path(bpy.path.abspath(self.filepath))
        try:
            self.write(head, path)
        except EngineError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Written: {path}")
        return {"FINISHED"}

    def write(self, head: bpy.types.Object, path: Path) -> None:
        """Write ``head``. Raises EngineError with the reason if that is not possible."""
        raise NotImplementedError


class ExportWithKeys(HeadExport):
    """Base of those that write one file with shape keys, by a function of `export_files`."""

    write_file: Callable[[bpy.types.Object, Path, str], None]

    keys: bpy.props.EnumProperty(
        name="Shape Keys", description="Which shape keys are written. The neutral face is the basis", items=KEY_ITEMS
    )

    def write(self, head: bpy.types.Object, path: Path) -> None:
        """Write ``head`` with the keys that were chosen."""
        type(self).write_file(head, path, self.keys)
