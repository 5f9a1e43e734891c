"""The program that Blender and the shell start: ``python engine/worker.py``, or ``python -m
nextgenface.engine.worker``.

It needs no install: it makes the package known by its place on the disk. All the work is in `service`.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import site
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGE = "nextgenface"


def engine_package() -> str:
    """The dotted name of the engine's package, importable after this call."""
    if __package__:
        return __package__
    folder = Path(__file__).resolve().parent
    # Run by path, Python puts this folder first; its modules (logs, settings, ...) would hide those of other packages.
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != folder]
    root = folder.parent
    spec = importlib.util.spec_from_file_location(PACKAGE, root / "__init__.py", submodule_search_locations=[str(root)])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)
    return f"{PACKAGE}.{folder.name}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve requests on standard input until it closes; the exit status.

    ``--packages FOLDER`` (again and again) names private folders of packages, searched first; the other options are
    `service`'s.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--packages", action="append", default=[])
    options, others = parser.parse_known_args(arguments)
    # Before the import of the service, which needs them.
    for folder in options.packages:
        _add_packages(folder)
    service = importlib.import_module(f"{engine_package()}.service")
    return int(service.main(others))


def _add_packages(folder: str) -> None:
    """Put a folder, and what its .pth files name, before everything else."""
    before = len(sys.path)
    site.addsitedir(folder)
    sys.path[:] = sys.path[before:] + sys.path[:before]


if __name__ == "__main__":
    sys.exit(main())
