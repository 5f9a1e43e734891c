# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes another extension that bundles wheels of its own, to be installed beside ours.

It imports what it bundles when Blender enables it, as such extensions do, and says what it got.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

NAME = "neighbour"
MANIFEST = """schema_version = "1.0.0"
id = "neighbour"
version = "1.0.0"
name = "Neighbour"
tagline = "Uses packages of its own"
maintainer = "NextGenFace contributors"
type = "add-on"
blender_version_min = "4.2.0"
license = ["SPDX:GPL-3.0-or-later"]
wheels = [{wheels}]
"""
CODE = '''"""Uses packages of its own."""

import importlib

MODULES = {modules!r}


def said():
    """Version and place of each module that this extension brings."""
    found = {{}}
    for name in MODULES:
        module = importlib.import_module(name)
        found[name] = [module.__version__, module.__file__]
    return found


def register():
    said()


def unregister():
    pass
'''


def make(wheels: Sequence[Path], modules: Sequence[str], folder: Path, builder: Path) -> Path:
    """Build the extension's zip in ``folder`` with Blender's own command, and return its path.

    Args:
        wheels: what it bundles.
        modules: what it imports of them; each has a ``__version__``.
        folder: is made.
        builder: Blender's extension command.
    """
    source = folder / NAME
    (source / "wheels").mkdir(parents=True)
    for wheel in wheels:
        shutil.copy(wheel, source / "wheels" / wheel.name)
    names = ", ".join(f'"./wheels/{wheel.name}"' for wheel in wheels)
    (source / "blender_manifest.toml").write_text(MANIFEST.format(wheels=names), encoding="utf-8")
    (source / "__init__.py").write_text(CODE.format(modules=tuple(modules)), encoding="utf-8")
    archive = folder / f"{NAME}.zip"
    command = [sys.executable, str(builder), "build", "--source-dir", str(source), "--output-filepath", str(archive)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return archive
