"""The machine-readable account of a reconstruction: ``report.json``."""

from __future__ import annotations

import importlib.metadata
import math
import platform
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from ..settings import Settings

REPORT_VERSION = 1
_PACKAGES = ("numpy", "scipy", "mitsuba", "drjit", "torch", "mediapipe", "pillow", "opencv-python-headless")


def build_report(
    *,
    seconds: Mapping[str, float],
    landmark_error_percent: float,
    reproduction_psnr_db: float,
    variant: str,
    settings: Settings,
    photos: Iterable[tuple[str, str, int]],
    threads: Mapping[str, int] | None = None,
    warnings: Iterable[str] = (),
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What ``report.json`` says, as plain JSON values.

    Args:
        seconds: wall-clock seconds by part; "stage1", "stage2", "stage3" and "total" at least.
        landmark_error_percent: mean distance of the landmarks after stage 1, in percent of the face's height.
        reproduction_psnr_db: of the path-traced render against the photo, over the face's pixels.
        variant: Mitsuba's variant.
        settings: of this run.
        photos: of each file given, its name, the SHA-256 of the bytes that were read, and how many points of the face a
            person moved in it, those that followed another one too.
        threads: how many each library works with: sums are added in an order that depends on it.
        warnings: sentences shown to the person.
        extra: further values; numbers that are not finite become null everywhere.
    """
    report: dict[str, Any] = {
        "report_version": REPORT_VERSION,
        "seconds": dict(seconds),
        "landmark_error_percent": landmark_error_percent,
        "peak_memory_mb": peak_memory_mb(),
        "reproduction_psnr_db": reproduction_psnr_db,
        "variant": variant,
        "versions": versions(),
        "seed": settings.seed,
        "settings": settings.to_dict(),
        "threads": dict(threads or {}),
        "photos": [{"name": name, "sha256": digest, "placed_points": placed} for name, digest, placed in photos],
        "warnings": list(warnings),
        **(extra or {}),
    }
    plain: dict[str, Any] = _plain(report)
    return plain


def _plain(value: Any) -> Any:
    """JSON values of numpy scalars and nested containers; NaN and infinities, which JSON has not, become None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def versions() -> dict[str, str]:
    """Versions of Python, the system and the packages that shape a result; absent packages are left out."""
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for name in ("nextgenface", *_PACKAGES):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    root = sys.modules.get(__name__.split(".engine")[0])
    found["nextgenface"] = str(getattr(root, "__version__", found.get("nextgenface", "")))
    return found


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, in units of 1,000,000 bytes; 0 where the system does not tell."""
    if sys.platform == "win32":
        return _windows_peak_bytes() / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _windows_peak_bytes() -> int:
    """PeakWorkingSetSize of GetProcessMemoryInfo (psapi)."""
    import ctypes
    from ctypes import wintypes

    paged = ("QuotaPeakPagedPoolUsage", "QuotaPagedPoolUsage", "QuotaPeakNonPagedPoolUsage", "QuotaNonPagedPoolUsage")
    sizes = ("PeakWorkingSetSize", "WorkingSetSize", *paged, "PagefileUsage", "PeakPagefileUsage")

    class Counters(ctypes.Structure):
        _fields_ = [("cb", wintypes.DWORD), ("PageFaultCount", wintypes.DWORD), *((n, ctypes.c_size_t) for n in sizes)]

    counters = Counters(cb=ctypes.sizeof(Counters))
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009  (typeshed has windll on Windows only)
    kernel.GetCurrentProcess.restype = wintypes.HANDLE
    kernel.K32GetProcessMemoryInfo.argtypes = [wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD]
    if not kernel.K32GetProcessMemoryInfo(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb):
        return 0
    return int(counters.PeakWorkingSetSize)
