# SPDX-License-Identifier: GPL-3.0-or-later
"""Check and build the extension's zips with the builder that Blender itself uses; run with a Python that has bpy:

python tools/build_extension.py --output-dir dist
python tools/build_extension.py --output-dir dist --kind full --platform linux-x64
python tools/build_extension.py --output-dir dist --kind full --platform linux-x64 --python 3.13 --model face_landmarker.task

The light zip is for all platforms, and Set Up Engine downloads the packages. A full zip carries those of one platform
and one Python (hundreds of megabytes), so that it can be set up without network. They are not among the manifest's wheels:
Blender would share them with all add-ons. For Python 3.13 it carries MediaPipe's face landmarker too (Apache-2.0): the file
that --model names, else a download; its SHA-256 is pinned.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "wheels"))
import model as face_model  # noqa: E402
from install import InstallError, download  # noqa: E402
from lockfile import ENGINE_LISTS, LOCK, PLATFORMS, PYTHONS, LockError, Wheel, pip_target, this_platform, wheels_for  # noqa: E402

MANIFEST = "blender_manifest.toml"
LOCK_IN_ZIP = "wheels/lock.json"


@dataclass(frozen=True)
class Contents:
    """What a full zip carries.

    Attributes:
        platform: one of `PLATFORMS`.
        python: one of `PYTHONS`.
        packages: the folder with the files; what it lacks is downloaded into it.
        model: the face landmarker's file, for the Pythons whose MediaPipe brings none; None: it is downloaded.
        lock: what takes the place of ``wheels/lock.json``, for builds of one's own.
    """

    platform: str
    python: tuple[int, int]
    packages: Path
    model: Path | None = None
    lock: Path = LOCK


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


def build_full(output: Path, contents: Contents) -> Path:
    """Build the zip that carries the packages of one platform and one Python, and validate it.

    Raises:
        subprocess.CalledProcessError: Blender's command is not satisfied; it has printed why.
        InstallError, face_model.ModelError: a file could not be had, or is another one.
    """
    wheels = wheels_for(contents.platform, contents.python, (*ENGINE_LISTS, "fan"), contents.lock)
    gather(wheels, contents)
    with_model = face_model.is_needed((wheel.name, wheel.version) for wheel in wheels)
    if with_model:
        gather_model(contents)
    light = build(output)
    full = light.with_name(f"{light.stem}-full-{_name(contents)}.zip")
    new = full.with_suffix(".part")
    _copy(light, new, contents)
    _add(new, contents.packages, [*(wheel.file for wheel in wheels), *([face_model.file_name()] if with_model else ())])
    if with_model:
        _add_licence(new, contents.packages / next(wheel.file for wheel in wheels if wheel.name == "mediapipe"))
    new.replace(full)
    _extension("validate", str(full))
    return full


def _name(contents: Contents) -> str:
    """The end of the zip's name: without a Python it is for 3.11, that of Blender 4.2 to 5.0."""
    python = "" if contents.python == PYTHONS[0] else "-python{}.{}".format(*contents.python)
    return f"{contents.platform}{python}"


def gather(wheels: Sequence[Wheel], contents: Contents) -> None:
    """Download the wheels that the folder of packages lacks."""
    contents.packages.mkdir(parents=True, exist_ok=True)
    for wheel in wheels:
        if not wheel.is_whole(contents.packages):
            print(f"{wheel.name} {wheel.version}", flush=True)
            download(wheel, contents.packages, *pip_target(contents.platform, contents.python))


def gather_model(contents: Contents) -> None:
    """Put the face landmarker's file into the folder of packages: the one that is named, else a download.

    Raises:
        InstallError: the one that is named is another file.
        face_model.ModelError: it could not be downloaded.
    """
    print(face_model.title(), flush=True)
    if contents.model:
        shutil.copyfile(contents.model, contents.packages / face_model.file_name())
        if not face_model.is_whole(contents.packages):
            raise InstallError(f"{contents.model} is not the {face_model.file_name()} that is pinned.")
    elif not face_model.is_whole(contents.packages):
        face_model.download(contents.packages)


def _copy(light: Path, new: Path, contents: Contents) -> None:
    """The same zip, for one platform only and with the lock that is asked for."""
    with zipfile.ZipFile(light) as source, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        for item in source.infolist():
            data = source.read(item)
            if item.filename == MANIFEST:
                data = data.replace(b"\nlicense =", f'\nplatforms = ["{contents.platform}"]\nlicense ='.encode())
            if item.filename == LOCK_IN_ZIP:
                data = contents.lock.read_bytes()
            archive.writestr(item, data)


def _add(archive: Path, folder: Path, names: Iterable[str]) -> None:
    """Files beside the lock; they are packed already."""
    with zipfile.ZipFile(archive, "a") as stream:
        for name in names:
            stream.write(folder / name, f"wheels/{name}", zipfile.ZIP_STORED)


def _add_licence(archive: Path, mediapipe: Path) -> None:
    """The model's terms, which are those of MediaPipe, out of its wheel."""
    with zipfile.ZipFile(mediapipe) as wheel, zipfile.ZipFile(archive, "a") as stream:
        name = next(name for name in wheel.namelist() if name.endswith("licenses/LICENSE"))
        text = f"{face_model.title()}\n\n".encode() + wheel.read(name)
        stream.writestr(f"wheels/{Path(face_model.file_name()).stem}.LICENSE.txt", text, zipfile.ZIP_DEFLATED)


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
    pythons = {"{}.{}".format(*python): python for python in PYTHONS}
    parser.add_argument("--python", choices=pythons, default=next(iter(pythons)), help="Blender's, for a full zip")
    parser.add_argument("--packages", type=Path, help="folder of the packages of full zips (dist/packages)")
    parser.add_argument("--model", type=Path, help="face_landmarker.task, for a full zip of Python 3.13")
    parser.add_argument("--lock", type=Path, default=LOCK, help="another lock for a full zip, see wheels/own_lock.py")
    options = parser.parse_args()
    packages = options.packages or options.output_dir / "packages"
    contents = Contents(options.platform, pythons[options.python], packages, options.model, options.lock)
    try:
        full = options.kind == "full"
        archive = build_full(options.output_dir, contents) if full else build(options.output_dir)
    except (InstallError, face_model.ModelError, LockError, OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
