"""What Mitsuba runs on: CUDA where a GPU works, else LLVM on the processor. Call `activate` before using Mitsuba."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import RenderError
from . import cuda, llvm
from .probe import load_llvm

CUDA_VARIANT = "cuda_ad_rgb"
LLVM_VARIANT = "llvm_ad_rgb"
DEVICES = ("auto", "cpu", "cuda")
LLVM_REMEDY = "On Linux 'pip install karellen-llvm-core' brings an LLVM that works; elsewhere install LLVM 16 or newer."


@dataclass(frozen=True)
class VariantInfo:
    """What was chosen.

    Attributes:
        name: Mitsuba's name of the variant.
        llvm: path of the libLLVM in use, "" for CUDA.
        device: "cpu" or "cuda".
    """

    name: str
    llvm: str
    device: str


_active: VariantInfo | None = None


def activate(device: str = "auto") -> VariantInfo:
    """Set Mitsuba's variant for this process; the first call on a machine takes seconds, later ones use a cache.

    Args:
        device: "auto" (CUDA where it works, else the processor), "cpu" or "cuda".

    Raises:
        RenderError: nothing on this machine can differentiate, or not what ``device`` asks for.
    """
    global _active
    if _active is not None and device in ("auto", _active.device):
        return _active
    info = choose(device)
    if info.llvm:
        _must_come_first(info.llvm)
        load_llvm(info.llvm)
    # Only now: Dr.Jit looks for libLLVM when it is imported.
    import mitsuba as mi

    try:
        mi.set_variant(info.name)
        mi.set_log_level(mi.LogLevel.Error)
    except (ImportError, RuntimeError) as error:
        raise RenderError(f"Mitsuba's variant {info.name} does not start: {error}.", LLVM_REMEDY) from error
    _active = info
    return info


def _must_come_first(path: str) -> None:
    """Dr.Jit loads an LLVM of its own choice in the background as soon as it is imported, and ends the process with it."""
    if "drjit" in sys.modules and os.environ.get("DRJIT_LIBLLVM_PATH") != path:
        raise RenderError(
            "Mitsuba was imported before its LLVM library was chosen.",
            "Call render.variant.activate before any import of it.",
        )


def choose(device: str = "auto") -> VariantInfo:
    """What `activate` would set, without importing Mitsuba into this process. Same arguments and errors."""
    if device not in DEVICES:
        raise RenderError(f"'{device}' is no device.", f"Choose one of: {', '.join(DEVICES)}.")
    if importlib.util.find_spec("mitsuba") is None:
        raise RenderError("Mitsuba is not installed.", "Install the engine's packages.")
    if device in ("auto", "cuda") and cuda.driver_summary() and llvm.try_out(CUDA_VARIANT, None).ok:
        return VariantInfo(CUDA_VARIANT, "", "cuda")
    if device == "cuda":
        raise RenderError(
            "No NVIDIA GPU that Mitsuba can use was found.", "Update the driver, or set the device to 'cpu'."
        )
    working = _first_working_llvm()
    if working is None:
        raise RenderError("No LLVM library that Mitsuba can differentiate with was found.", LLVM_REMEDY)
    return VariantInfo(LLVM_VARIANT, str(working), "cpu")


def _first_working_llvm() -> Path | None:
    return next((path for path in llvm.candidates() if llvm.try_out(LLVM_VARIANT, path).ok), None)


def describe(thorough: bool = True) -> list[dict[str, object]]:
    """What works on this machine and what does not, in the form of `EngineStatus.lines`: name, ok, detail, remedy.

    Tries every library that is found, so it may take a minute the first time; if not ``thorough``, only until one works.
    """
    if importlib.util.find_spec("mitsuba") is None:
        return [_line("Mitsuba", False, "not installed", "Install the engine's packages.")]
    driver = cuda.driver_summary()
    lines = [_line("CUDA", False, "no NVIDIA GPU", "None needed: the processor does the work.")]
    if driver:
        trial = llvm.try_out(CUDA_VARIANT, None)
        lines = [_line("CUDA", trial.ok, f"{driver}: {trial.detail}", "" if trial.ok else "Update NVIDIA's driver.")]
        if trial.ok and not thorough:
            return lines
    trials = _trials(thorough)
    remedy = "" if any(trial.ok for trial in trials) else LLVM_REMEDY
    lines += [_line(f"LLVM {trial.llvm}", trial.ok, trial.detail, "" if trial.ok else remedy) for trial in trials]
    return lines if trials else [*lines, _line("LLVM", False, "no library found", LLVM_REMEDY)]


def _trials(all_of_them: bool) -> list[llvm.Trial]:
    """What came of the LLVM libraries, the best first; up to the first that works unless all are asked for."""
    trials: list[llvm.Trial] = []
    for path in llvm.candidates():
        trials.append(llvm.try_out(LLVM_VARIANT, path))
        if trials[-1].ok and not all_of_them:
            break
    return trials


def _line(name: str, ok: bool, detail: str, remedy: str) -> dict[str, object]:
    return {"name": name, "ok": ok, "detail": detail, "remedy": remedy}
