"""What all tests share: where things lie, which suites can run in this environment, and markers by folder."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
# A suite is left out as a whole where the packages that its modules import at the top are not there.
NEEDS = {"engine": ("mitsuba", "torch", "mediapipe"), "blender": ("bpy",)}
MARKED_FOLDERS = ("engine", "blender", "window")


def _suite(path: Path) -> str:
    """The folder of `tests` that ``path`` lies in."""
    parts = path.relative_to(TESTS).parts if path.is_relative_to(TESTS) else ()
    return parts[0] if parts else ""


def _lacking(suite: str) -> list[str]:
    return [name for name in NEEDS.get(suite, ()) if importlib.util.find_spec(name) is None]


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out suites that cannot be imported here, and the window suite unless a Blender on a screen is named."""
    suite = _suite(collection_path)
    if suite == "window" and not os.environ.get("NEXTGENFACE_BLENDER_WINDOW"):
        return True
    return True if _lacking(suite) else None


def pytest_report_header() -> list[str]:
    """Say which suites are left out, so that a short run is not taken for a whole one."""
    return [f"tests/{suite}: left out, no {', '.join(_lacking(suite))}" for suite in NEEDS if _lacking(suite)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with its folder's marker."""
    for item in items:
        suite = _suite(item.path)
        if suite in MARKED_FOLDERS:
            item.add_marker(suite)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def astronaut() -> Path:
    """A public-domain portrait, 512 x 512: Eileen Collins, photographed by NASA."""
    return TESTS / "data" / "astronaut.png"


@pytest.fixture(scope="session")
def engine_python() -> Path:
    """The interpreter that has the engine's packages, for tests that start a real worker from elsewhere."""
    if given := os.environ.get("NEXTGENFACE_ENGINE_PYTHON"):
        return Path(given)
    if not _lacking("engine"):
        return Path(sys.executable)
    local = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if local.is_file():
        return local
    pytest.skip("no engine environment: run tools/setup_engine.py")
