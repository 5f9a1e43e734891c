"""Where libLLVM may lie on Linux, macOS and Windows. Standard library only."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

# Homebrew's own folders: Apple silicon, Intel, Linux.
_HOMEBREW = ("opt/homebrew", "usr/local", "home/linuxbrew/.linuxbrew")


def system_places(
    platform: str = sys.platform,
    environment: Mapping[str, str] = os.environ,
    prefixes: Sequence[str] = (sys.prefix,),
    root: Path = Path("/"),
) -> Iterator[Path]:
    """Candidates in the order in which they are worth a trial; they need not exist, and may come twice.

    Args:
        platform: as `sys.platform`.
        environment: names of folders are taken from it.
        prefixes: of this Python: conda keeps its libraries there.
        root: of the file system.
    """
    homes = [*prefixes, *([environment["CONDA_PREFIX"]] if environment.get("CONDA_PREFIX") else [])]
    if platform == "win32":
        yield from _windows(environment, homes)
        return
    brew = [environment["HOMEBREW_PREFIX"]] if environment.get("HOMEBREW_PREFIX") else []
    brew += [str(root / place) for place in _HOMEBREW]
    if platform == "darwin":
        yield from _macos(brew, homes, root)
    else:
        yield from newest_first([*_linux(root), *_below(homes, "lib/libLLVM*.so*")])
        yield from newest_first(_below(brew, "opt/llvm*/lib/libLLVM*.so*"))


def newest_first(paths: Sequence[Path]) -> list[Path]:
    """By the version numbers in the libraries' names."""
    return sorted(paths, key=_version, reverse=True)


def _linux(root: Path) -> list[Path]:
    """Debian, Ubuntu, Fedora, Arch and openSUSE keep it in one of these."""
    patterns = (
        "usr/lib/*-linux-gnu/libLLVM*.so*",
        "usr/lib/llvm-*/lib/libLLVM*.so*",
        "usr/lib64/libLLVM*.so*",
        "usr/lib/libLLVM*.so*",
        "usr/local/lib/libLLVM*.so*",
    )
    return [path for pattern in patterns for path in root.glob(pattern)]


def _macos(brew: Sequence[str], homes: Sequence[str], root: Path) -> Iterator[Path]:
    """Homebrew's current LLVM, its kept older ones (``llvm@19``), MacPorts, conda."""
    for place in brew:
        yield Path(place, "opt/llvm/lib/libLLVM.dylib")
    older = _below(brew, "opt/llvm@*/lib/libLLVM.dylib")
    yield from sorted(older, key=lambda path: _numbers(path.parts[-3]), reverse=True)
    ports = list(root.glob("opt/local/libexec/llvm-*/lib/libLLVM.dylib"))
    yield from sorted(ports, key=lambda path: _numbers(path.parts[-3]), reverse=True)
    yield from newest_first(_below(homes, "lib/libLLVM*.dylib"))


def _windows(environment: Mapping[str, str], homes: Sequence[str]) -> Iterator[Path]:
    """LLVM's installer and Chocolatey, Scoop, conda, and whatever the search path names."""
    for variable in ("ProgramFiles", "ProgramW6432", "ProgramFiles(x86)"):
        if folder := environment.get(variable):
            yield Path(folder, "LLVM", "bin", "LLVM-C.dll")
    if home := environment.get("SCOOP") or environment.get("USERPROFILE"):
        base = Path(home) if environment.get("SCOOP") else Path(home, "scoop")
        yield base / "apps" / "llvm" / "current" / "bin" / "LLVM-C.dll"
    for prefix in homes:
        yield Path(prefix, "Library", "bin", "LLVM-C.dll")
    for folder in environment.get("PATH", "").split(";"):
        if folder.strip('"'):
            yield Path(folder.strip('"'), "LLVM-C.dll")


def _below(folders: Sequence[str], pattern: str) -> list[Path]:
    return [path for folder in folders for path in Path(folder).glob(pattern)]


def _version(path: Path) -> tuple[int, ...]:
    """Version numbers in a library's name, after links: ``libLLVM-14.so.1`` -> (14, 1)."""
    return _numbers(path.resolve().name)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))
