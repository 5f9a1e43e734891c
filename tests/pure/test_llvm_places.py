"""Every place that LLVM's installers, package managers and conda use is looked into, on all three systems."""

from pathlib import Path

import pytest
from nextgenface.engine.render.llvm_places import system_places


def _lay(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def _found(root, platform, environment, prefix="nowhere"):
    """The places that exist, below ``root``, without repeats."""
    named = system_places(platform, environment, (str(root / prefix),), root)
    return list(dict.fromkeys(path.relative_to(root).as_posix() for path in named if path.is_file()))


MACOS = [
    "opt/homebrew/opt/llvm/lib/libLLVM.dylib",
    "usr/local/opt/llvm/lib/libLLVM.dylib",
    "opt/homebrew/opt/llvm@20/lib/libLLVM.dylib",
    "opt/homebrew/opt/llvm@9/lib/libLLVM.dylib",
    "opt/local/libexec/llvm-19/lib/libLLVM.dylib",
    "conda/lib/libLLVM.19.1.dylib",
    "python/lib/libLLVM.18.1.dylib",
]


def test_macos_homebrew_first_then_older_ones_macports_and_conda(tmp_path):
    _lay(tmp_path, *MACOS)
    assert _found(tmp_path, "darwin", {"CONDA_PREFIX": str(tmp_path / "conda")}, "python") == MACOS


def test_a_homebrew_of_one_s_own_comes_first(tmp_path):
    _lay(tmp_path, MACOS[0], "brew/opt/llvm/lib/libLLVM.dylib")
    found = _found(tmp_path, "darwin", {"HOMEBREW_PREFIX": str(tmp_path / "brew")})
    assert found == ["brew/opt/llvm/lib/libLLVM.dylib", MACOS[0]]


WINDOWS = [
    "Program Files/LLVM/bin/LLVM-C.dll",
    "Program Files (x86)/LLVM/bin/LLVM-C.dll",
    "me/scoop/apps/llvm/current/bin/LLVM-C.dll",
    "python/Library/bin/LLVM-C.dll",
    "conda/Library/bin/LLVM-C.dll",
    "tools/LLVM-C.dll",
]


def test_windows_installers_scoop_conda_and_the_search_path(tmp_path):
    _lay(tmp_path, *WINDOWS)
    environment = {
        "ProgramFiles": str(tmp_path / "Program Files"),
        "ProgramFiles(x86)": str(tmp_path / "Program Files (x86)"),
        "USERPROFILE": str(tmp_path / "me"),
        "CONDA_PREFIX": str(tmp_path / "conda"),
        "PATH": f'{tmp_path / "empty"};;"{tmp_path / "tools"}"',
    }
    assert _found(tmp_path, "win32", environment, "python") == WINDOWS
    (tmp_path / "own/apps/llvm/current/bin").mkdir(parents=True)
    (tmp_path / "own/apps/llvm/current/bin/LLVM-C.dll").write_bytes(b"")
    assert _found(tmp_path, "win32", {"SCOOP": str(tmp_path / "own")}) == ["own/apps/llvm/current/bin/LLVM-C.dll"]


LINUX = [
    "conda/lib/libLLVM-21.so",
    "usr/lib/llvm-20/lib/libLLVM.so.20.1",
    "usr/lib64/libLLVM-19.so",
    "usr/lib/x86_64-linux-gnu/libLLVM-14.so.1",
    "home/linuxbrew/.linuxbrew/opt/llvm/lib/libLLVM.so.18",
]


def test_linux_the_newest_of_the_system_and_conda_then_homebrew(tmp_path):
    _lay(tmp_path, *LINUX)
    assert _found(tmp_path, "linux", {"CONDA_PREFIX": str(tmp_path / "conda")}) == LINUX


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_where_nothing_is_nothing_is_found_and_nothing_fails(tmp_path, platform):
    assert _found(tmp_path, platform, {}) == []
    assert _found(tmp_path, platform, {"PATH": "", "CONDA_PREFIX": "", "SCOOP": "", "HOMEBREW_PREFIX": ""}) == []


def test_this_machine_is_looked_at_by_default():
    assert all(isinstance(path, Path) for path in system_places())
