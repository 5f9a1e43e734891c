"""Run in a child process: does this variant of Mitsuba, with this libLLVM, compile and differentiate a real kernel?

Some builds of libLLVM end the process ("Cannot select fminimum") instead of raising, so the question cannot be asked in
the process that needs the answer. Usage: ``python probe.py <variant> <libLLVM or ""> <JSON list of sys.path>``; prints
``OK`` when the gradient is right. Imports nothing of the engine, so that it runs by its path alone.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

TINY_SCENE: dict[str, Any] = {
    "type": "scene",
    "integrator": {"type": "prb", "max_depth": 3},
    "light": {"type": "constant"},
    "head": {
        "type": "rectangle",
        "bsdf": {"type": "principled", "base_color": {"type": "rgb", "value": [0.6, 0.4, 0.3]}, "roughness": 0.4},
    },
    "sensor": {"type": "perspective", "fov": 20.0, "film": {"type": "hdrfilm", "width": 8, "height": 8}},
}


def load_llvm(path: str) -> None:
    """Load libLLVM at ``path`` and name it to Dr.Jit.

    A libLLVM from PyPI lies beside its own C++ runtime, whose files lack the names that the loader looks for; loaded
    first, they are found by the name written inside them. They stay local (no RTLD_GLOBAL): their exception handling
    must not replace that of other libraries.
    """
    folder = os.path.join(os.path.dirname(path), "x86_64-unknown-linux-gnu")  # noqa: PTH118, PTH120
    for name in ("libunwind.so.1.0", "libc++abi.so.1.0", "libc++.so.1.0"):
        runtime = os.path.join(folder, name)  # noqa: PTH118
        if os.path.exists(runtime):  # noqa: PTH110
            ctypes.CDLL(runtime)
    ctypes.CDLL(path)
    os.environ["DRJIT_LIBLLVM_PATH"] = path


def gradient_of_tiny_render(variant: str) -> list[float]:
    """Derivative of a rendered principled surface's mean radiance by its base colour: three positive numbers."""
    import drjit as dr
    import mitsuba as mi

    mi.set_variant(variant)
    mi.set_log_level(mi.LogLevel.Error)
    scene_dict = dict(TINY_SCENE)
    scene_dict["sensor"] = dict(
        TINY_SCENE["sensor"], to_world=mi.ScalarTransform4f().look_at([0, 0, 5], [0, 0, 0], [0, 1, 0])
    )
    scene = mi.load_dict(scene_dict)
    parameters = mi.traverse(scene)
    key = "head.bsdf.base_color.value"
    dr.enable_grad(parameters[key])
    parameters.update()
    dr.backward(dr.mean(mi.render(scene, parameters, spp=4), axis=None))
    gradient = dr.grad(parameters[key])
    return [float(gradient[channel][0]) for channel in range(3)]


def main(variant: str, llvm: str, search_path: str) -> int:
    """Exit code 0 and ``OK`` when the kernel ran and its gradient is finite and positive."""
    sys.path[:] = json.loads(search_path)
    if llvm:
        load_llvm(llvm)
    gradient = gradient_of_tiny_render(variant)
    if not all(0.0 < value < 10.0 for value in gradient):
        print(f"the gradient came out as {gradient}", file=sys.stderr)
        return 1
    print("OK")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
