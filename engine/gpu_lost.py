"""Tells when the GPU has gone away under a job: nothing of this process can use it again. Standard library only."""

from __future__ import annotations

from .memory import is_out_of_memory

# Of a worker that ends for this reason (sysexits.h has it as EX_OSERR).
EXIT_CODE = 71
# CUDA's errors come through PyTorch and Dr.Jit as RuntimeErrors that quote the driver.
_TELLTALES = ("cuda error", "cuda_check", "cuda driver error", "launch failure", "illegal memory access", "gpu is lost")


def is_gpu_lost(error: BaseException | None) -> bool:
    """Whether ``error``, or what caused it, tells that the GPU failed, and not only that its memory was too small."""
    if is_out_of_memory(error):
        return False
    while error is not None:
        if isinstance(error, RuntimeError) and any(part in str(error).lower() for part in _TELLTALES):
            return True
        error = error.__cause__
    return False
