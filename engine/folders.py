"""Folders that belong to a living process: locked while it lives, swept away by the next one after it died.

A lock of the operating system is used and not a process number, because numbers are given out again. Standard library
only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

LOCK_NAME = "lock"
# Of workers' folders in the system's folder for temporary files.
TEMPORARY_PREFIX = "nextgenface-work-"

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class OwnedFolder:
    """A new folder in ``parent`` that this process holds a lock on until `remove` or its end."""

    def __init__(self, parent: Path, prefix: str) -> None:
        """Make the folder. Raises OSError where that is not possible."""
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        try:
            self._descriptor = os.open(self.path / LOCK_NAME, os.O_CREAT | os.O_RDWR)
        except OSError:
            shutil.rmtree(self.path, ignore_errors=True)
            raise
        # A file system without locks leaves the folder unlocked; at worst another process then sweeps it early.
        with contextlib.suppress(OSError):
            _lock(self._descriptor)

    def remove(self) -> None:
        """Delete the folder and all in it; what cannot be deleted is left to a later sweep. May be called again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        delete(self.path)


def delete(folder: Path) -> None:
    """Delete an owned folder, its lock last: if this is cut short, the rest still counts as abandoned."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != LOCK_NAME:
                path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def is_abandoned(folder: Path) -> bool:
    """True where nobody holds the lock of an `OwnedFolder` any more. A folder whose lock cannot be looked at is not."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR)
    except OSError:
        return False
    try:
        _lock(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def abandoned(parent: Path, prefix: str) -> list[Path]:
    """The folders in ``parent`` whose owners are dead. Empty where ``parent`` cannot be read."""
    try:
        return [path for path in sorted(parent.glob(f"{prefix}*")) if path.is_dir() and is_abandoned(path)]
    except OSError:
        return []


def sweep(parent: Path, prefix: str) -> None:
    """Delete the folders in ``parent`` whose owners are dead."""
    for path in abandoned(parent, prefix):
        delete(path)
