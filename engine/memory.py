"""Gives memory that a finished job no longer needs back to the system. Standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys


def release_memory() -> None:
    """Empty what is kept for later use: Python's cycles, Dr.Jit's pools, and the C library's free lists.

    A worker that stays warm between jobs would otherwise keep the largest pieces of all of them.
    """
    gc.collect()
    drjit = sys.modules.get("drjit")
    if drjit is not None:
        drjit.flush_malloc_cache()
    if sys.platform == "linux":
        # Only glibc has it.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
