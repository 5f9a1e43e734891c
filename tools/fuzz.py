# SPDX-License-Identifier: GPL-3.0-or-later
"""Give damaged and hostile files to everything that reads files, for as long as is wanted.

    python tools/fuzz.py --minutes 10 --output out/fuzz

Each reader has a process of its own, with a limit on its memory. What raises anything but an `EngineError`, takes too long
or too much memory, or ends the process, is kept as a file in ``--output`` and told. Needs the packages of ``wheels/test.txt``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

CASE_SECONDS = 20
MEMORY_BYTES = 6 << 30
_PER_ROUND = 500


@dataclass
class Found:
    """What a process has seen: cases, those that were taken as good, and the errors, by their place in the program."""

    cases: int = 0
    taken: int = 0
    errors: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def bounded(seconds: int) -> Iterator[None]:
    """Raises TimeoutError in the block after ``seconds``, where the system has alarms."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"took longer than {seconds} s")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def limit_memory() -> None:
    """Have too much memory raise MemoryError instead of taking the machine's."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def fuzz(name: str, seconds: float, output: Path, first_seed: int) -> Found:
    """Run one target for so long; a case that fails is kept as ``output/NAME-NUMBER.bin``."""
    from fuzz_targets import TARGETS, edited, edits

    target = next(target for target in TARGETS if target.name == name)
    good, found, end = list(target.seeds()), Found(), time.monotonic() + seconds
    current = output / f"{name}-current.bin"

    def one(data: bytes, folder: Path) -> None:
        current.write_bytes(data)
        found.cases += 1
        try:
            with bounded(CASE_SECONDS):
                found.taken += target.run(data, folder)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            told = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
            if told not in found.errors:
                found.errors[told] = f"{error}"[:200]
                (output / f"{name}-{len(found.errors)}.bin").write_bytes(data)

    with tempfile.TemporaryDirectory(prefix="nextgenface-fuzz-") as scratch:
        while time.monotonic() < end:
            first_seed += 1

            @seed(first_seed)
            @settings(
                max_examples=_PER_ROUND, deadline=None, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(st.sampled_from(good), edits())
            def round_of_cases(data: bytes, changes: list[tuple[str, int, bytes]]) -> None:
                if time.monotonic() < end:
                    one(edited(data, changes), Path(scratch))

            round_of_cases()
    current.unlink(missing_ok=True)
    return found


def _in_a_process(name: str, arguments: argparse.Namespace, seconds: float) -> Found:
    command = [sys.executable, __file__, "--output", str(arguments.output), "--seed", str(arguments.seed)]
    done = subprocess.run(
        [*command, "--child", name, "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode == 0:
        return Found(**json.loads(done.stdout.splitlines()[-1]))
    return Found(errors={f"the process ended with {done.returncode}": f"see {name}-current.bin"})


def main() -> int:
    """Read the command line, fuzz, and print what came of it; 1 where anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="of all readers together")
    parser.add_argument("--output", type=Path, default=Path("out/fuzz"), help="folder for the cases that fail")
    parser.add_argument("--only", nargs="+", default=[], help="names of readers")
    parser.add_argument("--seed", type=int, default=0, help="another one gives other cases")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    if arguments.child:
        limit_memory()
        print(json.dumps(vars(fuzz(arguments.child, arguments.seconds, arguments.output, arguments.seed))))
        return 0
    from fuzz_targets import TARGETS

    names = [target.name for target in TARGETS if not arguments.only or target.name in arguments.only]
    failed = 0
    for name in names:
        found = _in_a_process(name, arguments, 60.0 * arguments.minutes / len(names))
        failed += len(found.errors)
        print(f"{name:12} {found.cases:8} cases, {found.taken:7} taken, {len(found.errors)} errors", flush=True)
        for place, message in found.errors.items():
            print(f"    {place}: {message}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
