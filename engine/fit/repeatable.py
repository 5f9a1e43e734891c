"""Same input, same result."""

from __future__ import annotations

import torch


def make_repeatable() -> None:
    """Have PyTorch add gradients in a fixed order in this process: with several threads it is otherwise a matter of luck.

    Only warned of where an operation has no such form.
    """
    torch.use_deterministic_algorithms(True, warn_only=True)


def threads() -> dict[str, int]:
    """How many threads PyTorch and Dr.Jit work with in this process: with other numbers, the last digits are others."""
    # Dr.Jit loads an LLVM of its own choice as soon as it is imported: `activate` must come first.
    import drjit as dr

    return {"torch": torch.get_num_threads(), "drjit": int(dr.thread_count())}
