"""Which libLLVM Dr.Jit can be trusted with here: candidates, a trial in a child process, a cache of answers."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..caches import LIBRARY_CACHES, RENDERERS
from ..plain_json import parsed, read_text
from ..user_folders import cache_folder
from ..whole_files import write_whole
from .llvm_places import system_places

PROBE = Path(__file__).with_name("probe.py")
PROBE_SECONDS = 120.0
PYPI_PACKAGE = "karellen-llvm-core"


@dataclass(frozen=True)
class Trial:
    """What came of trying one variant with one libLLVM (empty for CUDA)."""

    variant: str
    llvm: str
    ok: bool
    detail: str


def candidates() -> list[Path]:
    """Every libLLVM that could be used, best first, without repeats; only files that exist."""
    found: dict[Path, Path] = {}
    for path in _named_places():
        if path.is_file():
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _named_places() -> Iterator[Path]:
    """The environment variable, the PyPI package, then the system's own places."""
    if given := os.environ.get("DRJIT_LIBLLVM_PATH"):
        yield Path(given)
    yield from _pypi_places()
    yield from system_places()


def _pypi_places() -> Iterator[Path]:
    """Where the wheel from PyPI put its library: by its own list of files, and in the prefix of this Python."""
    name = re.compile(r"libLLVM\.so\.\d[\d.]*$")
    try:
        files = importlib.metadata.files(PYPI_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if name.search(str(file)):
            yield Path(os.path.normpath(str(file.locate())))
    # `pip install --target` moves a wheel's data files without noting where.
    for root in [sys.prefix, *sys.path]:
        yield from sorted(Path(root, "lib").glob("libLLVM.so.*"))


def try_out(variant: str, llvm: Path | None, seconds: float = PROBE_SECONDS) -> Trial:
    """Run a real kernel with ``llvm`` in a child process, or take the cached answer where nothing has changed."""
    key = _key(variant, llvm)
    cached = _read_cache().get(key)
    if isinstance(cached, list) and len(cached) == 2:
        return Trial(variant, str(llvm or ""), bool(cached[0]), str(cached[1]))
    trial, lasting = _run_probe(variant, llvm, seconds)
    if lasting:
        _write_cache(key, trial)
    return trial


def _run_probe(variant: str, llvm: Path | None, seconds: float) -> tuple[Trial, bool]:
    """The trial, and whether it would come out the same the next time (running out of time need not)."""
    command = [sys.executable, "-s", str(PROBE), variant, str(llvm or ""), json.dumps(sys.path)]
    name = str(llvm or "")
    try:
        done = subprocess.run(
            command,
            env=_clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return Trial(variant, name, False, f"gave no answer within {seconds:.0f} s"), False
    except OSError as error:
        return Trial(variant, name, False, f"could not be tried: {error}"), False
    if done.returncode == 0 and done.stdout.strip().endswith("OK"):
        return Trial(variant, name, True, "compiles and differentiates"), True
    return Trial(variant, name, False, _reason(done)), True


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that the child said, or how it ended."""
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    told = [line for line in lines if "error" in line.lower() or "cannot" in line.lower()] or lines[-1:]
    ending = f"ended by signal {-done.returncode}" if done.returncode < 0 else f"ended with code {done.returncode}"
    return f"{ending}: {told[0][:200]}" if told else ending


def _clean_environment() -> dict[str, str]:
    """This process's variables without those that steer Python or Dr.Jit (the search path goes by argument)."""
    steering = ("PYTHON", "DRJIT_", "MITSUBA_")
    return {
        name: value for name, value in os.environ.items() if name in LIBRARY_CACHES or not name.startswith(steering)
    }


def _key(variant: str, llvm: Path | None) -> str:
    """All that the answer depends on."""
    parts = [variant, _version_of("mitsuba"), _version_of("drjit"), sys.version.split()[0]]
    if llvm is not None:
        state = llvm.stat()
        parts += [str(llvm), str(state.st_mtime_ns), str(state.st_size)]
    else:
        parts.append(_cuda_driver())
    return "|".join(parts)


def _version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _cuda_driver() -> str:
    from .cuda import driver_summary

    return driver_summary()


def _cache_file() -> Path:
    return cache_folder() / RENDERERS


def _read_cache() -> dict[str, object]:
    """All answers so far; an unreadable or damaged file counts as none."""
    try:
        values = parsed(read_text(_cache_file()))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _write_cache(key: str, trial: Trial) -> None:
    """Add one answer. Without a writable cache the trial is simply made again the next time."""
    values = _read_cache()
    values[key] = [trial.ok, trial.detail]
    text = json.dumps(values, indent=1)
    with contextlib.suppress(OSError):
        write_whole(_cache_file(), lambda stream: stream.write(text.encode()))
