"""panels -> operators -> (properties, the light modules of the engine), and nothing in the engine knows Blender."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What Blender's process may import of the engine: pure modules that pull in nothing heavy.
LIGHT = {"protocol", "settings", "client", "processes", "errors", "presets", "logs", "progress", "setting_groups"}
LIGHT |= {"batch", "command_run", "console", "job_file", "options", "stages"}
LIGHT |= {"bug_report", "caches", "masking", "model_files"}
LIGHT |= {"hints", "user_folders", "contours", "photo_header"}
LIGHT |= {"plain_json", "typed", "whole_files", "gpu_lost"}
# These need NumPy, which Blender has too.
ARRAYS = {"makehuman"}
HEAVY = {"mitsuba", "drjit", "torch", "mediapipe", "cv2", "scipy", "PIL"}
ENGINE = sorted((ROOT / "engine").rglob("*.py"))
BLENDER = sorted(path for folder in ("panels", "operators", "properties") for path in (ROOT / folder).rglob("*.py"))


def _imports(path):
    """Absolute dotted names of all that a file imports, wherever in it; our own package's begin with 'nextgenface'."""
    package = ["nextgenface", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            yield module
            yield from (f"{module}.{name.name}" for name in node.names)


def _id(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", ENGINE, ids=_id)
def test_nothing_in_the_engine_imports_blender_or_the_layers_above(path):
    for name in _imports(path):
        assert name.split(".")[0] not in ("bpy", "mathutils", "bmesh", "gpu"), name
        assert not name.startswith(("nextgenface.panels", "nextgenface.operators", "nextgenface.properties")), name


@pytest.mark.parametrize("path", [ROOT / "__init__.py", *BLENDER], ids=_id)
def test_blender_s_process_imports_only_light_modules_of_the_engine(path):
    for name in _imports(path):
        parts = name.split(".")
        assert parts[0] not in HEAVY, name
        if parts[:2] == ["nextgenface", "engine"] and len(parts) > 2:
            assert parts[2] in LIGHT | ARRAYS, name


@pytest.mark.parametrize("path", [path for path in BLENDER if path.parts[-2] == "properties"], ids=_id)
def test_properties_know_neither_operators_nor_panels(path):
    assert not [name for name in _imports(path) if name.startswith(("nextgenface.operators", "nextgenface.panels"))]


@pytest.mark.parametrize("path", [path for path in BLENDER if path.parts[-2] == "operators"], ids=_id)
def test_operators_do_not_know_panels(path):
    assert not [name for name in _imports(path) if name.startswith("nextgenface.panels")]


def test_the_light_modules_import_only_the_standard_library():
    code = (
        "import sys, importlib, importlib.util\n"
        f"spec = importlib.util.spec_from_file_location('nextgenface', r'{ROOT / '__init__.py'}',"
        f" submodule_search_locations=[r'{ROOT}'])\n"
        "sys.modules['nextgenface'] = module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        f"for name in {sorted(LIGHT)}: importlib.import_module('nextgenface.engine.' + name)\n"
        "allowed = set(sys.stdlib_module_names) | {'nextgenface', '__main__'}\n"
        "loaded = {name.split('.')[0] for name in sys.modules if getattr(sys.modules[name], '__spec__', None)}\n"
        "print(sorted(name for name in loaded - allowed if not name.startswith('_')))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
