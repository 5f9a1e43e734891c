# SPDX-License-Identifier: GPL-3.0-or-later
"""Set up and run everything that must hold: lint, types, and the tests on the engine and on every supported Blender.

Run it with Python 3.11: ``python3.11 tools/test.py``. ``--quick`` leaves out whole fits and all but one Blender;
``--only`` runs the named steps. The last line counts all tests of all steps. Standard library only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import environments
import setup_engine
from environments import ROOT, SetupError, say

LIMIT_SECONDS = 3600.0
# A suite keeps little more than one core busy: the engine's half of the time in Python, Blender's waiting for workers.
SIDE_BY_SIDE = 2
SLOWEST_SHOWN = 15


@dataclass(frozen=True)
class Counts:
    """How many tests passed, failed (errors too) and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass(frozen=True)
class Step:
    """One run of a tool: ``command`` follows the interpreter; a ``folder`` of tests makes it a run of pytest."""

    name: str
    command: tuple[str, ...] = ()
    folder: str = ""
    blender: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of a step."""

    step: Step
    counts: Counts
    seconds: float


CHECKS = (
    Step("lint", ("-m", "ruff", "check", ".")),
    Step("format", ("-m", "ruff", "format", "--check", ".")),
    Step("types", ("-m", "mypy")),
)


def steps() -> list[Step]:
    """Every step: the checks, then the suites, the longest first so that none is left to run alone."""
    suites = [Step("engine", folder="tests/engine"), Step("pure", folder="tests/pure")]
    versions = setup_engine.blender_versions()
    return [*CHECKS, *suites, *(Step(f"blender-{v}", folder="tests/blender", blender=v) for v in versions)]


def chosen(only: list[str], quick: bool) -> Iterator[Step]:
    """The steps whose name, or the part of it before a dash, is in ``only`` (all if empty)."""
    for step in steps():
        if only and step.name not in only and step.name.partition("-")[0] not in only:
            continue
        if quick and step.blender not in ("", setup_engine.default_blender()):
            continue
        yield step


def interpreter(step: Step, engine: Path) -> Path:
    """The Python of ``step``, set up if it is not there. Raises SetupError."""
    return setup_engine.blender(step.blender) if step.blender else engine


def run(step: Step, python: Path, engine: Path, quick: bool) -> Outcome:
    """Run ``step``, show what it says when it has ended, and count what came of it; a check counts as one test."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nextgenface-tests-") as scratch:
        said = Path(scratch) / "output.txt"
        report = Path(scratch) / "report.xml"
        code = finish([python, *_command(step, report, quick)], engine, said)
        counts = read_report(report) if report.is_file() else Counts()
        say(f"\n=== {step.name}\n{said.read_text(encoding='utf-8', errors='replace')}")
    if not step.folder:
        counts = Counts(passed=1) if code == 0 else Counts(failed=1)
    # A run that died, or that found nothing to do, must not look like a good one.
    elif code != 0 and not counts.failed:
        counts += Counts(failed=1)
    return Outcome(step, counts, time.monotonic() - start)


def _command(step: Step, report: Path, quick: bool) -> tuple[str, ...]:
    if not step.folder:
        return step.command
    selection = ("-m", "not slow") if quick else ()
    return ("-m", "pytest", step.folder, "-q", f"--durations={SLOWEST_SHOWN}", f"--junitxml={report}", *selection)


def finish(command: list[str | Path], engine: Path, said: Path) -> int:
    """Run ``command`` in the checkout's root, within the time limit, its output into ``said``; its exit code."""
    # PyTorch's threads otherwise spin while they wait, and take the cores of the run beside.
    calm = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
    environment = {**environments.clean_environment(), **calm, "NEXTGENFACE_ENGINE_PYTHON": str(engine)}
    with said.open("wb") as output:
        try:
            return subprocess.run(
                command, cwd=ROOT, env=environment, timeout=LIMIT_SECONDS, stdout=output, stderr=subprocess.STDOUT
            ).returncode
        except subprocess.TimeoutExpired:
            output.write(f"error: stopped after {LIMIT_SECONDS:.0f} s\n".encode())
            return 124


def run_all(wanted: list[Step], engine: Path, quick: bool) -> list[Outcome]:
    """Run the checks, then the suites, `SIDE_BY_SIDE` at a time; a step that could not be set up counts as failed."""
    outcomes: list[Outcome] = []
    ready: list[tuple[Step, Path]] = []
    for step in wanted:
        try:
            ready.append((step, interpreter(step, engine)))
        except SetupError as error:
            say(f"error: {error}")
            outcomes.append(Outcome(step, Counts(failed=1), 0.0))
    outcomes += [run(step, python, engine, quick) for step, python in ready if not step.folder]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        jobs = [pool.submit(run, step, python, engine, quick) for step, python in ready if step.folder]
        outcomes += [job.result() for job in jobs]
    return outcomes


def read_report(path: Path) -> Counts:
    """Count the results in a JUnit file that pytest wrote."""
    total = Counts()
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        tests, failures, errors, skipped = (
            int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")
        )
        bad = failures + errors
        total += Counts(passed=tests - bad - skipped, failed=bad, skipped=skipped)
    return total


def main() -> int:
    """Read the command line, run the steps, print the table and the closing line, and return the exit code."""
    parser = argparse.ArgumentParser(description="Set up everything and run lint, types and all tests.")
    parser.add_argument("--quick", action="store_true", help="no whole fits, and only one Blender version")
    names = sorted({name for step in steps() for name in (step.name, step.name.partition("-")[0])})
    parser.add_argument(
        "--only", nargs="+", default=[], choices=names, metavar="STEP", help="one of: " + ", ".join(names)
    )
    arguments = parser.parse_args()
    try:
        environments.check_python()
        engine = setup_engine.engine(with_tests=True)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return _summarise(run_all(list(chosen(arguments.only, arguments.quick)), engine, arguments.quick))


def _summarise(outcomes: list[Outcome]) -> int:
    say("")
    for outcome in outcomes:
        say(f"{outcome.step.name:12} {outcome.seconds:7.1f} s   {outcome.counts}")
    total = sum((outcome.counts for outcome in outcomes), Counts())
    say(f"\n{total}")
    return 0 if total.failed == 0 and total.passed else 1


if __name__ == "__main__":
    sys.exit(main())
