"""Tells when memory has run out, and gives back what a finished job no longer needs. Standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import sys

# PyTorch, Dr.Jit, OpenCV and LLVM have no common kind of error for it.
_TELLTALES = ("out of memory", "allocate memory", "not enough memory", "insufficient memory", "bad_alloc")


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether ``error``, or what caused it, tells of too little memory."""
    while error is not None:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        # An error of the engine's own quotes file names, which may say anything.
        is_library = isinstance(error, RuntimeError) or type(error).__module__.partition(".")[0] in ("cv2", "torch")
        if is_library and any(part in str(error).lower() for part in _TELLTALES):
            return True
        error = error.__cause__
    return False


def release_memory() -> None:
    """Empty what is kept for later use: Python's cycles, Dr.Jit's and PyTorch's pools, and the C library's free lists.

    A worker that stays warm between jobs would otherwise keep the largest pieces of all of them.
    """
    gc.collect()
    drjit = sys.modules.get("drjit")
    if drjit is not None:
        drjit.flush_malloc_cache()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        # Only glibc has it.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
