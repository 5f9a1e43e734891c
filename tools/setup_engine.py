# SPDX-License-Identifier: GPL-3.0-or-later
"""Set up the engine in ``.venv`` of this checkout and, if asked to, Blender as a Python module in folders of its own.

Run it with Python 3.11: ``python3.11 tools/setup_engine.py``. A second run finds everything in place and ends at once.
The versions come from ``wheels/``. Standard library only.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import environments
from environments import ROOT, SetupError, say

ENGINE = ROOT / ".venv"
WHEELS = ROOT / "wheels"
ENGINE_MODULES = ("numpy", "scipy", "cv2", "PIL", "torch", "drjit", "mitsuba", "mediapipe")


def engine(with_tests: bool = False, with_fan: bool = False) -> Path:
    """Make the engine's environment (with FAN or with the test packages, which need it, if wanted); its interpreter."""
    recipe = _recipe("installer.txt", "engine.txt", "mediapipe.txt")
    if not environments.is_current(ENGINE, recipe):
        say("Setting up the engine in .venv (about 1.7 GB, a few minutes)")
        _fill_engine()
        environments.mark_current(ENGINE, recipe)
    _install_project(ENGINE)
    if with_fan or with_tests:
        _add("fan")
    if with_tests:
        _add("test")
    return environments.python_in(ENGINE)


def _add(name: str) -> None:
    """Install one more list, again only if it has changed."""
    environments.once(ENGINE, name, _recipe(f"{name}.txt"), lambda: environments.install_locked(ENGINE, name))


def _fill_engine() -> None:
    environments.create(ENGINE)
    environments.install_locked(ENGINE, "installer", "engine", "mediapipe")
    environments.need_imports(ENGINE, ENGINE_MODULES)


def _install_project(folder: Path) -> None:
    """Install this checkout in place, again only if what pip reads of it has changed."""
    recipe = "".join((ROOT / name).read_text() for name in ("pyproject.toml", "__init__.py"))
    environments.once(
        folder, "project", recipe, lambda: environments.pip_install(folder, "--no-deps", "--editable", ROOT)
    )


def blender_versions() -> list[str]:
    """The tested Blender series, oldest first, such as ``["4.2", "4.5", "5.0"]``."""
    return list(_blender_pins())


def default_blender() -> str:
    """The series that builds .blend files from a shell."""
    text = (WHEELS / "bpy.txt").read_text()
    return re.findall(r"^bpy==(\d+\.\d+).*\(default\)", text, re.MULTILINE)[0]


def _blender_pins() -> dict[str, str]:
    text = (WHEELS / "bpy.txt").read_text()
    return {series: pin for pin, series in re.findall(r"^(bpy==(\d+\.\d+)\.\d+)", text, re.MULTILINE)}


def blender_folder(series: str) -> Path:
    """Where the environment with Blender ``series`` lies; the default one has the plain name."""
    return ROOT / (".venv-blender" if series == default_blender() else f".venv-blender-{series}")


def blender(series: str) -> Path:
    """Make the environment with Blender ``series`` as the module bpy and return its interpreter."""
    folder, pin = blender_folder(series), _blender_pins()[series]
    recipe = _recipe("test.txt") + pin
    if not environments.is_current(folder, recipe):
        say(f"Setting up Blender {series} in {folder.name} (about 1 GB)")
        environments.create(folder)
        environments.pip_install(folder, pin)
        environments.pip_install(folder, "pytest", "--constraint", WHEELS / "test.txt")
        environments.need_imports(folder, ["bpy"])
        environments.mark_current(folder, recipe)
    _install_project(folder)
    return environments.python_in(folder)


def _recipe(*lists: str) -> str:
    return "\n".join((WHEELS / name).read_text() for name in lists)


def main() -> int:
    """Read the command line, set up, and return the exit code."""
    parser = argparse.ArgumentParser(description="Set up the engine (and Blender as a module) inside this checkout.")
    parser.add_argument("--fan", action="store_true", help="face-alignment too, for the landmark detector 'fan'")
    parser.add_argument("--tests", action="store_true", help="the packages of the tests too")
    choices = blender_versions()
    parser.add_argument("--blender", nargs="*", choices=choices, help="Blender too; without a version, the default one")
    arguments = parser.parse_args()
    try:
        environments.check_python()
        say(f"Engine: {engine(arguments.tests, arguments.fan)}")
        if arguments.blender is not None:
            for series in arguments.blender or [default_blender()]:
                say(f"Blender {series}: {blender(series)}")
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
