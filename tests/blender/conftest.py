"""Tests of the Blender side: run them in an environment that has the bpy module and pytest, one per Blender version."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

ROOT = Path(__file__).resolve().parents[2]


def _import_package() -> None:
    """Make this checkout importable as `nextgenface`, whatever its folder is called; the engine's install is not needed."""
    if "nextgenface" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        "nextgenface", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["nextgenface"] = module
    spec.loader.exec_module(module)


_import_package()
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def empty_file():
    """Factory settings without the default cube; the user's own preferences are never read."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


@pytest.fixture
def scene(empty_file):
    """A scene that has something in it that must survive."""
    mesh = bpy.data.meshes.new("Mine")
    mine = bpy.data.objects.new("Mine", mesh)
    empty_file.collection.objects.link(mine)
    world = bpy.data.worlds.new("My World")
    empty_file.world = world
    return empty_file
