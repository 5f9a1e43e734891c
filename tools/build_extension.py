# SPDX-License-Identifier: GPL-3.0-or-later
"""Check and build the extension's zips with the builder that Blender itself uses; run with a Python that has bpy:

python tools/build_extension.py --output-dir dist
python tools/build_extension.py --output-dir dist --kind full --platform linux-x64

The light zip is for all platforms, and Set Up Engine downloads the packages. A full zip carries those of one platform
(hundreds of megabytes), so that it can be set up without network. They are not among the manifest's wheels: Blender would
share them with all add-ons.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "wheels"))
from install import InstallError, download  # noqa: E402
from lockfile import ENGINE_LISTS, PLATFORMS, Wheel, pip_target, this_platform, wheels_for  # noqa: E402

PYTHON = (3, 11)
MANIFEST = "blender_manifest.toml"


def builder() -> Path:
    """Blender's extension command, which is a script of its own inside Blender."""
    import bpy

    scripts = Path(bpy.utils.system_resource("SCRIPTS"))
    return scripts / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"


def build(output: Path) -> Path:
    """Validate the source, build the light zip in ``output`` and validate that too.

    Raises:
        subprocess.CalledProcessError: Blender's command is not satisfied; it has printed why.
    """
    output.mkdir(parents=True, exist_ok=True)
    _extension("validate", str(ROOT))
    archive = output / f"nextgenface-{_version()}.zip"
    _extension("build", "--source-dir", str(ROOT), "--output-filepath", str(archive))
    _extension("validate", str(archive))
    return archive


def build_full(output: Path, platform: str, packages: Path) -> Path:
    """Build the zip that carries the packages of ``platform``; those that ``packages`` lacks are downloaded into it.

    Raises:
        subprocess.CalledProcessError: Blender's command is not satisfied; it has printed why.
        InstallError: a package could not be had.
    """
    wheels = wheels_for(platform, PYTHON, (*ENGINE_LISTS, "fan"))
    gather(wheels, platform, packages)
    light = build(output)
    full = light.with_name(f"{light.stem}-full-{platform}.zip")
    new = full.with_suffix(".part")
    _copy(light, new, platform)
    with zipfile.ZipFile(new, "a") as archive:
        for wheel in wheels:
            # Wheels are packed already.
            archive.write(packages / wheel.file, f"wheels/{wheel.file}", zipfile.ZIP_STORED)
    new.replace(full)
    _extension("validate", str(full))
    return full


def gather(wheels: Sequence[Wheel], platform: str, packages: Path) -> None:
    """Download what is not in ``packages`` yet."""
    packages.mkdir(parents=True, exist_ok=True)
    for wheel in wheels:
        if not wheel.is_whole(packages):
            print(f"{wheel.name} {wheel.version}", flush=True)
            download(wheel, packages, *pip_target(platform, PYTHON))


def _copy(light: Path, new: Path, platform: str) -> None:
    """The same zip, for one platform only."""
    with zipfile.ZipFile(light) as source, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        for item in source.infolist():
            data = source.read(item)
            if item.filename == MANIFEST:
                data = data.replace(b"\nlicense =", f'\nplatforms = ["{platform}"]\nlicense ='.encode())
            archive.writestr(item, data)


def _version() -> str:
    text = (ROOT / MANIFEST).read_text("utf-8")
    return re.findall(r'^version = "(.+)"', text, re.MULTILINE)[0]


def _extension(*arguments: str) -> None:
    subprocess.run([sys.executable, str(builder()), *arguments], check=True)


def main() -> int:
    """The command line; 1 where it failed."""
    parser = argparse.ArgumentParser(prog="build_extension.py", description="Build the extension's zip.")
    parser.add_argument("--output-dir", type=Path, default=ROOT / "dist", help="folder for the zip")
    parser.add_argument("--kind", choices=("light", "full"), default="light", help="full: with all packages")
    parser.add_argument("--platform", choices=PLATFORMS, default=this_platform(), help="of a full zip")
    parser.add_argument("--packages", type=Path, help="folder of the packages of full zips (dist/packages)")
    options = parser.parse_args()
    packages = options.packages or options.output_dir / "packages"
    try:
        full = options.kind == "full"
        archive = build_full(options.output_dir, options.platform, packages) if full else build(options.output_dir)
    except (InstallError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
