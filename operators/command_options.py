# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of ``blender -c nextgenface`` and of tools/reconstruct_in_blender.py. Knows no Blender."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine import stages
from ..engine.batch import Person, find_people
from ..engine.command_run import EXIT_CODES
from ..engine.job_file import KEYS, PEOPLE, read_job
from ..engine.options import add_landmark_option, add_setting_options, add_source_options, loaded_of
from ..engine.presets import Loaded
from ..engine.settings import Settings

BLEND = ".blend"
# Files besides the .blend: option -> ending.
MORE = {"glb": ".glb", "fbx": ".fbx", "target": ".target"}


@dataclass(frozen=True)
class Goal:
    """One person, and the files to be made of the head: kind ("blend", "glb", ...) -> place."""

    person: Person
    files: dict[str, Path]


@dataclass(frozen=True)
class Command:
    """What the command line and the job file ask for, checked.

    Attributes:
        goals: the people.
        asked: the engine's settings, all of them, and what a settings file says without effect.
        wanted: stages to leave out.
        build: name of a `BuildOptions` field -> whether it is built; those that nobody spoke of are absent.
        options: the rest, as argparse has it.
    """

    goals: tuple[Goal, ...]
    asked: Loaded
    wanted: stages.Stages
    build: dict[str, bool]
    options: argparse.Namespace


def make_parser(prog: str, build_names: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; ``build_names`` are the fields of `BuildOptions`."""
    parser = argparse.ArgumentParser(
        prog=prog,
        usage=f"{prog} PHOTO ... -o FILE.blend|FOLDER [option ...]",
        description="Turn photos of faces into .blend files, and more, without a window. Several photos show one person, "
        "those of a folder different people, of whom each gets a folder in the output.",
        epilog=EXIT_CODES,
    )
    _add_main_options(parser)
    add_source_options(parser)
    add_landmark_option(parser)
    stages.add_options(parser)
    group = parser.add_argument_group("what is built")
    for name in build_names:
        text = f"{name.replace('_', ' ')}, as in the sidebar"
        group.add_argument(
            f"--{name.replace('_', '-')}", action=argparse.BooleanOptionalAction, default=None, help=text
        )
    add_setting_options(parser)
    # The name that the script's option had before every setting became one.
    parser.add_argument("--textures", dest="texture_size", type=int, help=argparse.SUPPRESS)
    return parser


def _add_main_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("photos", type=Path, nargs="*", metavar="PHOTO", help="photos, or folders of photos")
    add("-o", "--output", type=Path, metavar="PATH", help="the .blend to write, or a folder for it and the results")
    add("--results", type=Path, metavar="FOLDER", help="folder for maps, mesh, contact sheet and report")
    for name, ending in MORE.items():
        add(f"--{name}", type=Path, metavar=f"FILE{ending}", help=f"also write {KEYS[name]}")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--people", choices=PEOPLE, help="whether all photos show one person or each another")
    for people in PEOPLE:
        flag = "--one-person" if people == "one" else "--different-people"
        who.add_argument(flag, dest="people", action="store_const", const=people, help=f"the same as --people {people}")
    add("--job", type=Path, metavar="FILE.json", help="read photos, places and settings from a file; options win")
    add("--json-report", type=Path, metavar="FILE", help="write what came of each person")
    add("--engine", type=Path, metavar="PYTHON", help="the Python that has the engine's packages")
    add("--check", action="store_true", help="only say what of the engine works on this machine")
    add("--json", action="store_true", help="write the events as JSON lines to standard output")
    add("--verbose", "-v", action="store_true", help="tell every step, and where the log is")


def parse_command(parser: argparse.ArgumentParser, arguments: Sequence[str], build_names: Sequence[str]) -> Command:
    """What ``arguments`` and the job file that they name ask for.

    Raises:
        SystemExit: the command line is wrong (2), or asked for help (0); argparse has said it.
        EngineError: the job or a settings file is wrong, or a folder has no photos.
    """
    options = parser.parse_args(arguments)
    job = read_job(options.job, tuple(build_names)) if options.job is not None else {}
    if options.preset is not None or options.config is not None:
        job = {name: value for name, value in job.items() if name not in ("preset", "config")}
    parser.set_defaults(**_as_defaults(job))
    options = parser.parse_args(arguments)
    loaded = loaded_of(options, job.get("settings"))
    settings = Settings.from_dict(loaded.values)
    goals = () if options.check else _goals(parser, options)
    return Command(
        goals=goals,
        asked=dataclasses.replace(loaded, values=settings.to_dict()),
        wanted=stages.of_options(options, len(goals)),
        build={name: getattr(options, name) for name in build_names if getattr(options, name) is not None},
        options=options,
    )


def _goals(parser: argparse.ArgumentParser, options: argparse.Namespace) -> tuple[Goal, ...]:
    if not options.photos or options.output is None:
        parser.error("a photo and --output are needed (or --job, with both in it)")
    is_file = options.output.suffix.lower() == BLEND
    base = options.results or (options.output.parent if is_file else options.output)
    one = options.people == "one" or (options.people is None and not any(path.is_dir() for path in options.photos))
    people = find_people([path.absolute() for path in options.photos], base.absolute(), one)
    if len(people) == 1 and is_file and options.results is None:
        # Beside the .blend, but not all over its folder.
        people = [dataclasses.replace(people[0], output=people[0].output / people[0].photos[0].stem)]
    return tuple(Goal(person, _files(person, options, len(people) > 1)) for person in people)


def _files(person: Person, options: argparse.Namespace, several: bool) -> dict[str, Path]:
    """Where a person's files go: as asked, or of several people into the folder of each."""
    stem = person.output.name if several else person.photos[0].stem
    is_file = options.output.suffix.lower() == BLEND
    places = {"blend": options.output if is_file else options.output / f"{stem}{BLEND}"}
    places |= {name: getattr(options, name) for name in MORE if getattr(options, name) is not None}
    return {kind: (person.output / place.name if several else place).absolute() for kind, place in places.items()}


def _as_defaults(job: dict[str, Any]) -> dict[str, Any]:
    """A job's values by the names of the options."""
    plain = {name: value for name, value in job.items() if name not in ("settings", "build")}
    return plain | job.get("build", {})
