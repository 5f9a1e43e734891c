"""``nextgenface-reconstruct``: a reconstruction from a shell. The fit runs in a worker, so that even its death is told.

Exit codes: 0 all results are there, 1 it failed (of several people: for one at least), 2 the command was wrong, 130 it
was cancelled.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

from . import blend, presets, stages
from .batch import Person, find_people
from .client import WorkerProcess
from .console import Console
from .errors import Cancelled, EngineError, SettingsError
from .hints import PhotoHints, read_hints
from .options import add_setting_options, given_settings
from .protocol import CheckEngine, Done, EngineStatus, Failed, JobCancelled, Message, Ready, Warned
from .results.writing import check_output
from .settings import Settings

OK, FAILED, WRONG_USE, CANCELLED = 0, 1, 2, 130
# How often a signal that came while nothing else happened is looked at.
_TICK_SECONDS = 0.1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    console = Console(json_lines=options.json, verbose=options.verbose)
    try:
        if options.check:
            return _check(console)
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
        epilog="Exit codes: 0 done, 1 failed (of several people: for one at least), 2 wrong use, 130 cancelled.",
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
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--config", type=Path, metavar="FILE", help="settings file, lines of 'name = value'")
    source.add_argument("--preset", choices=presets.preset_names(), help="settings that come with the program")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="one setting; may be given again")
    add(
        "--landmarks",
        nargs="+",
        default=[],
        metavar="FILE",
        help="points placed by hand, a JSON file for each photo in their order; '-' for a photo without",
    )
    add("--blend", type=Path, metavar="FILE", help="also write a .blend, with bpy or Blender")
    add("--blender", type=Path, metavar="PATH", help="the Blender, or a Python with bpy, for --blend")
    add("--check", action="store_true", help="only say what works on this machine")
    add("--json", action="store_true", help="write the events as JSON lines to standard output")
    stages.add_options(parser)
    add("--verbose", "-v", action="store_true", help="tell every step, and where the log is")
    add_setting_options(parser)
    return parser


def loaded_of(options: argparse.Namespace) -> presets.Loaded:
    """What the command asks for: preset or file, then ``--set``, then the options of their own."""
    path = presets.preset_path(options.preset) if options.preset is not None else options.config
    loaded = presets.load(path, options.set)
    return replace(loaded, values=loaded.values | given_settings(options))


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
    with _Interrupts() as interrupts:
        ends = _fit_all(people, asked, wanted, hints, interrupts, console)
        if builder is not None:
            _build_all(builder, options.blend, people, ends, interrupts, console)
    if any(isinstance(end, JobCancelled) for end in ends):
        return CANCELLED
    if len(people) > 1:
        _sum_up(people, ends, console)
    return OK if all(isinstance(end, Done) for end in ends) else FAILED


def _fit_all(
    people: list[Person],
    asked: presets.Loaded,
    wanted: stages.Stages,
    hints: list[PhotoHints],
    interrupts: _Interrupts,
    console: Console,
) -> list[Message]:
    """How the reconstruction of each ended, in order; a cancel is the last."""
    ends: list[Message] = []
    said = iter(hints)
    with _Workers() as workers:
        for number, person in enumerate(people):
            if len(people) > 1:
                console.note(f"{number + 1} of {len(people)}: {person.photos[0].name}")
            worker = workers.living()
            job = worker.start_job(
                person.photos,
                person.output,
                asked.values,
                notices=asked.notices,
                checkpoint=wanted.checkpoint,
                skip=wanted.skip,
                hints=[hint.to_dict() for hint in islice(said, len(person.photos))],
            )
            ends.append(_follow(worker, job, interrupts, console))
            if isinstance(ends[-1], JobCancelled):
                break
    return ends


class _Workers:
    """One worker for all people, and another one when it has died. At the end its memory is free for Blender."""

    def __init__(self) -> None:
        self._worker: WorkerProcess | None = None

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._worker is not None:
            self._worker.close()

    def living(self) -> WorkerProcess:
        """A worker that takes jobs."""
        if self._worker is None or not self._worker.is_alive:
            self._worker = WorkerProcess(Path(sys.executable))
            self._worker.start()
        return self._worker


def _build_all(
    builder: blend.BlendBuilder,
    target: Path,
    people: list[Person],
    ends: list[Message],
    interrupts: _Interrupts,
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


def _sum_up(people: list[Person], ends: list[Message], console: Console) -> None:
    """Say how many there are, and again what was wrong with the others."""
    failures = [(p, end) for p, end in zip(people, ends, strict=True) if isinstance(end, Failed)]
    console.told(f"{len(people) - len(failures)} of {len(people)} reconstructed.")
    for person, end in failures:
        console.told(f"Skipped {person.photos[0]}: {end.message} {end.remedy}".rstrip())


def _follow(worker: WorkerProcess, job: str, interrupts: _Interrupts, console: Console) -> Message:
    """Show the worker's messages until the job's last one; a first interrupt cancels, a second ends the worker now."""
    while True:
        message = worker.wait(_TICK_SECONDS)
        if interrupts.count == 1:
            worker.cancel(job)
        elif interrupts.count > 1:
            worker.close(0.0)
        if message is None:
            continue
        console.show(message)
        if isinstance(message, Done | JobCancelled | Failed) and message.job in (job, ""):
            return message


def _check(console: Console) -> int:
    with _Interrupts() as interrupts, WorkerProcess(Path(sys.executable)) as worker:
        worker.send(CheckEngine())
        while not interrupts.count:
            message = worker.wait(_TICK_SECONDS)
            if message is None or isinstance(message, Ready):
                continue
            console.show(message)
            if isinstance(message, EngineStatus):
                return OK if message.ok else FAILED
            if isinstance(message, Failed):
                return FAILED
    return CANCELLED


class _Interrupts:
    """Counts Ctrl-C and terminations while the block runs, instead of dying of them."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> _Interrupts:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


if __name__ == "__main__":
    sys.exit(main())
