# SPDX-License-Identifier: GPL-3.0-or-later
"""``blender -c nextgenface``: photos or folders in; .blend, .glb, maps and contact sheets out, without a window."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from ..engine.command_run import (
    FAILED,
    WRONG_USE,
    Interrupts,
    Workers,
    check_engine,
    exit_code,
    fit_people,
)
from ..engine.console import Console
from ..engine.errors import EngineError, OutputError, SettingsError
from ..engine.hints import read_hints
from ..engine.protocol import Done, Failed, JobCancelled, Message, Warned
from ..properties.places import engine_python, log_folder
from ..properties.preferences import chosen_python
from .build_scene import BuildOptions, Built, build_result
from .command_options import Command, Goal, make_parser, parse_command
from .export_files import write_fbx, write_glb
from .export_target import write_target_of_head
from .obstacles import NO_ENGINE
from .save_blend import save_blend

NAME = "nextgenface"
REPORT_VERSION = 1
BUILD_NAMES = tuple(field.name for field in dataclasses.fields(BuildOptions) if field.type in (bool, "bool"))
_WRITERS = {"glb": write_glb, "fbx": write_fbx, "target": write_target_of_head}


def run_command(arguments: Sequence[str], prog: str = f"blender -c {NAME}") -> int:
    """Do what ``arguments`` ask for; the exit code, as in `engine.command_run`. The open file gives way to new ones."""
    parser = make_parser(prog, BUILD_NAMES)
    console = Console()
    try:
        command = parse_command(parser, arguments, BUILD_NAMES)
        console = Console(json_lines=command.options.json, verbose=command.asked.values["verbose"])
        python = _need_python(command.options.engine)
        if command.options.check:
            return check_engine(python, console, log_folder())
        return _run(command, python, console)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else WRONG_USE
    except SettingsError as error:
        console.error(error.message, error.remedy)
        return WRONG_USE
    except EngineError as error:
        console.error(error.message, error.remedy)
        return FAILED


def _need_python(given: Path | None) -> Path:
    python = given or engine_python(chosen_python(bpy.context))
    if python is None:
        raise EngineError(f"{NO_ENGINE}.", "Give its Python with --engine, or press Set Up Engine in Blender once.")
    if not python.is_file():
        raise EngineError(f"There is no Python at '{python}'.", "Give another one with --engine.")
    return python


def _run(command: Command, python: Path, console: Console) -> int:
    _check_places(command)
    for notice in command.asked.notices:
        console.show(Warned(message=notice))
    people = [goal.person for goal in command.goals]
    hints = read_hints(command.options.landmarks, sum(len(person.photos) for person in people))
    ends: list[Message] = []
    built: list[Built | None] = []
    with Interrupts() as interrupts, Workers(python, log_folder()) as workers:
        fits = fit_people(people, command.asked, command.wanted, workers, interrupts, console, hints)
        for goal, end in zip(command.goals, fits, strict=False):
            end, made = _build(goal, end, command, interrupts, console)
            ends.append(end)
            built.append(made)
            if isinstance(end, JobCancelled):
                break
    _report(command, ends, built)
    return exit_code(people, ends, console)


def _build(
    goal: Goal, end: Message, command: Command, interrupts: Interrupts, console: Console
) -> tuple[Message, Built | None]:
    """The files of a person whose fit is done: how it ended then, and what was built."""
    if not isinstance(end, Done):
        return end, None
    if interrupts.count:
        console.show(JobCancelled())
        return JobCancelled(), None
    try:
        built = _write_files(goal, Path(end.result), BuildOptions(**command.build))
    except EngineError as error:
        failed = Failed(message=error.message, remedy=error.remedy)
        console.show(failed)
        return failed, None
    for place in goal.files.values():
        console.told(f"Written: {place}")
    return end, built


def _write_files(goal: Goal, result: Path, options: BuildOptions) -> Built:
    """A new file with the head in it, saved, and what else is made of the head."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    built = build_result(scene, result, options, goal.person.photos)
    save_blend(goal.files["blend"])
    for kind, write in _WRITERS.items():
        if kind in goal.files:
            write(bpy.data.objects[built.head], goal.files[kind])
    return built


def _check_places(command: Command) -> None:
    """Raise OutputError where a file cannot be written: to be told before the work and not after it."""
    places = [place for goal in command.goals for place in goal.files.values()]
    places += [command.options.json_report.absolute()] if command.options.json_report else []
    for folder in {place.parent for place in places}:
        there = next(path for path in (folder, *folder.parents) if path.exists())
        try:
            with tempfile.TemporaryFile(dir=there):
                pass
        except OSError as error:
            raise OutputError(f"'{folder}' cannot be written: {error.strerror}.", "Choose another place.") from error


def _report(command: Command, ends: list[Message], built: list[Built | None]) -> None:
    """Write what came of each person, where that is asked for. Raises OutputError if it cannot."""
    place = command.options.json_report
    if place is None:
        return
    rows = [_row(goal, end, made) for goal, end, made in zip(command.goals, ends, built, strict=False)]
    rows += [_row(goal, JobCancelled(), None) for goal in command.goals[len(ends) :]]
    done = sum(row["state"] == "done" for row in rows)
    values = {"version": REPORT_VERSION, "done": done, "count": len(rows), "people": rows}
    part = place.absolute().with_name(f".{place.name}.part")
    try:
        place.absolute().parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(values, indent=1), "utf-8")
        part.replace(place)
    except OSError as error:
        raise OutputError(f"'{place}' cannot be written: {error.strerror}.", "Choose another place.") from error


def _row(goal: Goal, end: Message, built: Built | None) -> dict[str, Any]:
    """A person in the report."""
    row: dict[str, Any] = {"photos": [str(photo) for photo in goal.person.photos]}
    if isinstance(end, Done):
        files = {kind: str(place) for kind, place in goal.files.items()}
        numbers = {"shape_keys": built.shape_keys, "vertices": built.vertices} if built else {}
        return row | {"state": "done", "seconds": end.seconds, "result": end.result} | files | numbers
    if isinstance(end, Failed):
        return row | {"state": "failed", "message": end.message, "remedy": end.remedy, "log": end.log}
    return row | {"state": "cancelled"}


class _Registered:
    """What Blender gave for the command, to take it off again."""

    handle: Any = None


def register() -> None:
    """Offer the command to ``blender --command``."""
    _Registered.handle = bpy.utils.register_cli_command(NAME, run_command)


def unregister() -> None:
    """Take it off again."""
    if _Registered.handle is not None:
        bpy.utils.unregister_cli_command(_Registered.handle)
        _Registered.handle = None
