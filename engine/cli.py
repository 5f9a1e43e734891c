"""``nextgenface-reconstruct``: a reconstruction from a shell. The fit runs in a worker, so that even its death is told.

Exit codes: 0 all results are there, 1 it failed (of several people: for one at least), 2 the command was wrong, 130 it
was cancelled.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from . import blend, presets, stages
from .batch import Person, find_people
from .command_run import (
    CANCELLED,
    EXIT_CODES,
    FAILED,
    WRONG_USE,
    Interrupts,
    Workers,
    check_engine,
    exit_code,
    fit_people,
)
from .console import Console
from .errors import Cancelled, EngineError, SettingsError
from .hints import read_hints
from .options import add_landmark_option, add_setting_options, add_source_options, loaded_of
from .protocol import Done, JobCancelled, Message, Warned
from .results.writing import check_output
from .settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    console = Console(json_lines=options.json, verbose=options.verbose)
    try:
        if options.check:
            return check_engine(Path(sys.executable), console)
        if not options.input or options.output is None:
            parser.error("--input and --output are needed")
        loaded = loaded_of(options)
        settings = Settings.from_dict(loaded.values)
        console.verbose |= settings.verbose
        for notice in loaded.notices:
            console.show(Warned(message=notice))
        builder = _builder(options)
        return _reconstruct(options, replace(loaded, values=settings.to_dict()), builder, console)
    except Cancelled:
        console.show(JobCancelled())
        return CANCELLED
    except SettingsError as error:
        console.error(error.message, error.remedy)
        return WRONG_USE
    except EngineError as error:
        console.error(error.message, error.remedy)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nextgenface-reconstruct",
        usage="nextgenface-reconstruct --input PHOTO ... --output FOLDER [option ...]",
        description="Reconstruct head, skin maps, camera and light from photos of faces.",
        epilog=EXIT_CODES,
    )
    add = parser.add_argument
    add("--input", "-i", type=Path, nargs="+", metavar="PHOTO", help="photos, or folders of photos")
    add("--output", "-o", type=Path, metavar="FOLDER", help="folder of the results; made if it is not there")
    add(
        "--shared-identity",
        "--sharedIdentity",
        action="store_true",
        help="all photos show one person; otherwise each shows another, who gets a folder in the output",
    )
    add_source_options(parser)
    add_landmark_option(parser)
    add("--blend", type=Path, metavar="FILE", help="also write a .blend, with bpy or Blender")
    add("--blender", type=Path, metavar="PATH", help="the Blender, or a Python with bpy, for --blend")
    add("--target", type=Path, metavar="FILE", help="also write the head as a MakeHuman target (.target or .target.gz)")
    add("--check", action="store_true", help="only say what works on this machine")
    add("--json", action="store_true", help="write the events as JSON lines to standard output")
    stages.add_options(parser)
    add("--verbose", "-v", action="store_true", help="tell every step, and where the log is")
    add_setting_options(parser)
    return parser


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings of `loaded_of`."""
    return Settings.from_dict(loaded_of(options).values)


def _builder(options: argparse.Namespace) -> blend.BlendBuilder | None:
    """What makes the .blend, looked for before the fit and not after it."""
    if options.blend is None:
        return None
    builder = blend.find_builder(options.blender)
    check_output(options.blend.absolute().parent)
    return builder


def _reconstruct(
    options: argparse.Namespace, asked: presets.Loaded, builder: blend.BlendBuilder | None, console: Console
) -> int:
    people = find_people(options.input, options.output, options.shared_identity)
    wanted = stages.of_options(options, len(people))
    hints = read_hints(options.landmarks, sum(len(person.photos) for person in people))
    with Interrupts() as interrupts:
        # The worker ends before Blender begins, which needs the memory too.
        with Workers(Path(sys.executable)) as workers:
            ends = list(fit_people(people, asked, wanted, workers, interrupts, console, hints))
        if options.target is not None:
            _write_targets(options.target, people, ends, console)
        if builder is not None:
            _build_all(builder, options.blend, people, ends, interrupts, console)
    return exit_code(people, ends, console)


def _build_all(
    builder: blend.BlendBuilder,
    target: Path,
    people: list[Person],
    ends: list[Message],
    interrupts: Interrupts,
    console: Console,
) -> None:
    """``target``, or of several people a file of its name in the folder of each."""
    for person, end in zip(people, ends, strict=False):
        if isinstance(end, Done):
            if interrupts.count:
                raise Cancelled
            place = target if len(people) == 1 else person.output / target.name
            builder.build(Path(end.result), place, lambda: interrupts.count > 0)
            console.told(f"Written: {place}")


def _write_targets(target: Path, people: list[Person], ends: list[Message], console: Console) -> None:
    """``target``, or of several people a file of its name in the folder of each."""
    # Here and not above: a missing NumPy is told by the worker.
    from .makehuman import write_target_of

    for person, end in zip(people, ends, strict=False):
        if isinstance(end, Done):
            place = target if len(people) == 1 else person.output / target.name
            write_target_of(Path(end.result), place)
            console.told(f"Written: {place}")


if __name__ == "__main__":
    sys.exit(main())
