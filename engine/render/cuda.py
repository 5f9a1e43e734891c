"""Asks NVIDIA's driver, without Dr.Jit, whether there is a GPU: cheap, and safe where there is none."""

from __future__ import annotations

import ctypes
import sys


def driver_summary() -> str:
    """Driver version and number of GPUs as text, or "" where there is no driver or no GPU."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return ""
    version, count = ctypes.c_int(0), ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value < 1:
        return ""
    driver.cuDriverGetVersion(ctypes.byref(version))
    return f"driver {version.value}, {count.value} GPU(s)"
