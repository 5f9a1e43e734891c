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
from dataclasses import dataclass
from pathlib import Path

import environments
import setup_engine
from environments import ROOT, SetupError, say

LIMIT_SECONDS = 1500.0


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


CHECKS = (
    Step("lint", ("-m", "ruff", "check", ".")),
    Step("format", ("-m", "ruff", "format", "--check", ".")),
    Step("types", ("-m", "mypy")),
)


def steps() -> list[Step]:
    """Every step in the order it is run: the quick ones first."""
    suites = [Step("pure", folder="tests/pure"), Step("engine", folder="tests/engine")]
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


def run(step: Step, engine: Path, quick: bool) -> Counts:
    """Run ``step`` and count what came of it; a check counts as one test, and so does a step that could not start."""
    try:
        python = setup_engine.blender(step.blender) if step.blender else engine
    except SetupError as error:
        say(f"error: {error}")
        return Counts(failed=1)
    if not step.folder:
        return Counts(passed=1) if finish([python, *step.command], engine) == 0 else Counts(failed=1)
    return _run_pytest(python, engine, step.folder, quick)


def _run_pytest(python: Path, engine: Path, folder: str, quick: bool) -> Counts:
    with tempfile.TemporaryDirectory(prefix="nextgenface-tests-") as scratch:
        report = Path(scratch) / "report.xml"
        selection = ["-m", "not slow"] if quick else []
        command = [python, "-m", "pytest", folder, "-q", f"--junitxml={report}", *selection]
        code = finish(command, engine)
        counts = read_report(report) if report.is_file() else Counts()
    # A run that died, or that found nothing to do, must not look like a good one.
    return counts if code == 0 or counts.failed else counts + Counts(failed=1)


def finish(command: list[str | Path], engine: Path) -> int:
    """Run ``command`` in the checkout's root, within the time limit, and return its exit code."""
    environment = {**environments.clean_environment(), "NEXTGENFACE_ENGINE_PYTHON": str(engine)}
    try:
        return subprocess.run(command, cwd=ROOT, env=environment, timeout=LIMIT_SECONDS).returncode
    except subprocess.TimeoutExpired:
        say(f"error: stopped after {LIMIT_SECONDS:.0f} s")
        return 124


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
    table: list[tuple[Step, Counts, float]] = []
    for step in chosen(arguments.only, arguments.quick):
        say(f"\n=== {step.name}")
        start = time.monotonic()
        table.append((step, run(step, engine, arguments.quick), time.monotonic() - start))
    return _summarise(table)


def _summarise(table: list[tuple[Step, Counts, float]]) -> int:
    say("")
    for step, counts, seconds in table:
        say(f"{step.name:12} {seconds:7.1f} s   {counts}")
    total = sum((counts for _, counts, _ in table), Counts())
    say(f"\n{total}")
    return 0 if total.failed == 0 and total.passed else 1


if __name__ == "__main__":
    sys.exit(main())
