"""The set-up and test commands: names of system packages, what counts as set up, and how results are counted."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import environments
import pytest
import setup_engine
import system_libraries
import test as test_command

ROOT = Path(__file__).resolve().parents[2]

REPORT = """<testsuites><testsuite name="pytest" tests="9" failures="2" errors="1" skipped="3"/></testsuites>"""


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libXi.so.6", "libxi6"),
        ("libX11.so.6", "libx11-6"),
        ("libstdc++.so.6", "libstdc++6"),
        ("libxkbcommon.so.0", "libxkbcommon0"),
        ("libGLESv2.so.2", "libgles2"),
        ("libGLdispatch.so.0", "libglvnd0"),
    ],
)
def test_debian_package_of_a_library(library, package):
    assert system_libraries.packages_for([library]) == [package]


def test_no_packages_without_apt(monkeypatch, tmp_path):
    monkeypatch.setattr(system_libraries.shutil, "which", lambda name: None)
    with pytest.raises(system_libraries.FetchError, match="no apt-get"):
        system_libraries.fetch_packages(["libxi6"], tmp_path)


def test_only_a_whole_and_unchanged_environment_is_current(tmp_path):
    folder = tmp_path / "env"
    environments.venv.create(folder)
    assert not environments.is_current(folder, "one")
    environments.mark_current(folder, "one")
    assert environments.is_current(folder, "one")
    assert not environments.is_current(folder, "two")
    environments.python_in(folder).unlink()
    assert not environments.is_current(folder, "one")


def test_an_environment_does_not_survive_being_moved(tmp_path):
    folder = tmp_path / "env"
    environments.venv.create(folder)
    environments.mark_current(folder, "one")
    moved = folder.rename(tmp_path / "moved")
    assert not environments.is_current(moved, "one")


def test_a_part_is_installed_once_per_recipe(tmp_path):
    installed = []
    for recipe in ("one", "one", "two"):
        environments.once(tmp_path, "tests", recipe, lambda recipe=recipe: installed.append(recipe))
    assert installed == ["one", "two"]


def test_another_python_is_refused(monkeypatch):
    monkeypatch.setattr(environments.sys, "version_info", (3, 12, 1))
    with pytest.raises(environments.SetupError, match=r"needs Python 3\.11"):
        environments.check_python()


def test_preloaded_libraries_come_in_any_order(tmp_path):
    """A library that needs another one is tried again after it."""
    order = tmp_path / "order.txt"
    site = tmp_path / "lib/python3.11/site-packages"
    site.mkdir(parents=True)
    system_libraries.preload(tmp_path, [Path("/second"), Path("/first"), Path("/never")])
    # A stand-in for the linker: /second loads only after /first.
    code = f"""
import ctypes, runpy
loaded = []
def load(name):
    if name == "/never" or (name == "/second" and "/first" not in loaded):
        raise OSError(name)
    loaded.append(name)
ctypes.CDLL = load
runpy.run_path({str(site / "nextgenface_system.py")!r})
open({str(order)!r}, "w").write(" ".join(loaded))
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert order.read_text() == "/first /second"


def test_report_counts_errors_as_failed(tmp_path):
    path = tmp_path / "report.xml"
    path.write_text(REPORT)
    assert str(test_command.read_report(path)) == "3 passed, 3 failed, 3 skipped"


def _dies(_command, _engine, said):
    said.write_text("half a line")
    return -11


def test_a_run_that_dies_is_a_failure(monkeypatch, tmp_path):
    monkeypatch.setattr(test_command, "finish", _dies)
    step = test_command.Step("pure", folder="tests/pure")
    assert test_command.run(step, tmp_path / "python", tmp_path / "python", quick=False).counts == test_command.Counts(
        failed=1
    )


def test_parts_of_a_test_run():
    names = [step.name for step in test_command.chosen(["blender"], quick=False)]
    assert names == [f"blender-{series}" for series in setup_engine.blender_versions()]
    assert [step.name for step in test_command.chosen(["pure"], quick=True)] == ["pure"]
    quick = [step.blender for step in test_command.chosen([], quick=True) if step.blender]
    assert quick == [setup_engine.default_blender()]


def test_every_requirement_is_one_exact_version():
    for path in sorted((ROOT / "wheels").glob("*.txt")):
        for line in path.read_text().splitlines():
            requirement = line.partition("#")[0].strip()
            assert not requirement or re.match(r"^[\w.-]+==[\w.]+( ;.*)?$", requirement), f"{path.name}: {line}"


def test_wheel_carries_every_package_of_the_engine():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = [ROOT / "engine", *(path.parent for path in (ROOT / "engine").glob("*/__init__.py"))]
    there = {"nextgenface", *(f"nextgenface.{'.'.join(path.relative_to(ROOT).parts)}" for path in folders)}
    assert set(declared) == there


@pytest.mark.parametrize(
    ("options", "parts"), [({}, []), ({"with_fan": True}, ["fan"]), ({"with_tests": True}, ["fan", "test"])]
)
def test_fan_is_installed_where_it_is_wanted_and_for_the_tests(monkeypatch, options, parts):
    """Alone: what it asks for would bring a second OpenCV."""
    installed = []
    monkeypatch.setattr(environments, "is_current", lambda *_: True)
    monkeypatch.setattr(environments, "once", lambda _, part, __, install: part == "project" or install())
    monkeypatch.setattr(environments, "install_locked", lambda _, *lists: installed.extend(lists))
    setup_engine.engine(**options)
    assert installed == parts
