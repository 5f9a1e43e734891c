# SPDX-License-Identifier: GPL-3.0-or-later
"""The people that were built in this file: who they are, what belongs to them, where their results lie. Looked up each time."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from ..engine.plain_json import parsed, read_text
from ..engine.protocol import Result
from ..engine.typed import is_number
from ..properties.results import is_registered, role_of, set_person, uid_of
from .build_transaction import Transaction, data_blocks


def read_report(path: Path) -> dict[str, Any]:
    """A run's report; empty where there is none that can be read, for nothing depends on it."""
    try:
        report = parsed(read_text(path))
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def photo_names(result: Result, report: dict[str, Any]) -> list[str]:
    """A name for each photo, no two the same: that of the person's own file where the report tells it."""
    told = report.get("photos")
    told = told if isinstance(told, list) and all(isinstance(item, dict) for item in told) else []
    names: list[str] = []
    for number, photo in enumerate(result.photos):
        own = str(told[number].get("name", "")) if number < len(told) else ""
        stem = (own or photo.photo).replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
        names.append(stem if stem not in names else f"{stem} {number + 1}")
    return names


def remember(
    collection: bpy.types.Collection,
    result: Path,
    names: Sequence[str],
    sources: Sequence[Path],
    report: dict[str, Any],
    build_seconds: float,
    transaction: Transaction,
) -> None:
    """Write down in the file what was built, and mark every new data-block as this person's. Nothing without the add-on."""
    if not is_registered():
        return
    memory = collection.nextgenface
    memory.uid, memory.result = uuid.uuid4().hex, str(result)
    memory.seconds = _total_seconds(report)
    memory.build_seconds = build_seconds
    for number, name in enumerate(names):
        photo = memory.photos.add()
        photo.name = name
        photo.source = str(sources[number]) if number < len(sources) else ""
    _remember_before(memory, transaction)
    for block in transaction.new_blocks():
        set_person(block, memory.uid)


def _remember_before(memory: Any, transaction: Transaction) -> None:
    """World and camera that the scene had; those that it had before another person where they are that one's own."""
    world, camera = transaction.world, transaction.camera
    owners = {person.nextgenface.uid: person.nextgenface for person in people()}
    owner = owners.get(uid_of(world)) if world else None
    memory.previous_world = owner.previous_world if owner else world
    owner = owners.get(uid_of(camera)) if camera else None
    memory.previous_camera = owner.previous_camera if owner else camera.name if camera else ""


def _total_seconds(report: dict[str, Any]) -> float:
    """How long the run took, by its report; 0 where that does not tell."""
    seconds = report.get("seconds")
    total = seconds.get("total") if isinstance(seconds, dict) else None
    return float(total) if is_number(total) else 0.0


def people() -> list[bpy.types.Collection]:
    """The collections that hold a person, in the order of their names."""
    return [collection for collection in bpy.data.collections if collection.nextgenface.uid]


def person_by_name(name: str) -> bpy.types.Collection | None:
    """The person whose collection has this name, if it is one."""
    collection = bpy.data.collections.get(name)
    return collection if collection is not None and collection.nextgenface.uid else None


def chosen_person(context: bpy.types.Context) -> bpy.types.Collection | None:
    """Whom the panel shows: the person of the active object, else of the scene's camera, else the last one."""
    everyone = people()
    for item in (context.view_layer.objects.active, context.scene.camera):
        found = [each for each in everyone if item is not None and each.nextgenface.uid == uid_of(item)]
        if found:
            return found[0]
    return everyone[-1] if everyone else None


def blocks_of(collection: bpy.types.Collection) -> list[bpy.types.ID]:
    """All data-blocks that were built for the person; what a person copied from them is one of them too."""
    uid = collection.nextgenface.uid
    return [block for block in data_blocks() if uid_of(block) == uid]


def part_of(collection: bpy.types.Collection, role: str) -> Any:
    """The data-block that was built as ``role``: "head", "eyes", "camera 0", "light 0", "skin material", ...; None if it is gone."""
    uid = collection.nextgenface.uid
    kinds = (collection.all_objects, bpy.data.worlds, bpy.data.materials)
    blocks = (block for kind in kinds for block in kind)
    return next((block for block in blocks if uid_of(block) == uid and role_of(block) == role), None)


def result_path(collection: bpy.types.Collection) -> Path | None:
    """The person's result.json: where it was, or beside the .blend where both were moved. None where it is gone."""
    stored = Path(bpy.path.abspath(collection.nextgenface.result))
    candidates = [stored]
    if bpy.data.filepath:
        beside = Path(bpy.data.filepath).parent
        candidates += [beside.joinpath(*stored.parts[-count:]) for count in (2, 3) if len(stored.parts) > count]
    return next((path for path in candidates if path.is_file()), None)
