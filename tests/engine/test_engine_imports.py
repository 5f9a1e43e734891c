"""The engine imports without Blender."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_engine_module_imports_without_blender():
    """Mitsuba's parts need a variant first, as in a run."""
    files = sorted((ROOT / "engine").rglob("*.py"))
    names = [".".join(["nextgenface", *path.relative_to(ROOT).with_suffix("").parts]) for path in files]
    code = (
        "import sys, importlib\n"
        "sys.modules['bpy'] = None\n"
        "from nextgenface.engine.render.variant import activate\n"
        "activate('cpu')\n"
        f"for name in {[name.removesuffix('.__init__') for name in names]}: importlib.import_module(name)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=os.sep)
