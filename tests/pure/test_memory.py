"""What a finished job gives back."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from nextgenface.engine.memory import release_memory


def _resident() -> int:
    """Bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel told no VmRSS")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep no such lists")
def test_freed_pieces_go_back_to_the_system():
    """Pieces too small to be mapped for themselves, with one that lives on above them: the C library keeps those."""
    pieces = [bytearray(100_000) for _ in range(1500)]
    kept = bytearray(100_000)
    del pieces
    before = _resident()
    release_memory()
    assert before - _resident() > 75_000_000
    assert len(kept) == 100_000
