# SPDX-License-Identifier: GPL-3.0-or-later
"""Check and build the extension's zip with the builder that Blender itself uses; run with a Python that has bpy:

python tools/build_extension.py --output-dir dist
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def builder() -> Path:
    """Blender's extension command, which is a script of its own inside Blender."""
    import bpy

    scripts = Path(bpy.utils.system_resource("SCRIPTS"))
    return scripts / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"


def build(output: Path) -> Path:
    """Validate the source, build the zip in ``output`` and validate that too.

    Raises:
        subprocess.CalledProcessError: Blender's command is not satisfied; it has printed why.
    """
    output.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(builder())]
    subprocess.run([*command, "validate", str(ROOT)], check=True)
    subprocess.run([*command, "build", "--source-dir", str(ROOT), "--output-dir", str(output)], check=True)
    (archive,) = output.glob("nextgenface-*.zip")
    subprocess.run([*command, "validate", str(archive)], check=True)
    return archive


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="build_extension.py", description="Build the extension's zip.")
    parser.add_argument("--output-dir", type=Path, default=ROOT / "dist", help="folder for the zip")
    print(build(parser.parse_args().output_dir))
    return 0


if __name__ == "__main__":
    sys.exit(main())
